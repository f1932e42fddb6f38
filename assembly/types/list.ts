/** List commands. Behaviour: Redis 7.0 t_list.c. */

export function runList(_id: u32): void {
  unreachable();
}
