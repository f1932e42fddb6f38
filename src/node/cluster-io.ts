/** What the cluster needs around it: sockets, its file, replication. */
import type { BusMessage } from "../cluster/bus-message.ts";
import type { LinkId } from "../cluster/effects.ts";
import type { ClusterConfig } from "../cluster/nodes-conf.ts";

/** What the bus tells of its sockets. */
export interface BusEvents {
  onLinkOpened(linkId: LinkId, localIp: string, remoteIp: string): void;
  onInboundOpened(linkId: LinkId, localIp: string, remoteIp: string): void;
  onLinkClosed(linkId: LinkId, reason: string): void;
  onMessage(linkId: LinkId, message: BusMessage): void;
  onBadMessage(linkId: LinkId, reason: string): void;
  onSendBufferExceeded(linkId: LinkId, bytes: number): void;
  /** `cluster-link-sendbuf-limit`, bytes; 0: none. */
  sendBufferLimit(): number;
}

export interface LinkBuffers {
  readonly allocatedBytes: number;
  readonly usedBytes: number;
  readonly connected: boolean;
}

/** The bus's sockets; `src/io/cluster-bus.ts`. */
export interface ClusterBus {
  readonly linkCount: number;
  readonly heldBytes: number;
  buffersOf(linkId: LinkId): LinkBuffers;
  open(linkId: LinkId, ip: string, port: number): void;
  send(linkId: LinkId, message: BusMessage): void;
  closeLink(linkId: LinkId): void;
  close(): void;
}

/** nodes.conf; `src/io/cluster-file.ts`. `save` answers why it could not. */
export interface ClusterStore {
  save(config: ClusterConfig): string | undefined;
  close(): void;
}

/** What the cluster asks of replication. */
export interface ClusterReplication {
  readonly offset: number;
  /** When the primary was last heard, or its link went down; 0: never. */
  readonly lastContactMs: number;
  readonly loading: boolean;
  startReplicating(host: string, port: number): void;
  becomePrimary(): void;
}
