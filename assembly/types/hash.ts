/** Hash commands. Behaviour: Redis 7.0 t_hash.c; field expiry as Redis 7.4. */

export function runHash(_id: u32): void {
  unreachable();
}
