/** Ports on 127.0.0.1 for servers that a test starts. */

/** The cluster bus listens this much above the client port. */
export const BUS_PORT_OFFSET = 10_000;

const FIRST_PORT = 12_000;
const LAST_PORT = 22_000;

/** A port that is free, and whose bus port is free too; both below the range the system deals out itself. */
export function freePort(): number {
  return freePorts(1);
}

/** The first of `count` ports in a row that are all free, with their bus ports. */
export function freePorts(count: number): number {
  for (;;) {
    const first = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT - count));
    const ports = Array.from({ length: count }, (_, index) => first + index);
    if (ports.every((port) => isFree(port) && isFree(port + BUS_PORT_OFFSET))) return first;
  }
}

function isFree(port: number): boolean {
  try {
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}
