/**
 * Integers as Redis reads them from arguments (string2ll): no blanks, no plus, no leading zeros.
 */

const min = -(2n ** 63n);
const max = 2n ** 63n - 1n;

/** A signed 64-bit integer, or null. */
export function parseInteger(text: string): bigint | null {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return null;
  const value = BigInt(text);
  return value >= min && value <= max ? value : null;
}
