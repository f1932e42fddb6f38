/**
 * What the shell tells the cluster core. Each event is handled to its end before the next one.
 *
 * Before each `tick` and each `message` the shell reports `replication` if its facts have changed
 * since they were last told (the offset may change with every write, so in practice each time):
 * offsets go out in every message header and decide elections.
 */
import type { BusMessage } from "./bus-message.ts";
import type { LinkId, RequestId } from "./effects.ts";
import type { ClusterOptions } from "./options.ts";

/** What the replication core knows and elections need. */
export interface ReplicationFacts {
  /** A primary's own replication offset, or a replica's processed offset, bytes. */
  readonly offset: number;
  /**
   * A replica's link to its primary is online: when the primary was last heard. Otherwise: when the
   * link went down. Milliseconds of the same clock as `nowMs`; 0: never was online, so what we hold
   * is of no known age and we never replace the primary by ourselves.
   */
  readonly lastContactMs: number;
  /** The data set is being loaded from disk. */
  readonly loading: boolean;
}

/** CLUSTER subcommands that change state. Texts are the client's arguments as they came. */
export type AdminCommand =
  /** MEET ip port [bus-port] */
  | {
      readonly kind: "meet";
      readonly ip: string;
      readonly port: string;
      readonly busPort: string | null;
    }
  | { readonly kind: "forget"; readonly nodeId: string }
  /** `dbEmpty`: no key in any slot. */
  | { readonly kind: "replicate"; readonly nodeId: string; readonly dbEmpty: boolean }
  | { readonly kind: "failover"; readonly mode: "normal" | "force" | "takeover" }
  | { readonly kind: "reset"; readonly hard: boolean; readonly dbEmpty: boolean }
  /** ADDSLOTS / DELSLOTS: one or more slot numbers as text. */
  | { readonly kind: "addSlots"; readonly slots: readonly string[] }
  | { readonly kind: "delSlots"; readonly slots: readonly string[] }
  /**
   * ADDSLOTSRANGE / DELSLOTSRANGE: start and end in turns, an even number of texts, at least two.
   */
  | { readonly kind: "addSlotsRange"; readonly bounds: readonly string[] }
  | { readonly kind: "delSlotsRange"; readonly bounds: readonly string[] }
  | { readonly kind: "flushSlots"; readonly dbEmpty: boolean }
  /**
   * SETSLOT slot action [node]: what stands behind the slot; `keysInSlot` counts the slot's keys.
   */
  | {
      readonly kind: "setSlot";
      readonly slot: string;
      readonly action: readonly string[];
      readonly keysInSlot: number;
    }
  | { readonly kind: "setConfigEpoch"; readonly epoch: string }
  | { readonly kind: "bumpEpoch" }
  | { readonly kind: "saveConfig" };

export type ClusterEvent =
  /** First of all events. The effects tell the engine and the disk what was loaded or made up. */
  | { readonly kind: "start" }
  /** Every 100 ms. */
  | { readonly kind: "tick" }
  /** The process stood still for longer than the node timeout; told before it does anything else. */
  | { readonly kind: "stalled" }
  /**
   * An outbound link (asked for by `openLink`) is connected; addresses as the socket names them.
   */
  | {
      readonly kind: "linkOpened";
      readonly linkId: LinkId;
      readonly localIp: string;
      readonly remoteIp: string;
    }
  /** A peer connected to our bus port; the shell chose a fresh negative linkId. */
  | {
      readonly kind: "inboundOpened";
      readonly linkId: LinkId;
      readonly localIp: string;
      readonly remoteIp: string;
    }
  /** A link ended: could not connect, end of stream, error, or bytes that are no bus protocol. */
  | { readonly kind: "linkClosed"; readonly linkId: LinkId; readonly reason: string }
  /** One whole, decoded message came over a link. */
  | { readonly kind: "message"; readonly linkId: LinkId; readonly message: BusMessage }
  /**
   * The link's unsent bytes went over `cluster-link-sendbuf-limit` (the shell counts them and asks
   * only when the limit is not 0): the core closes it and counts it in CLUSTER INFO.
   */
  | { readonly kind: "sendBufferExceeded"; readonly linkId: LinkId; readonly bytes: number }
  | { readonly kind: "replication"; readonly facts: ReplicationFacts }
  /** Directives changed (CONFIG SET); the whole new set. */
  | { readonly kind: "configured"; readonly options: ClusterOptions }
  /**
   * The data set was loaded from disk: the slots that hold keys.
   * Keys of unassigned slots make us their owner; keys of others' slots set them importing.
   */
  | { readonly kind: "dataLoaded"; readonly slotsWithKeys: readonly number[] }
  /** A client sent PUBLISH (to all nodes) or SPUBLISH (`sharded`: to the nodes of our shard). */
  | {
      readonly kind: "publish";
      readonly channel: Uint8Array;
      readonly message: Uint8Array;
      readonly sharded: boolean;
    }
  /** Send a module message to one node, or to all (null). */
  | {
      readonly kind: "sendModule";
      readonly targetId: string | null;
      readonly moduleId: bigint;
      readonly type: number;
      readonly payload: Uint8Array;
    }
  /** CONFIG RESETSTAT: message counters start again. */
  | { readonly kind: "resetStats" }
  /** The process is about to end in order: save. */
  | { readonly kind: "shutdown" }
  | { readonly kind: "admin"; readonly requestId: RequestId; readonly command: AdminCommand };
