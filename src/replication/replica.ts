import { latin1 } from "../base/bytes.ts";
import { commandText, type ReplicationContext } from "./context.ts";
import { DatasetTransfer } from "./dataset-transfer.ts";
import { Handshake, isReplid } from "./handshake.ts";
import { REPLID_LENGTH } from "./limits.ts";

/** Redis's REPL_STATE_*; the receive states of the handshake are `Handshake`'s. */
export type ReplicaState =
  | "none"
  | "connect"
  | "connecting"
  | "handshake"
  | "transfer"
  | "connected";

/** Replicas of ours; all must go when our history gets another name or other bytes. */
export interface SubReplicas {
  dropAll(): void;
  noReplicasSinceMs: number;
}

interface PrimaryAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * The link to our primary: replication.c of Redis 7.0 from "REPLICA_SIDE" on.
 *
 *   connect -> connecting -> handshake -> transfer -> connected
 *      ^___________|____________|___________|____________|   (any failure; retried once a second)
 *
 * We ask to go on from the history we have (`resumable`): our own when we were a primary, or the
 * one of our last primary. Its name and offset are those of `context.history`, since a replica adds
 * exactly the bytes it applied. The primary answers `+CONTINUE` or sends its whole data set; until
 * that is loaded, the old data, history and replicas stay, so a failed transfer costs nothing.
 */
export class ReplicaSide {
  primary: PrimaryAddress | null = null;
  state: ReplicaState = "none";
  /** Our data is a prefix of the history we name, so PSYNC may ask to go on. */
  resumable = false;
  /** Last byte from the primary, for timeouts and INFO. */
  lastIoMs = 0;
  /** When the link went down; null: never was up, or is up. */
  downSinceMs: number | null = null;
  /** Stream bytes received, applied or not (`slave_read_repl_offset`). */
  readOffset = 0;
  /** The data set on its way to us, or being loaded; null in every other state. */
  transfer: DatasetTransfer | null = null;
  linkId = 0;
  private handshake: Handshake | null = null;
  /** The primary knows offsets: false after SYNC. */
  private offsetsKnown = false;

  constructor(
    private readonly context: ReplicationContext,
    private readonly subReplicas: SubReplicas,
  ) {}

  get isReplica(): boolean {
    return this.primary !== null;
  }

  get linkUp(): boolean {
    return this.state === "connected";
  }

  /** How old our data is at most: silence on a link that is up, or the time it is down. */
  dataAgeMs(): number {
    if (this.linkUp) return this.context.nowMs - this.lastIoMs;
    return this.context.nowMs - (this.downSinceMs ?? 0);
  }

  // --- role ---

  setPrimary(host: string, port: number): void {
    if (this.primary !== null && this.isCurrent(host, port)) return;
    const wasPrimary = this.primary === null;
    this.leaveLink();
    this.primary = { host, port };
    if (wasPrimary) {
      this.resumable = true;
      this.context.history.reclaim();
      this.readOffset = this.context.history.offset;
      this.context.emit({ kind: "roleChanged", role: "replica" });
      this.context.log(
        "notice",
        "Before turning into a replica, using my own master parameters to synthesize a cached " +
          "master: I may be able to synchronize with the new master with just a partial transfer.",
      );
    }
    this.context.log("notice", `Connecting to MASTER ${this.primaryText()}`);
    this.connect();
  }

  /** At start-up, by configuration: connects with the first cron, asks to go on if restored. */
  startAs(host: string, port: number, resumable: boolean): void {
    this.primary = { host, port };
    this.state = "connect";
    this.resumable = resumable;
    this.readOffset = this.context.history.offset;
  }

  isCurrent(host: string, port: number): boolean {
    const current = this.primary;
    return current?.port === port && current.host.toLowerCase() === host.toLowerCase();
  }

  /** Promotion: the history goes on under a new name, and our replicas must learn it. */
  unsetPrimary(): void {
    if (this.primary === null) return;
    this.leaveLink();
    this.primary = null;
    this.state = "none";
    if (this.resumable) this.context.log("notice", "Discarding previously cached master state.");
    this.resumable = false;
    this.downSinceMs = null;
    const { history } = this.context;
    history.shift();
    this.context.log(
      "warning",
      `Setting secondary replication ID to ${history.replid2}, valid up to offset: ` +
        `${history.secondOffset}. New replication ID is ${history.replid}`,
    );
    this.subReplicas.dropAll();
    this.subReplicas.noReplicasSinceMs = this.context.nowMs;
    this.context.emit({ kind: "resetJournalDb" });
    this.context.emit({ kind: "roleChanged", role: "primary" });
  }

  // --- events of the link ---

  onConnected(linkId: number): void {
    if (linkId !== this.linkId || this.state !== "connecting") return;
    this.lastIoMs = this.context.nowMs;
    this.context.log("notice", "Non blocking connect for SYNC fired the event.");
    this.state = "handshake";
    const send = (parts: readonly string[]): void => this.sendCommand(parts);
    this.handshake = new Handshake(this.context, send, this.resumable);
  }

  onClosed(linkId: number, reason: string): void {
    if (linkId !== this.linkId) return;
    switch (this.state) {
      case "none":
      case "connect":
        return;
      case "connecting":
        this.context.log("warning", `Error condition on socket for SYNC: ${reason}`);
        this.state = "connect";
        return;
      case "handshake":
        this.context.log("warning", this.handshake?.silenceText() ?? reason);
        this.state = "connect";
        return;
      case "transfer":
        if (this.transfer?.loading) {
          this.transfer.lost = true;
          return;
        }
        this.context.log("warning", `I/O error trying to sync with MASTER: ${reason}`);
        this.abortTransfer();
        this.state = "connect";
        this.reconnectAfterFailure();
        return;
      case "connected":
        this.loseStream();
        this.reconnect();
        return;
    }
  }

  onData(linkId: number, bytes: Uint8Array): void {
    let rest = bytes;
    this.received(linkId);
    while (rest.length > 0 && linkId === this.linkId) {
      switch (this.state) {
        case "none":
        case "connect":
        case "connecting":
          return;
        case "handshake":
          rest = this.onHandshakeBytes(rest);
          break;
        case "transfer":
          if (this.transfer?.push(rest) === false) this.failLink();
          return;
        case "connected":
          this.readOffset += rest.length;
          this.context.emit({ kind: "streamData", linkId, bytes: rest.slice() });
          return;
      }
    }
  }

  onRdbLoaded(linkId: number): void {
    const { transfer } = this;
    if (linkId !== this.linkId || !transfer?.loading) return;
    const { history, options } = this.context;
    this.transfer = null;
    this.subReplicas.dropAll();
    this.offsetsKnown = transfer.history !== null;
    if (transfer.history !== null) history.adopt(transfer.history.replid, transfer.history.offset);
    else history.adopt(this.context.random.hex(REPLID_LENGTH), 0);
    history.createBacklog(options.backlogBytes);
    this.resumable = this.offsetsKnown;
    this.context.log("notice", "MASTER <-> REPLICA sync: Finished with success");
    this.beginStream(false);
    if (transfer.lost) {
      this.loseStream();
      this.reconnect();
      return;
    }
    this.sendAck();
    for (const part of transfer.held) {
      this.readOffset += part.length;
      this.context.emit({ kind: "streamData", linkId, bytes: part });
    }
  }

  onRdbFailed(linkId: number, reason: string): void {
    if (linkId !== this.linkId || this.state !== "transfer") return;
    this.context.log("warning", `Failed trying to load the MASTER synchronization DB: ${reason}`);
    this.transfer = null;
    this.failLink();
  }

  onAckRequested(linkId: number): void {
    if (linkId === this.linkId) this.sendAck();
  }

  /** After a protocol error nothing tells where the stream could go on: full resync. */
  onStreamBroken(linkId: number, reason: string): void {
    if (linkId !== this.linkId || this.state !== "connected") return;
    this.context.log("warning", `Protocol error in the stream of the MASTER: ${reason}`);
    this.resumable = false;
    this.loseStream();
    this.context.emit({ kind: "closePrimary", linkId });
  }

  /** Any byte is a sign of life. */
  received(linkId: number): void {
    if (linkId === this.linkId) this.lastIoMs = this.context.nowMs;
  }

  sendAck(): void {
    if (this.state !== "connected" || !this.offsetsKnown) return;
    this.sendCommand(["REPLCONF", "ACK", String(this.context.history.offset)]);
  }

  // --- once a second ---

  cron(): void {
    if (this.primary === null) return;
    const { nowMs, options } = this.context;
    if (nowMs - this.lastIoMs > options.timeoutMs) this.onTimeout();
    if (this.state === "connect") {
      this.context.log("notice", `Connecting to MASTER ${this.primaryText()}`);
      this.connect();
    }
    this.sendAck();
    if (this.transfer?.begun && !this.transfer.lost) this.send("\n");
  }

  private onTimeout(): void {
    switch (this.state) {
      case "none":
      case "connect":
        return;
      case "connecting":
      case "handshake":
        this.context.log("warning", "Timeout connecting to the MASTER...");
        this.failLink();
        this.reconnectAfterFailure();
        return;
      case "transfer":
        if (this.transfer?.loading) return;
        this.context.log(
          "warning",
          "Timeout receiving bulk data from MASTER... If the problem persists try to set the " +
            "'repl-timeout' parameter in redis.conf to a larger value.",
        );
        this.failLink();
        this.reconnectAfterFailure();
        return;
      case "connected":
        this.context.log("warning", "MASTER timeout: no data nor PING received...");
        this.context.emit({ kind: "closePrimary", linkId: this.linkId });
        this.loseStream();
        this.reconnect();
        return;
    }
  }

  // --- handshake ---

  private onHandshakeBytes(bytes: Uint8Array): Uint8Array {
    const nothing = bytes.subarray(bytes.length);
    if (this.handshake === null) return nothing;
    const { outcome, rest } = this.handshake.push(bytes);
    switch (outcome.kind) {
      case "more":
        return rest;
      case "failed":
        this.failLink();
        return nothing;
      case "fullSync":
        this.state = "transfer";
        this.transfer = new DatasetTransfer(this.context, this.linkId, outcome.history);
        return rest;
      case "continue":
        this.onContinue(outcome.replid);
        return rest;
    }
  }

  /** A new name for our history is what our own replicas must hear of, so they are disconnected. */
  private onContinue(replid: string): void {
    const { history, options } = this.context;
    this.context.log("notice", "Successful partial resynchronization with master.");
    if (isReplid(replid) && replid !== history.replid) {
      this.context.log("notice", `Master replication ID changed to ${replid}`);
      history.shift(replid);
      this.subReplicas.dropAll();
    }
    history.createBacklog(options.backlogBytes);
    this.offsetsKnown = true;
    this.beginStream(true);
    this.sendAck();
    this.context.log(
      "notice",
      "MASTER <-> REPLICA sync: Master accepted a Partial Resynchronization.",
    );
  }

  // --- stream ---

  private beginStream(resumed: boolean): void {
    this.state = "connected";
    this.downSinceMs = null;
    this.lastIoMs = this.context.nowMs;
    this.readOffset = this.context.history.offset;
    this.context.emit({ kind: "streamBegin", linkId: this.linkId, resumed });
  }

  /** Our replicas stay: perhaps we go on where we stopped. */
  private loseStream(): void {
    this.context.log("warning", "Connection with master lost.");
    if (this.resumable) this.context.log("notice", "Caching the disconnected master state.");
    this.context.emit({ kind: "streamEnd", linkId: this.linkId });
    this.readOffset = this.context.history.offset;
    this.state = "connect";
    this.downSinceMs = this.context.nowMs;
  }

  // --- the connection ---

  private connect(): void {
    const { primary } = this;
    if (primary === null) return;
    this.linkId += 1;
    this.lastIoMs = this.context.nowMs;
    this.state = "connecting";
    this.context.emit({ kind: "connectPrimary", linkId: this.linkId, ...primary });
    this.context.log("notice", "MASTER <-> REPLICA sync started");
  }

  private reconnect(): void {
    this.context.log("notice", `Reconnecting to MASTER ${this.primaryText()}`);
    this.connect();
  }

  private reconnectAfterFailure(): void {
    this.context.log("notice", `Reconnecting to MASTER ${this.primaryText()} after failure`);
    this.connect();
  }

  /** Gives the link up; the next cron tries again. */
  private failLink(): void {
    this.abortTransfer();
    this.context.emit({ kind: "closePrimary", linkId: this.linkId });
    this.state = "connect";
  }

  private abortTransfer(): void {
    this.transfer?.abort();
    this.transfer = null;
  }

  /** Before the role or the primary changes. */
  private leaveLink(): void {
    if (this.state === "none" || this.state === "connect") return;
    if (this.state === "connected") this.loseStream();
    this.failLink();
    // Socket callbacks of the link left behind must not reach the next one.
    this.linkId += 1;
  }

  private sendCommand(parts: readonly string[]): void {
    this.send(commandText(parts));
  }

  private send(text: string): void {
    this.context.emit({ kind: "sendPrimary", linkId: this.linkId, bytes: latin1(text) });
  }

  private primaryText(): string {
    const { primary } = this;
    return primary === null ? "" : `${primary.host}:${primary.port}`;
  }
}
