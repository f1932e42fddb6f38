import type { Command } from "../../../assembly/command-ids.ts";
import type { Logger } from "../../base/log.ts";
import type { CommandRow } from "../../commands/row.ts";
import type { CommandTable } from "../../commands/table.ts";
import type { Engine } from "../../engine/engine.ts";
import type { BlockedClients } from "../blocked.ts";
import type { Client } from "../client.ts";
import type { ClientMemory } from "../client-memory.ts";
import type { ClientRegistry } from "../clients.ts";
import type { Clock } from "../clock.ts";
import type { HostCommandStats } from "../command-stats.ts";
import type { ClusterHooks, ReplicationHooks } from "../hooks.ts";
import type { HostReply } from "../host-reply.ts";
import type { Latencies } from "../latencies.ts";
import type { Slowlog } from "../slowlog.ts";
import type { ServerStats } from "../stats.ts";
import type { Waits } from "../waits.ts";

/** What the execution of commands needs around it. `Node` is that; nothing in this folder knows more of it. */
export interface Surroundings {
  readonly engine: Engine;
  readonly modules: {
    readonly clock: Clock;
    readonly commands: CommandTable;
    readonly system: {
      after(milliseconds: number, action: () => void): void;
      soon(action: () => void): void;
    };
  };
  readonly log: Logger;
  readonly startedMs: number;
  readonly stallDeadlineMs: number;
  readonly tuning: {
    readonly slowlogMicroseconds: number;
    readonly slowlogLengthMax: number;
    readonly trackLatency: boolean;
    /** client-output-buffer-limit normal, the hard one; Infinity: none. */
    readonly replyBytesMax: number;
    /** client-query-buffer-limit */
    readonly queryBytesMax: number;
  };
  readonly stats: ServerStats;
  readonly clientMemory: ClientMemory;
  readonly commandStats: HostCommandStats;
  readonly latencies: Latencies;
  readonly slowlog: Slowlog;
  readonly clients: ClientRegistry;
  readonly blocked: BlockedClients;
  readonly waits: Waits;
  readonly cluster: ClusterHooks | undefined;
  readonly replication: ReplicationHooks;
  readonly publisher: PublisherPort;
  readonly cron: { beginReclaim(): void };
  /** The row of a top-level command. */
  rowOf(id: Command): CommandRow | undefined;
  /** Runs the handler of a host command. */
  perform(command: HostCommand): HostReply;
  noteJournal(): void;
  /** FLUSHALL has removed everything. */
  noteFlushed(): void;
  readonly pausing: boolean;
  notePaused(client: Client): void;
  checkOutput(client: Client): void;
  closeForOutput(client: Client): void;
  drop(client: Client): void;
}

/** What answers a host command. */
export type Performer = (command: HostCommand) => HostReply;

/** A host command that the engine has come to. */
export interface HostCommand {
  readonly client: Client;
  /** Of the top-level command. */
  readonly id: Command;
  /** Of the subcommand, if the command has some. */
  readonly row: CommandRow;
  /** With the command's own name at 0. */
  readonly argv: readonly Uint8Array[];
  /** Part of a transaction: must answer at once. */
  readonly insideExec: boolean;
  /** Wall clock of the call, milliseconds. */
  readonly nowMs: number;
}

export interface PublisherPort {
  readonly hasWaiting: boolean;
  flushTo(client: Client): void;
  notify(database: number, key: Uint8Array, event: string): void;
  publishBytes(
    channels: Uint8Array,
    channelAt: number,
    channelLength: number,
    messages: Uint8Array,
    messageAt: number,
    messageLength: number,
  ): number;
  publishToShard(channel: Uint8Array, message: Uint8Array): number;
}
