/** SORT and SORT_RO. Behaviour: Redis 7.0 sort.c. */

export function runSort(_id: u32): void {
  unreachable();
}
