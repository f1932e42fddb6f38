/** STORE and STOREDIST: what a search has found becomes a sorted set. */
import { Arg, Settings } from "../base/frame";
import { canAllocate } from "../base/memory";
import { Journal } from "../journal";
import { currentDatabase } from "../keyspace/keyspace";
import { writeDouble } from "../protocol/double";
import { replyInt, replyOutOfMemory } from "../protocol/reply";
import { Setting } from "../settings";
import { lpSafeToAdd } from "../structures/listpack";
import { Walk, Z } from "../structures/sorted-set";
import { roomForMember } from "../structures/sorted-set-value";
import { DISTANCE_MAX } from "./geo-distance";
import { Found, foundAt } from "./geo-found";
import { Shape } from "./geo-hash";
import { Options } from "./geo-options";
import { deleteTarget, storeSet } from "./sorted-set-key";
import { Writes } from "./writes";

/** Stores the first `count` places of the order; no place: deletes what is there. */
export function storeFound(order: usize, count: u32): void {
  if (count == 0) {
    storeNothing();
    return;
  }
  if (Options.storeDistance && !reserveJournal(order, count)) {
    replyOutOfMemory();
    return;
  }
  Z.create(true);
  let bytes: usize = 0;
  let longest: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const found = foundAt(order, i);
    if (!roomForMember(found.length)) {
      Z.drop();
      replyOutOfMemory();
      return;
    }
    const score = Options.storeDistance ? storedDistance(found) : found.score;
    Z.find(found.member, found.length);
    Z.add(found.member, found.length, score, 0, 0);
    bytes += found.length;
    longest = max(longest, found.length);
  }
  const small =
    <f64>count <= Settings.value(Setting.ZsetMaxListpackEntries) &&
    <f64>longest <= Settings.value(Setting.ZsetMaxListpackValue) &&
    lpSafeToAdd(0, bytes);
  if (small && canAllocate(bytes * 2 + ((<usize>count) << 5))) Z.pack(bytes);
  const replaced = storeSet(
    Options.store,
    Options.store == 1 ? "geosearchstore" : "georadiusstore",
  );
  Writes.many(count);
  if (Options.storeDistance) journalDistances(replaced);
  else Journal.verbatim(currentDatabase().index);
  replyInt(count);
}

/** In the unit asked for. No number cannot be a score (Redis ends there): opposite sides of the earth are meant. */
function storedDistance(found: Found): f64 {
  const distance = found.exactDistance;
  return (F64.isNaN(distance) ? DISTANCE_MAX : distance) / Shape.unit;
}

/** Members in one ZADD to replicas. */
const JOURNAL_STEP: u32 = 1000;
const scoreText: usize = memory.data(64, 16);

/** Room for what `journalDistances` writes. False: memory does not suffice. */
function reserveJournal(order: usize, count: u32): bool {
  let bytes = (<u64>count / JOURNAL_STEP + 2) * (<u64>Arg.length(Options.store) + 128);
  for (let i: u32 = 0; i < count; i++) bytes += <u64>foundAt(order, i).length + 80;
  return bytes < 0x7fffffff && Journal.reserve(<usize>bytes);
}

/**
 * The set in hand as DEL and ZADD. The command as it came would do in a replica whose C library computes the same bits;
 * many do not.
 */
function journalDistances(replaced: bool): void {
  const database = currentDatabase().index;
  if (replaced) journalDeletion(database);
  let left = Z.count();
  Walk.start(0, false);
  while (left > 0) {
    const members = min(left, JOURNAL_STEP);
    left -= members;
    if (!Journal.begin(database, 2 + members * 2)) return;
    Journal.word("ZADD");
    Journal.bytes(Arg.ptr(Options.store), Arg.length(Options.store));
    for (let i: u32 = 0; i < members && Walk.step(); i++) {
      Journal.bytes(scoreText, <u32>writeDouble(scoreText, Walk.score));
      Journal.bytes(Walk.member, Walk.length);
    }
  }
}

function journalDeletion(database: i32): void {
  if (!Journal.begin(database, 2)) return;
  Journal.word("DEL");
  Journal.bytes(Arg.ptr(Options.store), Arg.length(Options.store));
}

export function storeNothing(): void {
  if (deleteTarget(Options.store)) {
    Writes.one();
    if (Options.storeDistance) journalDeletion(currentDatabase().index);
    else Journal.verbatim(currentDatabase().index);
  }
  replyInt(0);
}
