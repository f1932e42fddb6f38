/** When two payloads of DUMP count as the same: equal bytes, but for what order or time decides. */

/** RDB types whose elements stand in the order of a hash table: sets and hashes. */
const unorderedTypes = [2, 4];
const STREAM = 19;

export function samePayload(real: Buffer, atoll: Buffer): boolean {
  if (real.length !== atoll.length || real[0] !== atoll[0]) return false;
  return unorderedTypes.includes(real[0] ?? 0) || withoutMoment(real) === withoutMoment(atoll);
}

/** A stream's payload without the low bytes of times near now (deliveries, consumers) and the checksum over them. */
function withoutMoment(payload: Buffer): string {
  const text = payload.toString("latin1");
  if (payload[0] !== STREAM) return text;
  const now = Buffer.alloc(8);
  now.writeBigInt64LE(BigInt(Date.now()));
  const high = now.toString("latin1", 3);
  return text
    .slice(0, -8)
    .split(high)
    .map((part, at, parts) => (at + 1 < parts.length ? part.slice(0, -3) : part))
    .join("now");
}
