/** HyperLogLog commands. Behaviour: Redis 7.0 hyperloglog.c. */

export function runHyperLogLog(_id: u32): void {
  unreachable();
}
