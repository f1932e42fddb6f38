/** Stream commands. Behaviour: Redis 7.0 t_stream.c. */

export function runStream(_id: u32): void {
  unreachable();
}
