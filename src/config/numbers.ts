/** The number syntaxes of redis.conf. Values are bigint: several directives go up to 2^64 - 1. */

export const int32Min = -(2n ** 31n);
export const int32Max = 2n ** 31n - 1n;
export const uint32Max = 2n ** 32n - 1n;
export const int64Min = -(2n ** 63n);
export const int64Max = 2n ** 63n - 1n;
export const uint64Max = 2n ** 64n - 1n;

/**
 * A number as C's `strtoll` reads it, all of the text: leading blanks, a sign and leading zeros are fine,
 * the empty text is 0, and what does not fit is cut to the nearest 64-bit value.
 */
export function parseLooseInteger(text: string): bigint | undefined {
  if (text === "") return 0n;
  const match = /^[ \t\n\v\f\r]*([+-]?)([0-9]+)$/.exec(text);
  if (match === null) return undefined;
  const value = match[1] === "-" ? -BigInt(match[2]!) : BigInt(match[2]!);
  return clamp(value, int64Min, int64Max);
}

/** As `parseLooseInteger`, base 8; what does not fit is an error. */
export function parseOctal(text: string): bigint | undefined {
  if (text === "") return 0n;
  const match = /^[ \t\n\v\f\r]*([+-]?)([0-7]+)$/.exec(text);
  if (match === null) return undefined;
  const magnitude = BigInt(`0o${match[2]}`);
  const value = match[1] === "-" ? -magnitude : magnitude;
  return value < int64Min || value > int64Max ? undefined : value;
}

const memoryUnits: Readonly<Record<string, bigint>> = {
  "": 1n,
  b: 1n,
  k: 1000n,
  kb: 1024n,
  m: 1000n ** 2n,
  mb: 1024n ** 2n,
  g: 1000n ** 3n,
  gb: 1024n ** 3n,
};

/**
 * Bytes with a unit: `1k` is 1000, `1kb` is 1024. As in Redis the digits may be missing (0), digits
 * beyond 64 bits count as 2^64 - 1, and the product is taken modulo 2^64.
 */
export function parseMemory(text: string): bigint | undefined {
  const match = /^([0-9]{0,127})([a-z]{0,2})$/i.exec(text);
  if (match === null) return undefined;
  const unit = memoryUnits[match[2]!.toLowerCase()];
  if (unit === undefined) return undefined;
  const count = clamp(BigInt(match[1]!), 0n, uint64Max);
  return BigInt.asUintN(64, count * unit);
}

/** The shortest exact text with a unit, as CONFIG REWRITE writes it: 1gb, 100mb, 16kb, 1000. */
export function formatMemory(bytes: bigint): string {
  for (const unit of ["gb", "mb", "kb"]) {
    const size = memoryUnits[unit]!;
    if (bytes !== 0n && bytes % size === 0n) return `${bytes / size}${unit}`;
  }
  return bytes.toString();
}

function clamp(value: bigint, low: bigint, high: bigint): bigint {
  if (value < low) return low;
  return value > high ? high : value;
}
