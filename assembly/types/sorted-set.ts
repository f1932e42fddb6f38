/** Sorted set commands. Behaviour: Redis 7.0 t_zset.c. */

export function runSortedSet(_id: u32): void {
  unreachable();
}
