/** Set commands. Behaviour: Redis 7.0 t_set.c. */

export function runSet(_id: u32): void {
  unreachable();
}
