/** Geo commands. Behaviour: Redis 7.0 geo.c. */

export function runGeo(_id: u32): void {
  unreachable();
}
