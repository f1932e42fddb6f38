/**
 * How this node shows itself: address, ports, host name and the no-failover flag from directives.
 */
import { NodeFlag } from "./bus-message.ts";
import type { ClusterOptions } from "./options.ts";
import type { ClusterNode } from "./state.ts";

export interface Ports {
  readonly port: number;
  readonly plainPort: number;
  readonly busPort: number;
}

/** Announced ports win over the real ones. */
export function announcedPorts(options: ClusterOptions): Ports {
  const { tls } = options;
  const port = (tls ? options.announceTlsPort : options.announcePort) || options.port;
  const plainPort = tls ? options.announcePort || options.plainPort : 0;
  return { port, plainPort, busPort: options.announceBusPort || options.busPort };
}

/** Puts the directives into our own node; true if something changed that nodes.conf shows. */
export function applyIdentity(
  myself: ClusterNode,
  options: ClusterOptions,
  previous: ClusterOptions | null,
): boolean {
  const before = [myself.ip, myself.port, myself.busPort, myself.hostname, myself.flags].join(" ");
  Object.assign(myself, announcedPorts(options));
  if (options.announceIp !== "") myself.ip = options.announceIp;
  // No longer announced: empty again until a peer's MEET or PING tells it.
  else if (previous !== null && previous.announceIp !== "") myself.ip = "";
  myself.hostname = options.announceHostname;
  myself.flags &= ~NodeFlag.noFailover;
  if (options.replicaNoFailover) myself.flags |= NodeFlag.noFailover;
  return (
    before !== [myself.ip, myself.port, myself.busPort, myself.hostname, myself.flags].join(" ")
  );
}
