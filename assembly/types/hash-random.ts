/** HRANDFIELD. Behaviour: Redis 7.0 t_hash.c. */
import { equalsWord } from "../base/bytes";
import { Arg, argc, resp3, Streams } from "../base/frame";
import { canAllocate } from "../base/memory";
import { randomBelow } from "../base/random";
import { allVisible, isVisible } from "../keyspace/field-expiry";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  replyArray,
  replyError,
  replyNotInteger,
  replyNull,
  replyOutOfMemory,
  replySyntaxError,
} from "../protocol/reply";
import { Hash } from "../structures/hash-fields";
import { openHash, refused, visibleCount } from "./hash-read";

/** Fewer picks than a part of this size of the hash are drawn one by one; more are taken from all. */
const DRAW_BELOW: u64 = 3;

let withValues: bool = false;

export function hRandField(): void {
  if (argc == 2) {
    replyOne();
    return;
  }
  if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2))) {
    replyNotInteger();
    return;
  }
  const count = parsedInt64();
  if (count == i64.MIN_VALUE) {
    replyError(
      "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
    );
    return;
  }
  withValues = argc == 4;
  if (argc > 4 || (withValues && !equalsWord(Arg.ptr(3), Arg.length(3), "withvalues"))) {
    replySyntaxError();
    return;
  }
  if (withValues && (count > i64.MAX_VALUE / 2 || count < -(i64.MAX_VALUE / 2))) {
    replyError("ERR value is out of range");
    return;
  }
  const e = openHash();
  if (refused) return;
  const size = e == 0 ? 0 : visibleCount();
  if (size == 0 || count == 0) replyArray(0);
  else if (count < 0) replyRepeated(<u64>-count, size);
  else replyDistinct(<u32>min<u64>(count, size), size);
}

function replyOne(): void {
  const e = openHash();
  if (refused) return;
  if (e == 0) {
    replyNull();
    return;
  }
  if (allVisible()) {
    Hash.replyField(Hash.random());
    return;
  }
  const size = visibleCount();
  if (size == 0) {
    replyNull();
    return;
  }
  let left = randomBelow(size);
  for (let place = Hash.first(); place != 0; place = Hash.next(place)) {
    if (!isVisible(place)) continue;
    if (left-- == 0) {
      Hash.replyField(place);
      return;
    }
  }
}

function replyHead(count: u64): void {
  replyArray(<i64>(withValues && !resp3 ? count << 1 : count));
}

function replyPick(place: usize): void {
  if (withValues && resp3) replyArray(2);
  Hash.replyField(place);
  if (withValues) Hash.replyValue(place);
}

/** The visible fields' places, in a row in the output region. False: memory does not suffice, which was said. */
function collect(size: u32): bool {
  const places = Streams.output;
  places.length = 0;
  if (!places.canRoom((<usize>size) << 2)) {
    replyOutOfMemory();
    return false;
  }
  let at = places.room((<usize>size) << 2);
  const all = allVisible();
  for (let place = Hash.first(); place != 0; place = Hash.next(place)) {
    if (!all && !isVisible(place)) continue;
    store<usize>(at, place);
    at += 4;
  }
  return true;
}

function placeAt(index: u32): usize {
  return Streams.output.base + ((<usize>index) << 2);
}

/** As many as wanted, perhaps the same again. */
function replyRepeated(count: u64, size: u32): void {
  // Each takes some bytes of reply: what cannot fit into memory is not begun.
  if (count > 0x20000000 || !canAllocate(<usize>count * 4)) {
    replyOutOfMemory();
    return;
  }
  const drawn = allVisible() && !Hash.isPacked();
  if (!drawn && !collect(size)) return;
  replyHead(count);
  for (let i: u64 = 0; i < count; i++) {
    replyPick(drawn ? Hash.random() : load<usize>(placeAt(randomBelow(size))));
  }
  Streams.output.clear();
}

/** Different ones. */
function replyDistinct(count: u32, size: u32): void {
  if (<u64>count * DRAW_BELOW < <u64>size && allVisible() && !Hash.isPacked()) {
    replyDrawn(count);
    return;
  }
  if (!collect(size)) return;
  replyHead(count);
  for (let i: u32 = 0; i < count; i++) {
    // All of them come in their order; else each from those that were not picked yet.
    if (count < size) {
      const other = placeAt(i + randomBelow(size - i));
      const place = load<usize>(other);
      store<usize>(other, load<usize>(placeAt(i)));
      store<usize>(placeAt(i), place);
    }
    replyPick(load<usize>(placeAt(i)));
  }
  Streams.output.clear();
}

/** Draws until enough different ones are found, which a table of those that were drawn tells. */
function replyDrawn(count: u32): void {
  let cells: u32 = 16;
  while (cells < count << 1) cells <<= 1;
  const drawn = Streams.output;
  drawn.length = 0;
  if (!drawn.canRoom((<usize>cells) << 2)) {
    replyOutOfMemory();
    return;
  }
  memory.fill(drawn.room((<usize>cells) << 2), 0, (<usize>cells) << 2);
  replyHead(count);
  for (let picked: u32 = 0; picked < count; ) {
    const place = Hash.random();
    let cell = (<u32>(place >> 3) * 0x9e3779b1) & (cells - 1);
    let known = load<usize>(placeAt(cell));
    while (known != 0 && known != place) {
      cell = (cell + 1) & (cells - 1);
      known = load<usize>(placeAt(cell));
    }
    if (known == place) continue;
    store<usize>(placeAt(cell), place);
    replyPick(place);
    picked++;
  }
  drawn.clear();
}
