import type { Prng } from "../base/prng.ts";
import { Backlog } from "./backlog.ts";
import { REPLID_LENGTH } from "./limits.ts";

const noReplid = "0".repeat(REPLID_LENGTH);

/**
 * Which stream the data set has followed, and how far: PSYNC2's two replication IDs.
 *
 * `replid` names the history that goes on; `replid2` the one before the last change of primary. The
 * two have the same bytes before `secondOffset` (numbered from 1), so a replica of the old history
 * may go on from any byte up to and including that number.
 */
export class StreamHistory {
  replid: string;
  replid2 = noReplid;
  /** `second_repl_offset`: highest PSYNC offset that `replid2` is good for; -1: none. */
  secondOffset = -1;
  backlog: Backlog | null = null;
  private offsetWithoutBacklog = 0;
  /** The name was made at a restart, for a history known from a file, and nobody was told it yet. */
  private unheard = false;

  constructor(
    private readonly random: Prng,
    private readonly oldestReader: () => number,
  ) {
    this.replid = random.hex(REPLID_LENGTH);
  }

  /** `master_repl_offset`: bytes of the stream so far. */
  get offset(): number {
    return this.backlog === null ? this.offsetWithoutBacklog : this.backlog.end;
  }

  createBacklog(sizeBytes: number): void {
    if (this.backlog !== null) return;
    this.backlog = new Backlog(sizeBytes, this.offsetWithoutBacklog, this.oldestReader);
  }

  freeBacklog(): void {
    this.offsetWithoutBacklog = this.offset;
    this.backlog = null;
  }

  /** Stream bytes that are part of the data set now. */
  append(bytes: Uint8Array): void {
    if (this.backlog !== null) this.backlog.feed(bytes);
    else this.offsetWithoutBacklog += bytes.length;
  }

  /** Another data set: its history and position. There must be no reader left. */
  adopt(replid: string, offset: number): void {
    this.freeBacklog();
    this.offsetWithoutBacklog = offset;
    this.replid = replid;
    this.unheard = false;
    this.clearSecond();
  }

  /** The history so far ends here and goes on under `replid`, or under a new random ID. */
  shift(replid: string | null = null): void {
    this.replid2 = this.replid;
    this.secondOffset = this.offset + 1;
    this.replid = replid ?? this.random.hex(REPLID_LENGTH);
    this.unheard = false;
  }

  /** A new history that nobody else can have followed. */
  renew(): void {
    this.replid = this.random.hex(REPLID_LENGTH);
    this.unheard = false;
    this.clearSecond();
  }

  /** Continues at `offset` a history known from a file: replicas of it may go on from there. */
  continueFrom(replid: string, offset: number): void {
    this.freeBacklog();
    this.offsetWithoutBacklog = offset;
    this.replid2 = replid;
    this.secondOffset = offset + 1;
    this.unheard = true;
  }

  /** The name goes out to a replica. */
  publish(): void {
    this.unheard = false;
  }

  /**
   * A restarted primary becomes a replica before it wrote anything or had replicas: its data is still exactly
   * the history of the file, so it may ask to go on from there. (Redis asks under its new name and gets a full
   * synchronization.)
   */
  reclaim(): void {
    if (!this.unheard || this.offset + 1 !== this.secondOffset) return;
    this.replid = this.replid2;
    this.unheard = false;
    this.clearSecond();
  }

  private clearSecond(): void {
    this.replid2 = noReplid;
    this.secondOffset = -1;
  }
}
