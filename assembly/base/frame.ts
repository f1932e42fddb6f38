/**
 * The regions of one call: arguments, replies, journal, key events, output. `abi.ts` names the words of the
 * frame; `publish` fills them when control goes back to the host.
 */
import { Client, Frame, Region } from "../abi";
import { Setting } from "../settings";
import { alloc, canAllocate, free, resize } from "./memory";

const framePointer: usize = memory.data(80, 16);
const settingsPointer: usize = memory.data(64 * 8, 16);
/** Room for texts from the host. */
const SCRATCH_BYTES: usize = 65536;
const OUTPUT_START: usize = 65536;
/** Regions that grew beyond this are given back after they were taken. */
const KEEP_BYTES: usize = 1 << 20;
/** No byte stream grows beyond this. */
const STREAM_MAX: u64 = 3 << 30;

export let scratchPointer: usize = 0;
/** Input of clients without a query buffer of their own; some slack behind, as readers look ahead. */
export let inputPointer: usize = 0;

// The call in hand. Module variables are WASM globals: as cheap as locals.
export let now: i64 = 0;
export let client: usize = 0;
export let clientFlags: u32 = 0;
export let resp3: bool = false;
export let argc: u32 = 0;
export let argv: usize = 0;
export let commandId: u32 = 0;
/** The hash slot of the command's first key; set before the command runs. */
export let slot: u32 = 0;
/** The error counter's mark: true once an error reply was written by the command. */
export let failed: bool = false;

export function setNow(value: i64): void {
  now = value;
}
export function setClient(pointer: usize): void {
  client = pointer;
  clientFlags = load<u32>(pointer, Client.Flags << 2);
  resp3 = load<u32>(pointer, Client.Protocol << 2) == 3;
}
export function setArguments(count: u32, pointer: usize): void {
  argc = count;
  argv = pointer;
}
export function setCommand(id: u32): void {
  commandId = id;
  failed = false;
}
export function setSlot(value: u32): void {
  slot = value;
}
export function setFailed(): void {
  failed = true;
}
export function changeFlags(clear: u32, set: u32): void {
  clientFlags = (clientFlags & ~clear) | set;
  store<u32>(client, clientFlags, Client.Flags << 2);
}

/** Accessors of the command's arguments. */
export class Arg {
  @inline static ptr(index: u32): usize {
    return load<usize>(argv + ((<usize>index) << 3));
  }
  @inline static length(index: u32): u32 {
    return load<u32>(argv + ((<usize>index) << 3), 4);
  }
  @inline static byte(index: u32, at: u32): u32 {
    return load<u8>(load<usize>(argv + ((<usize>index) << 3)) + at);
  }
}

/** Numbers the host sets; see `Setting` in `settings.ts`. */
export class Settings {
  @inline static value(setting: u32): f64 {
    return load<f64>(settingsPointer + ((<usize>setting) << 3));
  }
  @inline static on(setting: u32): bool {
    return load<f64>(settingsPointer + ((<usize>setting) << 3)) != 0;
  }
}

export let gates: u32 = 0;
export let clusterEnabled: bool = false;
export let isReplica: bool = false;
export let journalOn: bool = false;
/** Bits of `Notify`: what the host wants to hear of keys. */
export let notifyEvents: u32 = 0;

/** Those of `gates` that the engine itself closes. */
let ownGates: u32 = 0;

export function setOwnGate(gate: u32, on: bool): void {
  ownGates = on ? ownGates | gate : ownGates & ~gate;
  gates = on ? gates | gate : gates & ~gate;
}

export function setSetting(setting: u32, value: f64): void {
  store<f64>(settingsPointer + ((<usize>setting) << 3), value);
  if (setting == Setting.Gates) gates = <u32>value | ownGates;
  else if (setting == Setting.ClusterEnabled) clusterEnabled = value != 0;
  else if (setting == Setting.Replica) isReplica = value != 0;
  else if (setting == Setting.Journal) journalOn = value != 0;
  else if (setting == Setting.NotifyEvents) notifyEvents = <u32>value;
}

// Replies: a region that grows as long as memory lasts.

export let replyBase: usize = 0;
export let replyAt: usize = 0;
let replyEnd: usize = 0;
/** Where the replies of the command in hand begin. */
export let replyMark: usize = 0;

export function setReplyAt(at: usize): void {
  replyAt = at;
}
export function markReply(): void {
  replyMark = replyAt;
}
/** Drops what the command in hand has replied. */
export function dropReply(): void {
  replyAt = replyMark;
}

/**
 * Behind `replyEnd` so much more is there: where memory cannot hold a reply, what the command still writes goes to
 * the place where its reply began, and is dropped in the end.
 */
const REPLY_SLACK: usize = 8192;
/** The reply of the command in hand did not fit into memory; see `answerLost` in dispatch. */
export let replyLost: bool = false;

/** Makes room for `bytes` (at most 4 KiB); callers then store at `replyAt` and move it. */
export function needReply(bytes: usize): void {
  if (replyAt + bytes > replyEnd) growReply(bytes);
}

/** As `needReply`, for any number of bytes. False: the reply is lost, and nothing may be written. */
export function roomReply(bytes: usize): bool {
  if (replyAt + bytes <= replyEnd) return true;
  return growReply(bytes);
}

/** Drops a lost reply. False: there is not even room for an error in its place. */
export function clearLost(): bool {
  replyLost = false;
  replyAt = replyMark;
  return replyMark <= replyEnd;
}

/** Whether a reply of `bytes` can be built: asked before replies that may be very large. */
export function canReply(bytes: usize): bool {
  if (replyAt + bytes <= replyEnd) return true;
  const wanted = <u64>(replyAt - replyBase) + <u64>bytes;
  return wanted < STREAM_MAX && canAllocate(grownSize(<usize>wanted) + REPLY_SLACK);
}

function grownSize(bytes: usize): usize {
  // Doubling up to 64 MiB, then an eighth more each time, so that huge replies do not double in memory.
  return bytes < 64 << 20 ? bytes << 1 : bytes + (bytes >> 3);
}

function growReply(bytes: usize): bool {
  const length = replyAt - replyBase;
  const mark = replyMark - replyBase;
  const wanted = <u64>length + <u64>bytes;
  const size = grownSize(<usize>wanted);
  if (replyLost || wanted > STREAM_MAX || !canAllocate(size + REPLY_SLACK)) {
    replyLost = true;
    setFailed();
    replyAt = replyMark;
    return false;
  }
  replyBase = resize(replyBase, length, size + REPLY_SLACK);
  replyAt = replyBase + length;
  replyMark = replyBase + mark;
  replyEnd = replyBase + size;
  return true;
}

/** Room for the header of an array whose length is not known yet; answers its offset for `closeReplyGap`. */
export function needReplyGap(): usize {
  needReply(64);
  const offset = replyAt - replyBase;
  replyAt += GAP_BYTES;
  return offset;
}

const GAP_BYTES: usize = 16;

/** Writes `*count` in the gap and closes up what is too much of it. */
export function closeReplyGap(offset: usize, count: u32): void {
  if (replyLost) return;
  const start = replyBase + offset;
  let digits: usize = 1;
  for (let rest = count; rest >= 10; rest /= 10) digits++;
  store<u8>(start, 42);
  let rest = count;
  for (let at = digits; at > 0; at--) {
    store<u8>(start + at, <u8>(48 + (rest % 10)));
    rest /= 10;
  }
  store<u16>(start + digits + 1, 0x0a0d);
  const header = digits + 3;
  const body = start + GAP_BYTES;
  memory.copy(start + header, body, replyAt - body);
  replyAt -= GAP_BYTES - header;
}

/** As `closeReplyGap`, for a set: RESP3 has a type of its own for it. */
export function closeSetGap(offset: usize, count: u32): void {
  closeReplyGap(offset, count);
  if (resp3 && !replyLost) store<u8>(replyBase + offset, 126);
}

export function replyReserve(bytes: usize): usize {
  if (!canReply(bytes) || !roomReply(bytes)) return 0;
  const target = replyAt;
  replyAt += bytes;
  publish();
  return target;
}

/** Takes back the end of the replies: the host borrows the region for arguments of its calls. */
export function replyTrim(bytes: usize): void {
  replyAt -= bytes;
  publish();
}

export function replyTaken(): void {
  const size = replyEnd - replyBase;
  if (size > KEEP_BYTES) {
    free(replyBase);
    replyBase = alloc(<usize>Region.FlushAt * 2 + REPLY_SLACK);
    replyEnd = replyBase + <usize>Region.FlushAt * 2;
  }
  replyAt = replyBase;
  replyMark = replyBase;
  publish();
}

// Journal and key events: the same, less often.

/** A growing run of bytes. */
@unmanaged
export class ByteStream {
  base: usize;
  length: usize;
  capacity: usize;

  /** Room for `bytes` more at the address it answers; the caller adds to `length`. */
  room(bytes: usize): usize {
    if (this.length + bytes > this.capacity) {
      const size = grownSize(this.length + bytes);
      if (this.base == 0) this.base = alloc(size);
      else this.base = resize(this.base, this.length, size);
      this.capacity = size;
    }
    return this.base + this.length;
  }

  /** Whether `room(bytes)` can be had. */
  canRoom(bytes: usize): bool {
    const wanted = <u64>this.length + <u64>bytes;
    if (wanted <= <u64>this.capacity) return true;
    return wanted < STREAM_MAX && canAllocate(grownSize(<usize>wanted));
  }

  /** Makes room for `bytes` now, so that writing them cannot fail. False: memory does not suffice. */
  reserve(bytes: usize): bool {
    if (!this.canRoom(bytes)) return false;
    this.room(bytes);
    return true;
  }

  /** Empties it; a large one is given back, but for a beginning that is there when memory is short. */
  clear(): void {
    this.length = 0;
    if (this.capacity > KEEP_BYTES) {
      this.base = resize(this.base, 0, OUTPUT_START);
      this.capacity = OUTPUT_START;
    }
  }
}

const journalPointer: usize = memory.data(16, 16);
const eventsPointer: usize = memory.data(16, 16);
const outputPointer: usize = memory.data(16, 16);

export class Streams {
  @inline static get journal(): ByteStream {
    return changetype<ByteStream>(journalPointer);
  }
  @inline static get events(): ByteStream {
    return changetype<ByteStream>(eventsPointer);
  }
  /** What queries and snapshots answer. */
  @inline static get output(): ByteStream {
    return changetype<ByteStream>(outputPointer);
  }
}

/** Frame words that the host reads. */
export function setFrame(word: u32, value: u32): void {
  store<u32>(framePointer + ((<usize>word) << 2), value);
}

/** A word pair of the frame as one f64. */
export function setFrameNumber(word: u32, value: f64): void {
  store<f64>(framePointer + ((<usize>word) << 2), value);
}

export function framePtr(): usize {
  return framePointer;
}
/** The shared input region, where the host may write for a client that holds no input of its own. */
export function inputPtr(): usize {
  return inputPointer;
}
export function scratchPtr(): usize {
  return scratchPointer;
}

/** While a unit is open its commands are not shown to the host: a MULTI may still have to go in front. */
export let journalHeld: bool = false;
export function holdJournal(on: bool): void {
  journalHeld = on;
}

/** Writes what the host looks at into the frame. */
export function publish(): void {
  const frame = framePointer;
  store<u32>(frame, commandId, Frame.CommandId << 2);
  store<u32>(frame, argc, Frame.ArgumentCount << 2);
  store<u32>(frame, argv, Frame.ArgumentsPtr << 2);
  store<u32>(frame, replyBase, Frame.ReplyPtr << 2);
  store<u32>(frame, replyAt - replyBase, Frame.ReplyLength << 2);
  const journal = Streams.journal;
  store<u32>(frame, journal.base, Frame.JournalPtr << 2);
  store<u32>(frame, journalHeld ? 0 : <u32>journal.length, Frame.JournalLength << 2);
  const events = Streams.events;
  store<u32>(frame, events.base, Frame.EventsPtr << 2);
  store<u32>(frame, events.length, Frame.EventsLength << 2);
  const output = Streams.output;
  store<u32>(frame, output.base, Frame.OutputPtr << 2);
  store<u32>(frame, output.length, Frame.OutputLength << 2);
}

/** Grows whenever the host has taken the events. */
export let eventsGeneration: u32 = 0;

export function eventsTaken(): void {
  eventsGeneration++;
  Streams.events.clear();
  publish();
}

export function initFrame(): void {
  scratchPointer = alloc(SCRATCH_BYTES);
  inputPointer = alloc(<usize>Region.Input + 4096);
  replyBase = alloc(<usize>Region.FlushAt * 2 + REPLY_SLACK);
  replyAt = replyBase;
  replyMark = replyBase;
  replyEnd = replyBase + <usize>Region.FlushAt * 2;
  Streams.output.room(OUTPUT_START);
  Streams.journal.room(OUTPUT_START);
  publish();
}
