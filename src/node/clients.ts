import { ClientFlag, Client as Field } from "../../assembly/abi.ts";
import { Command } from "../../assembly/command-ids.ts";
import type { CommandRow } from "../commands/row.ts";
import type { Configuration } from "../config/configuration.ts";
import type { BufferClass } from "../config/special.ts";
import type { Engine } from "../engine/engine.ts";
import { type Client, type ClientKind, ClientState } from "./client.ts";

/** All clients by id, in the order in which they came. */
export class ClientRegistry {
  private readonly byId = new Map<number, Client>();
  private lastId = 0;

  constructor(
    private readonly modules: {
      readonly engine: Engine;
      readonly configuration: Configuration;
      readonly rowOf: (id: Command) => CommandRow | undefined;
      /** Channels, patterns and shard channels that a client listens to. */
      readonly subscriptionsOf: (client: Client) => readonly [number, number, number];
    },
  ) {}

  /** Ids grow by one and are never used again. */
  nextId(): number {
    return ++this.lastId;
  }

  get lastUsedId(): number {
    return this.lastId;
  }

  add(client: Client): void {
    this.byId.set(client.id, client);
  }

  remove(client: Client): void {
    this.byId.delete(client.id);
  }

  get(id: number): Client | undefined {
    return this.byId.get(id);
  }

  [Symbol.iterator](): MapIterator<Client> {
    return this.byId.values();
  }

  get size(): number {
    return this.byId.size;
  }

  count(kind: ClientKind): number {
    let count = 0;
    for (const client of this.byId.values()) if (client.kind === kind) count++;
    return count;
  }

  get blockedCount(): number {
    let count = 0;
    for (const client of this.byId.values()) if (isBlocked(client)) count++;
    return count;
  }

  /** The limit that holds for a kind of client; the primary's link counts as normal (getClientTypeByName). */
  outputLimit(kind: ClientKind): { hardBytes: number; softBytes: number; softSeconds: number } {
    const limits = this.modules.configuration.get("client-output-buffer-limit");
    const name: BufferClass =
      kind === "replica" ? "slave" : kind === "pubsub" ? "pubsub" : "normal";
    return limits[name];
  }

  /** True when the client's unsent output is over its limit (checkClientOutputBufferLimits). */
  overOutputLimit(client: Client, nowMs: number): boolean {
    const used = client.link.pendingBytes + client.streamBytes;
    const { hardBytes, softBytes, softSeconds } = this.outputLimit(client.kind);
    if (hardBytes > 0 && used >= hardBytes) return true;
    if (softBytes === 0 || used < softBytes) {
      client.overSoftLimitSinceMs = 0;
      return false;
    }
    if (client.overSoftLimitSinceMs === 0) {
      client.overSoftLimitSinceMs = nowMs;
      return false;
    }
    return nowMs - client.overSoftLimitSinceMs > softSeconds * 1000;
  }

  /** Bytes that the server holds for a client: its record, query buffer, queue and unsent output. */
  memoryBytes(client: Client): number {
    const { engine } = this.modules;
    return (
      clientRecordBytes +
      engine.clientWord(client.handle, Field.QueryCapacity) +
      engine.clientWord(client.handle, Field.QueuedBytes) +
      client.held.bytes +
      client.link.pendingBytes
    );
  }

  /**
   * One line of CLIENT LIST (catClientInfoString in Redis's networking.c; 7.2's library fields at the end). `command`: what
   * the client is running just now, which has left its query buffer.
   */
  describe(client: Client, nowMs: number, command: readonly Uint8Array[] = []): string {
    const { engine } = this.modules;
    const word = (field: Field): number => engine.clientWord(client.handle, field);
    const flags = word(Field.Flags);
    const queryLength = word(Field.QueryLength) + encodedBytes(command);
    const multi = (flags & ClientFlag.Multi) === 0 ? -1 : word(Field.QueuedCount);
    const [channels, patterns, shardChannels] = this.modules.subscriptionsOf(client);
    const fields = [
      `id=${client.id}`,
      `addr=${client.link.remoteAddress}`,
      `laddr=${client.link.localAddress}`,
      `fd=${client.link.fileDescriptor}`,
      `name=${client.name}`,
      `age=${Math.max(0, Math.floor((nowMs - client.createdMs) / 1000))}`,
      `idle=${Math.max(0, Math.floor((nowMs - client.lastActiveMs) / 1000))}`,
      `flags=${flagLetters(client, flags)}`,
      `db=${word(Field.Database)}`,
      `sub=${channels}`,
      `psub=${patterns}`,
      `ssub=${shardChannels}`,
      `multi=${multi}`,
      `qbuf=${queryLength}`,
      `qbuf-free=${Math.max(0, word(Field.QueryCapacity) - queryLength)}`,
      `argv-mem=${command.reduce((sum, argument) => sum + argument.length, 0)}`,
      `multi-mem=${word(Field.QueuedBytes)}`,
      "rbs=0",
      "rbp=0",
      "obl=0",
      `oll=${client.link.pendingCount}`,
      `omem=${client.link.pendingBytes + client.streamBytes}`,
      `tot-mem=${this.memoryBytes(client)}`,
      `events=${client.link.pendingBytes > 0 ? "rw" : "r"}`,
      `cmd=${this.lastCommand(client)}`,
      `user=${client.user}`,
      "redir=-1",
      `resp=${word(Field.Protocol)}`,
      `lib-name=${client.libraryName}`,
      `lib-ver=${client.libraryVersion}`,
    ];
    return fields.join(" ");
  }

  lastCommand(client: Client): string {
    if (client.hostCommand !== "") return client.hostCommand;
    const id = this.modules.engine.clientWord(client.handle, Field.LastCommandId);
    if (id === Command.None) return "NULL";
    return this.modules.rowOf(id)?.fullName ?? "NULL";
  }
}

/** How long a command is as a RESP array; 0 without arguments. */
function encodedBytes(command: readonly Uint8Array[]): number {
  if (command.length === 0) return 0;
  const headerBytes = (value: number): number => 3 + String(value).length;
  const bulkBytes = (argument: Uint8Array): number =>
    headerBytes(argument.length) + argument.length + 2;
  return command.reduce((sum, it) => sum + bulkBytes(it), headerBytes(command.length));
}

/** To Redis a client that is paused is blocked too. */
function isBlocked(client: Client): boolean {
  return client.state === ClientState.Blocked || client.state === ClientState.Paused;
}

/** About what the host spends on an idle connection: object, socket and engine record. */
const clientRecordBytes = 1024;

function flagLetters(client: Client, flags: number): string {
  let letters = "";
  if (client.kind === "replica") letters += "S";
  if (client.kind === "master") letters += "M";
  if (client.kind === "pubsub") letters += "P";
  if (flags & ClientFlag.Multi) letters += "x";
  if (isBlocked(client)) letters += "b";
  if (flags & (ClientFlag.DirtyCas | ClientFlag.DirtyExec)) letters += "d";
  if (client.state === ClientState.Closing) letters += "c";
  if (client.link.unixSocket) letters += "U";
  if (flags & ClientFlag.ReadOnly) letters += "r";
  if (flags & ClientFlag.NoEvict) letters += "e";
  if (flags & ClientFlag.NoTouch) letters += "T";
  return letters === "" ? "N" : letters;
}
