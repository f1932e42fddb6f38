/**
 * What the cluster core asks its shell to do.
 *
 * Effects are performed strictly in the order of the list, each finished before the next begins.
 * SAVED BEFORE SENT: `saveConfig` is finished only when the file and its directory entry are
 * fsynced; messages, replies and promotions that depend on it stand after it. A shell that cannot
 * save must end the process ("Fatal: can't update cluster config file."): no later effect may
 * happen.
 *
 * Byte arrays in effects are fresh or never written again: the shell may keep them.
 */
import type { BusMessage } from "./bus-message.ts";
import type { ClusterConfig } from "./nodes-conf.ts";

/**
 * The name of one TCP connection of the bus, for its whole life. Outbound links (we connected) are
 * positive and chosen by the core; inbound links (a peer connected) are negative and chosen by the
 * shell, counting down. Numbers are never used again, so events of a link that is gone are ignored.
 */
export type LinkId = number;

/** Chosen by the shell for each admin command; comes back in its `reply`. */
export type RequestId = number;

/** The answer to an admin command: a status text, or an error text with its code (`ERR ...`). */
export type AdminReply =
  | { readonly kind: "ok"; readonly text: string }
  | { readonly kind: "error"; readonly text: string };

/** Who serves a slot, seen from this node. `replicated`: owned by the primary that we replicate. */
export type SlotOwner = "none" | "mine" | "replicated" | "other";

/** All that the engine needs to serve or redirect one slot. */
export interface SlotState {
  /** 0..16383. */
  readonly slot: number;
  readonly owner: SlotOwner;
  /** Our slot, on its way to this node ID (ASK for missing keys); null: stable. */
  readonly migratingTo: string | null;
  /** On its way to us from this node ID (served after ASKING); null: stable. */
  readonly importingFrom: string | null;
}

export type LogLevel = "debug" | "verbose" | "notice" | "warning";

export type ClusterEffect =
  /** Write nodes.conf whole: temporary file, fsync, rename, fsync of the directory. */
  | { readonly kind: "saveConfig"; readonly config: ClusterConfig }
  /** Connect to a peer's bus port; answer with `linkOpened` or `linkClosed` for this linkId. */
  | {
      readonly kind: "openLink";
      readonly linkId: LinkId;
      readonly nodeId: string;
      readonly ip: string;
      readonly busPort: number;
    }
  /**
   * Close a connection of either direction, at once; bytes not yet written are dropped.
   * No `linkClosed` is expected for it (one that comes is ignored).
   */
  | { readonly kind: "closeLink"; readonly linkId: LinkId }
  /**
   * Encode and queue one message. Order per link is the order of effects; on a link that is still
   * connecting the bytes wait. A linkId that is closed already is ignored.
   */
  | { readonly kind: "send"; readonly linkId: LinkId; readonly message: BusMessage }
  /** Slots whose state differs from what was last told. The first one, after `start`, tells all. */
  | { readonly kind: "slotsChanged"; readonly slots: readonly SlotState[] }
  /** `cluster_state`, for the engine's CLUSTERDOWN: told at `start` and on each change. */
  | { readonly kind: "stateChanged"; readonly state: "ok" | "fail" }
  /** Be a replica of this node: REPLICAOF ip port. Told again when its address changes. */
  | {
      readonly kind: "replicate";
      readonly primaryId: string;
      readonly ip: string;
      readonly port: number;
    }
  /** Be a primary: REPLICAOF NO ONE, keeping the data and the offset. */
  | { readonly kind: "becomePrimary" }
  /**
   * Hold back commands that write (manual failover: CLIENT PAUSE untilMs WRITE, purpose
   * "failover"), and stop expiry and eviction meanwhile, so that the replication offset stands
   * still.
   */
  | { readonly kind: "pauseWrites"; readonly untilMs: number }
  | { readonly kind: "resumeWrites" }
  /** Delete the keys of slots that we lost; slots without keys may be among them. */
  | { readonly kind: "deleteSlotKeys"; readonly slots: readonly number[] }
  /** Drop all keys of all databases (CLUSTER RESET of a replica). */
  | { readonly kind: "flushData" }
  /** A PUBLISH (or SPUBLISH, `sharded`) of a peer, for local subscribers only. */
  | {
      readonly kind: "deliverPublish";
      readonly channel: Uint8Array;
      readonly message: Uint8Array;
      readonly sharded: boolean;
    }
  /** A module message of a known peer; `moduleId` and `type` as sent. */
  | {
      readonly kind: "deliverModule";
      readonly senderId: string;
      readonly moduleId: bigint;
      readonly type: number;
      readonly payload: Uint8Array;
    }
  /**
   * Answer the client that sent the admin command; all that the answer promises stands before it.
   */
  | { readonly kind: "reply"; readonly requestId: RequestId; readonly reply: AdminReply }
  /** One log line, Redis's text where Redis logs one. */
  | { readonly kind: "log"; readonly level: LogLevel; readonly text: string };
