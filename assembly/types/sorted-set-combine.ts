/** ZUNION, ZINTER, ZDIFF, ZINTERCARD and the storing ones. Behaviour: Redis 7.0 t_zset.c, zunionInterDiffGenericCommand. */
import { ValueType } from "../abi";
import { equalsWord } from "../base/bytes";
import { Arg, argc, Settings } from "../base/frame";
import { alloc, canAllocate, free } from "../base/memory";
import { Journal } from "../journal";
import { Entry } from "../keyspace/entry";
import { currentDatabase, lookupRead, slotOf } from "../keyspace/keyspace";
import { parseDouble, parsedDouble } from "../protocol/double";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  beginError,
  endError,
  errorText,
  replyError,
  replyInt,
  replyNotInteger,
  replyOutOfMemory,
  replySyntaxError,
  replyWrongType,
} from "../protocol/reply";
import { Setting } from "../settings";
import { lpSafeToAdd } from "../structures/listpack";
import { Member, setCount, setHas, setNext } from "../structures/set-value";
import { Walk, Z } from "../structures/sorted-set";
import { roomForMember, sortedSetCount } from "../structures/sorted-set-value";
import { deleteTarget, storeSet } from "./sorted-set-key";
import { replyMember, replyMembers } from "./sorted-set-range";
import { Writes } from "./writes";

export enum Operation {
  Union = 0,
  Inter = 1,
  Diff = 2,
  /** ZINTERCARD */
  Card = 3,
}

enum Aggregate {
  Sum = 0,
  Min = 1,
  Max = 2,
}

/*
 *  Source, 24 bytes: one of the input keys
 */
@unmanaged
class Source {
  weight: f64;
  /** Of the value; 0: there is no such key. */
  ptr: usize;
  type: u32;
  encoding: u32;
  count: u32;
}
if (offsetof<Source>() != 24) ERROR("Source must be 24 bytes");

let sources: usize = 0;
let sourceCount: u32 = 0;
let aggregate: Aggregate = Aggregate.Sum;
let withScores: bool = false;
let limit: i64 = 0;
/** Bytes of all members of the result, and of the longest one. */
let resultBytes: usize = 0;
let longest: u32 = 0;

function sourceAt(index: u32): Source {
  return changetype<Source>(sources + <usize>index * offsetof<Source>());
}

/** Which argument has the number of keys; keys follow it. `stores`: the target is the first key. */
export function combine(operation: Operation, countAt: u32, stores: bool, name: string): void {
  if (!parseInt64(Arg.ptr(countAt), <i32>Arg.length(countAt))) {
    replyNotInteger();
    return;
  }
  const count = parsedInt64();
  if (count < 1) {
    beginError();
    errorText("ERR at least 1 input key is needed for '");
    errorText(name);
    errorText("' command");
    endError();
    return;
  }
  if (count > <i64>(argc - countAt - 1)) {
    replySyntaxError();
    return;
  }
  sourceCount = <u32>count;
  if (!canAllocate(<usize>sourceCount * offsetof<Source>())) {
    replyOutOfMemory();
    return;
  }
  sources = alloc(<usize>sourceCount * offsetof<Source>());
  if (readSources(countAt + 1) && parseOptions(operation, countAt + 1 + sourceCount, stores)) {
    if (operation != Operation.Diff) sortSources();
    perform(operation, stores, name);
  }
  free(sources);
}

function readSources(first: u32): bool {
  const database = currentDatabase();
  for (let i: u32 = 0; i < sourceCount; i++) {
    const key = Arg.ptr(first + i);
    const length = Arg.length(first + i);
    const e = lookupRead(database, slotOf(key, length), key, length);
    const source = sourceAt(i);
    source.weight = 1;
    source.ptr = 0;
    source.count = 0;
    if (e == 0) continue;
    const type = Entry.type(e);
    if (type != <u32>ValueType.SortedSet && type != <u32>ValueType.Set) {
      replyWrongType();
      return false;
    }
    source.ptr = Entry.pointer(e);
    source.type = type;
    source.encoding = Entry.encoding(e);
    source.count =
      type == <u32>ValueType.Set
        ? setCount(source.encoding, source.ptr)
        : sortedSetCount(source.encoding, source.ptr);
  }
  return true;
}

function parseOptions(operation: Operation, first: u32, stores: bool): bool {
  aggregate = Aggregate.Sum;
  withScores = false;
  limit = 0;
  const scored = operation == Operation.Union || operation == Operation.Inter;
  let i = first;
  while (i < argc) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    const rest = argc - i;
    if (scored && rest > sourceCount && equalsWord(ptr, length, "weights")) {
      if (!parseWeights(i + 1)) return false;
      i += sourceCount + 1;
    } else if (scored && rest >= 2 && equalsWord(ptr, length, "aggregate")) {
      if (!parseAggregate(i + 1)) return false;
      i += 2;
    } else if (!stores && operation != Operation.Card && equalsWord(ptr, length, "withscores")) {
      withScores = true;
      i++;
    } else if (operation == Operation.Card && rest >= 2 && equalsWord(ptr, length, "limit")) {
      if (!parseInt64(Arg.ptr(i + 1), <i32>Arg.length(i + 1)) || parsedInt64() < 0) {
        replyError("ERR LIMIT can't be negative");
        return false;
      }
      limit = parsedInt64();
      i += 2;
    } else {
      replySyntaxError();
      return false;
    }
  }
  return true;
}

function parseWeights(first: u32): bool {
  for (let i: u32 = 0; i < sourceCount; i++) {
    if (!parseDouble(Arg.ptr(first + i), <i32>Arg.length(first + i))) {
      replyError("ERR weight value is not a float");
      return false;
    }
    sourceAt(i).weight = parsedDouble();
  }
  return true;
}

function parseAggregate(argument: u32): bool {
  const ptr = Arg.ptr(argument);
  const length = Arg.length(argument);
  if (equalsWord(ptr, length, "sum")) aggregate = Aggregate.Sum;
  else if (equalsWord(ptr, length, "min")) aggregate = Aggregate.Min;
  else if (equalsWord(ptr, length, "max")) aggregate = Aggregate.Max;
  else {
    replySyntaxError();
    return false;
  }
  return true;
}

/** From the smallest to the largest, as the order of additions decides how a sum rounds. A merge sort is stable; so is this. */
function sortSources(): void {
  for (let i: u32 = 1; i < sourceCount; i++) {
    const source = sourceAt(i);
    const weight = source.weight;
    const ptr = source.ptr;
    const type = source.type;
    const encoding = source.encoding;
    const count = source.count;
    let at = i;
    for (; at > 0 && sourceAt(at - 1).count > count; at--) {
      memory.copy(
        changetype<usize>(sourceAt(at)),
        changetype<usize>(sourceAt(at - 1)),
        offsetof<Source>(),
      );
    }
    const target = sourceAt(at);
    target.weight = weight;
    target.ptr = ptr;
    target.type = type;
    target.encoding = encoding;
    target.count = count;
  }
}

// The inputs.

/** Member in hand: of a sorted set's walk or of a set's. */
let member: usize = 0;
let length: u32 = 0;
let memberScore: f64 = 0;
/** The set that is walked over, where it is no sorted set, and where. */
let walked: usize = 0;
let setAt: u64 = 0;

function startSource(source: Source): void {
  walked = 0;
  if (source.type == <u32>ValueType.Set) {
    walked = changetype<usize>(source);
    setAt = 0;
  } else {
    const encoding = Z.encoding;
    const ptr = Z.ptr;
    Z.open(source.encoding, source.ptr);
    Walk.start(0, false);
    Z.open(encoding, ptr);
  }
}

function stepSource(): bool {
  if (walked != 0) {
    const source = changetype<Source>(walked);
    if (!setNext(source.encoding, source.ptr, setAt)) return false;
    setAt = Member.at;
    member = Member.ptr;
    length = Member.length;
    memberScore = 1;
    return true;
  }
  if (!Walk.step()) return false;
  member = Walk.member;
  length = Walk.length;
  memberScore = Walk.score;
  return true;
}

/** Looks the member in hand up in a source; its score there is `foundScore`. */
let foundScore: f64 = 0;
function findIn(source: Source): bool {
  if (source.ptr == 0) return false;
  if (source.type == <u32>ValueType.Set) {
    foundScore = 1;
    return setHas(source.encoding, source.ptr, member, length);
  }
  const encoding = Z.encoding;
  const ptr = Z.ptr;
  Z.open(source.encoding, source.ptr);
  const found = Z.find(member, length);
  foundScore = Z.score;
  Z.open(encoding, ptr);
  return found;
}

function weighted(score: f64, weight: f64): f64 {
  const product = score * weight;
  return F64.isNaN(product) ? 0 : product;
}

function merged(score: f64, other: f64): f64 {
  if (aggregate == Aggregate.Min) return other < score ? other : score;
  if (aggregate == Aggregate.Max) return other > score ? other : score;
  const sum = score + other;
  // Infinities of both signs.
  return F64.isNaN(sum) ? 0 : sum;
}

// The result: a big set in hand, packed in the end where it is small.

function addResult(score: f64): bool {
  if (!roomForMember(length)) return false;
  Z.add(member, length, score, 0, 0);
  resultBytes += length;
  longest = max(longest, length);
  return true;
}

function union(): bool {
  for (let i: u32 = 0; i < sourceCount; i++) {
    const source = sourceAt(i);
    if (source.count == 0) continue;
    startSource(source);
    while (stepSource()) {
      const score = weighted(memberScore, source.weight);
      if (Z.find(member, length)) Z.setScore(member, length, merged(Z.score, score));
      else if (!addResult(score)) return false;
    }
  }
  return true;
}

/** For ZINTERCARD only counts, up to the limit. */
let cardinality: i64 = 0;
function intersect(counts: bool): bool {
  const first = sourceAt(0);
  if (first.count == 0) return true;
  startSource(first);
  while (stepSource()) {
    let score = weighted(memberScore, first.weight);
    let inAll = true;
    for (let i: u32 = 1; inAll && i < sourceCount; i++) {
      const source = sourceAt(i);
      inAll = findIn(source);
      if (inAll) score = merged(score, foundScore * source.weight);
    }
    if (!inAll) continue;
    if (counts) {
      cardinality++;
      if (limit != 0 && cardinality >= limit) return true;
    } else {
      Z.find(member, length);
      if (!addResult(score)) return false;
    }
  }
  return true;
}

function subtract(): bool {
  const first = sourceAt(0);
  if (first.count == 0) return true;
  startSource(first);
  while (stepSource()) {
    let elsewhere = false;
    for (let i: u32 = 1; !elsewhere && i < sourceCount; i++) elsewhere = findIn(sourceAt(i));
    if (elsewhere) continue;
    Z.find(member, length);
    if (!addResult(memberScore)) return false;
  }
  return true;
}

function perform(operation: Operation, stores: bool, name: string): void {
  cardinality = 0;
  if (operation == Operation.Card) {
    intersect(true);
    replyInt(cardinality);
    return;
  }
  Z.create(true);
  resultBytes = 0;
  longest = 0;
  let whole: bool;
  if (operation == Operation.Union) whole = union();
  else if (operation == Operation.Inter) whole = intersect(false);
  else whole = subtract();
  if (!whole) {
    Z.drop();
    replyOutOfMemory();
  } else if (stores) store(name);
  else {
    replyMembers(Z.count(), withScores);
    Walk.start(0, false);
    while (Walk.step()) replyMember(Walk.member, Walk.length, Walk.score, withScores);
    Z.drop();
  }
}

function store(name: string): void {
  const database = currentDatabase();
  const count = Z.count();
  if (count == 0) {
    Z.drop();
    const deleted = deleteTarget(1);
    replyInt(0);
    if (!deleted) return;
  } else {
    const small =
      <f64>count <= Settings.value(Setting.ZsetMaxListpackEntries) &&
      <f64>longest <= Settings.value(Setting.ZsetMaxListpackValue) &&
      lpSafeToAdd(0, resultBytes);
    if (small && canAllocate(resultBytes * 2 + ((<usize>count) << 5))) Z.pack(resultBytes);
    storeSet(1, name);
    replyInt(count);
  }
  Writes.one();
  Journal.verbatim(database.index);
}
