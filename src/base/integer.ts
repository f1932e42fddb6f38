const min = -(2n ** 63n);
const max = 2n ** 63n - 1n;

/**
 * A signed 64-bit decimal in Redis's strict form (string2ll): no blanks, no plus, no leading zeros, no `-0`.
 * Undefined when it is anything else.
 */
export function parseInteger(text: string): bigint | undefined {
  if (!/^(?:0|-?[1-9][0-9]{0,18})$/.test(text)) return undefined;
  const value = BigInt(text);
  return value < min || value > max ? undefined : value;
}
