/** The engine's copy of the command table: the host fills it at start; lookups are by name, whatever its case. */
import { needReply, replyAt, setReplyAt } from "./base/frame";

/*
 *  CommandRow, 128 bytes: what every call reads lies in the first cache line.
 */
@unmanaged
export class CommandRow {
  id: u32;
  flags: u32;
  arity: i32;
  firstKey: i32;
  lastKey: i32;
  step: i32;
  /** Upper-cased first eight bytes of the name, as one word. */
  head: u64;
  nameLength: u32;
  /** Of a container: its first subcommand's row; 0: not a container. */
  firstChild: usize;
  /** Of a subcommand: the container's row, and the next one of the same container. */
  parent: usize;
  nextSibling: usize;
  /** Index of its `CommandStat` counters: a subcommand has counters of its own. */
  stat: u32;
  /** Up to eight letters: then `head` and length tell the name from any other. */
  short: bool;
  /** +53: the name as given, up to 75 bytes. */

  @inline get name(): usize {
    return changetype<usize>(this) + 53;
  }

  /** The full name inside an error text: `get`, `config|get`. */
  writeName(): void {
    if (this.parent != 0) {
      changetype<CommandRow>(this.parent).writeName();
      needReply(1);
      store<u8>(replyAt, 124);
      setReplyAt(replyAt + 1);
    }
    needReply(128);
    memory.copy(replyAt, this.name, this.nameLength);
    setReplyAt(replyAt + this.nameLength);
  }
}
if (offsetof<CommandRow>("short") != 52) ERROR("CommandRow's name follows at 53");

const ROW_BYTES: usize = 128;
const NAME_MAX: u32 = 75;
const ROWS_MAX: u32 = 512;
/** Open addressing; twice as many cells as rows. */
const CELLS: u32 = 1024;
const cells: usize = memory.data(1024 * 4, 16);
const rows: usize = memory.data(512 * 128, 64);
let rowCount: u32 = 0;

export function clearCommands(): void {
  rowCount = 0;
  memory.fill(cells, 0, CELLS << 2);
}

/** The first eight bytes, letters in upper case, the rest zero. */
function headOf(ptr: usize, length: u32): u64 {
  let head = load<u64>(ptr);
  if (length < 8) head &= ((<u64>1) << ((<u64>length) << 3)) - 1;
  return head & 0xdfdfdfdfdfdfdfdf;
}

function cellOf(head: u64, length: u32): u32 {
  const mixed = (head ^ ((<u64>length) << 56)) * 0x9e3779b97f4a7c15;
  return <u32>(mixed >> 54);
}

/** Adds a row; more than 512 rows or names over 75 bytes are ignored. Answers the row's address, or 0. */
export function addCommand(
  id: u32,
  namePtr: usize,
  nameLength: u32,
  arity: i32,
  flags: u32,
  firstKey: i32,
  lastKey: i32,
  step: i32,
): usize {
  const ptr = addRow(id, namePtr, nameLength, arity, flags, firstKey, lastKey, step);
  if (ptr == 0) return 0;
  const row = changetype<CommandRow>(ptr);
  let cell = cellOf(row.head, nameLength);
  while (load<usize>(cells + ((<usize>cell) << 2)) != 0) cell = (cell + 1) & (CELLS - 1);
  store<usize>(cells + ((<usize>cell) << 2), ptr);
  return ptr;
}

/** Adds a subcommand to the container at `parentPtr`; it goes by the container's id, and counts at `stat`. */
export function addSubcommand(
  parentPtr: usize,
  stat: u32,
  namePtr: usize,
  nameLength: u32,
  arity: i32,
  flags: u32,
  firstKey: i32,
  lastKey: i32,
  step: i32,
): void {
  if (parentPtr == 0) return;
  const parent = changetype<CommandRow>(parentPtr);
  const ptr = addRow(parent.id, namePtr, nameLength, arity, flags, firstKey, lastKey, step);
  if (ptr == 0) return;
  const row = changetype<CommandRow>(ptr);
  row.stat = stat;
  row.parent = parentPtr;
  row.nextSibling = parent.firstChild;
  parent.firstChild = ptr;
}

function addRow(
  id: u32,
  namePtr: usize,
  nameLength: u32,
  arity: i32,
  flags: u32,
  firstKey: i32,
  lastKey: i32,
  step: i32,
): usize {
  if (rowCount == ROWS_MAX || nameLength > NAME_MAX) return 0;
  const ptr = rows + <usize>rowCount * ROW_BYTES;
  rowCount++;
  const row = changetype<CommandRow>(ptr);
  row.id = id;
  row.stat = id;
  row.flags = flags;
  row.arity = arity;
  row.firstKey = firstKey;
  row.lastKey = lastKey;
  row.step = step == 0 ? 1 : step;
  row.head = headOf(namePtr, nameLength);
  row.nameLength = nameLength;
  row.firstChild = 0;
  row.parent = 0;
  row.nextSibling = 0;
  memory.copy(row.name, namePtr, nameLength);
  row.short = nameLength <= 8 && !hasPunctuation(row);
  return ptr;
}

/** The container's subcommand with that name in any case, or 0. */
export function findSubcommand(container: CommandRow, ptr: usize, length: u32): usize {
  for (let at = container.firstChild; at != 0; at = changetype<CommandRow>(at).nextSibling) {
    const row = changetype<CommandRow>(at);
    if (row.nameLength != length) continue;
    const name = row.name;
    let same: u32 = 0;
    while (same < length && lower(load<u8>(name + same)) == lower(load<u8>(ptr + same))) same++;
    if (same == length) return at;
  }
  return 0;
}

function lower(byte: u32): u32 {
  return byte >= 65 && byte <= 90 ? byte | 32 : byte;
}

/** The row of the command with that name, or 0. Reads up to 8 bytes from `ptr` whatever the length. */
export function findCommand(ptr: usize, length: u32): usize {
  const head = headOf(ptr, length);
  let cell = cellOf(head, length);
  while (true) {
    const found = load<usize>(cells + ((<usize>cell) << 2));
    if (found == 0) return 0;
    const row = changetype<CommandRow>(found);
    if (row.head == head && row.nameLength == length) {
      if (row.short || sameName(row, ptr, length)) return found;
    }
    cell = (cell + 1) & (CELLS - 1);
  }
}

function sameName(row: CommandRow, ptr: usize, length: u32): bool {
  const name = row.name;
  for (let i: u32 = 0; i < length; i++) {
    if (lower(load<u8>(name + i)) != lower(load<u8>(ptr + i))) return false;
  }
  return true;
}

/** The head's mask also folds some punctuation, so names with any are compared in full. */
function hasPunctuation(row: CommandRow): bool {
  for (let i: u32 = 0; i < row.nameLength; i++) {
    const byte = lower(load<u8>(row.name + i));
    if (byte < 97 || byte > 122) return true;
  }
  return false;
}
