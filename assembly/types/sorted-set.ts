/** Sorted set commands. Behaviour: Redis 7.0 t_zset.c. */

import { Notify } from "../abi";
import { equalsWord } from "../base/bytes";
import { Arg, argc, Settings, slot } from "../base/frame";
import { Command } from "../command-ids";
import { Journal } from "../journal";
import { currentDatabase, willChange } from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { parseDouble, parsedDouble } from "../protocol/double";
import {
  replyArray,
  replyDouble,
  replyError,
  replyInt,
  replyNull,
  replyNullArray,
  replyOutOfMemory,
  replySyntaxError,
} from "../protocol/reply";
import { Setting } from "../settings";
import { Z } from "../structures/sorted-set";
import { combine, Operation } from "./sorted-set-combine";
import {
  addKey,
  addMember,
  closeEntry,
  finishRemoval,
  Opened,
  opened,
  openKey,
} from "./sorted-set-key";
import { blockingPop, zMPop, zPop } from "./sorted-set-pop";
import { zRandMember, zScan } from "./sorted-set-random";
import { RangeBy, zCount, zRange, zRemoveRange } from "./sorted-set-range";
import { Writes } from "./writes";

export function runSortedSet(id: u32): void {
  switch (id) {
    case Command.ZAdd:
      return zAdd(0);
    case Command.ZIncrBy:
      return zAdd(AddOption.Incr);
    case Command.ZRem:
      return zRem();
    case Command.ZCard:
      return zCard();
    case Command.ZScore:
      return zScore();
    case Command.ZMScore:
      return zMScore();
    case Command.ZRank:
      return zRank(false);
    case Command.ZRevRank:
      return zRank(true);
    case Command.ZPopMin:
      return zPop(false);
    case Command.ZPopMax:
      return zPop(true);
    case Command.ZMPop:
      return zMPop(1, false);
    case Command.BZMPop:
      return zMPop(2, true);
    case Command.BZPopMin:
      return blockingPop(false);
    case Command.BZPopMax:
      return blockingPop(true);
    case Command.ZCount:
      return zCount(RangeBy.Score);
    case Command.ZLexCount:
      return zCount(RangeBy.Lex);
    case Command.ZRandMember:
      return zRandMember();
    case Command.ZScan:
      return zScan();
    default:
      runRanges(id);
  }
}

function runRanges(id: u32): void {
  switch (id) {
    case Command.ZRange:
      return zRange(1, RangeBy.Unsaid, false, true, false);
    case Command.ZRangeStore:
      return zRange(2, RangeBy.Unsaid, false, true, true);
    case Command.ZRevRange:
      return zRange(1, RangeBy.Rank, true, false, false);
    case Command.ZRangeByScore:
      return zRange(1, RangeBy.Score, false, false, false);
    case Command.ZRevRangeByScore:
      return zRange(1, RangeBy.Score, true, false, false);
    case Command.ZRangeByLex:
      return zRange(1, RangeBy.Lex, false, false, false);
    case Command.ZRevRangeByLex:
      return zRange(1, RangeBy.Lex, true, false, false);
    case Command.ZRemRangeByRank:
      return zRemoveRange(RangeBy.Rank, "zremrangebyrank");
    case Command.ZRemRangeByScore:
      return zRemoveRange(RangeBy.Score, "zremrangebyscore");
    case Command.ZRemRangeByLex:
      return zRemoveRange(RangeBy.Lex, "zremrangebylex");
    case Command.ZUnion:
      return combine(Operation.Union, 1, false, "zunion");
    case Command.ZUnionStore:
      return combine(Operation.Union, 2, true, "zunionstore");
    case Command.ZInter:
      return combine(Operation.Inter, 1, false, "zinter");
    case Command.ZInterStore:
      return combine(Operation.Inter, 2, true, "zinterstore");
    case Command.ZInterCard:
      return combine(Operation.Card, 1, false, "zintercard");
    case Command.ZDiff:
      return combine(Operation.Diff, 1, false, "zdiff");
    case Command.ZDiffStore:
      return combine(Operation.Diff, 2, true, "zdiffstore");
    default:
      unreachable();
  }
}

// Adding.

enum AddOption {
  Nx = 1,
  Xx = 2,
  Gt = 4,
  Lt = 8,
  Ch = 16,
  Incr = 32,
}

function addOption(ptr: usize, length: u32): u32 {
  if (length == 2) {
    if (equalsWord(ptr, length, "nx")) return AddOption.Nx;
    if (equalsWord(ptr, length, "xx")) return AddOption.Xx;
    if (equalsWord(ptr, length, "gt")) return AddOption.Gt;
    if (equalsWord(ptr, length, "lt")) return AddOption.Lt;
    if (equalsWord(ptr, length, "ch")) return AddOption.Ch;
  }
  return equalsWord(ptr, length, "incr") ? AddOption.Incr : 0;
}

/** Whether the options go together and all scores are numbers; else the error was replied. */
function checkAdd(options: u32, first: u32): bool {
  const rest = argc - first;
  if (rest == 0 || (rest & 1) != 0) {
    replySyntaxError();
    return false;
  }
  if ((options & AddOption.Nx) != 0 && (options & AddOption.Xx) != 0) {
    replyError("ERR XX and NX options at the same time are not compatible");
    return false;
  }
  const exclusive = options & (AddOption.Nx | AddOption.Gt | AddOption.Lt);
  if ((exclusive & (exclusive - 1)) != 0) {
    replyError("ERR GT, LT, and/or NX options at the same time are not compatible");
    return false;
  }
  if ((options & AddOption.Incr) != 0 && rest > 2) {
    replyError("ERR INCR option supports a single increment-element pair");
    return false;
  }
  for (let i = first; i < argc; i += 2) {
    if (!parseDouble(Arg.ptr(i), <i32>Arg.length(i))) {
      replyError("ERR value is not a valid float");
      return false;
    }
  }
  return true;
}

export function zAdd(options: u32): void {
  let first: u32 = 2;
  for (; first < argc; first++) {
    const option = addOption(Arg.ptr(first), Arg.length(first));
    if (option == 0) break;
    options |= option;
  }
  if (!checkAdd(options, first)) return;
  const state = openKey(1, true);
  if (state == Opened.Wrong) return;
  const incr = (options & AddOption.Incr) != 0;
  if (state == Opened.Missing) {
    if ((options & AddOption.Xx) != 0) {
      if (incr) replyNull();
      else replyInt(0);
      return;
    }
    const entriesMax = Settings.value(Setting.ZsetMaxListpackEntries);
    const valueMax = Settings.value(Setting.ZsetMaxListpackValue);
    Z.create(entriesMax == 0 || valueMax < <f64>Arg.length(first + 1));
  } else if (!Z.canConvert()) {
    replyOutOfMemory();
    return;
  }
  addPairs(options, first, state == Opened.Missing ? 0 : opened);
}

/** Adds the pairs from argument `first` on to the set in hand, the one of the entry `e` (0: it is new). */
function addPairs(options: u32, first: u32, e: usize): void {
  const database = currentDatabase();
  const incr = (options & AddOption.Incr) != 0;
  let added: u32 = 0;
  let updated: u32 = 0;
  let processed = false;
  let score: f64 = 0;
  for (let i = first; i < argc; i += 2) {
    if (argc - first > 2) parseDouble(Arg.ptr(i), <i32>Arg.length(i));
    score = parsedDouble();
    const member = Arg.ptr(i + 1);
    const length = Arg.length(i + 1);
    if (!Z.find(member, length)) {
      if ((options & AddOption.Xx) != 0) continue;
      if (e != 0 && added + updated == 0) willChange(database, slot, e);
      addMember(member, length, score);
      added++;
      processed = true;
      continue;
    }
    if ((options & AddOption.Nx) != 0) continue;
    const current = Z.score;
    if (incr) {
      score += current;
      if (F64.isNaN(score)) {
        replyError("ERR resulting score is not a number (NaN)");
        return;
      }
    }
    if ((options & AddOption.Lt) != 0 && score >= current) continue;
    if ((options & AddOption.Gt) != 0 && score <= current) continue;
    processed = true;
    if (score == current) continue;
    if (e != 0 && added + updated == 0) willChange(database, slot, e);
    Z.setScore(member, length, score);
    updated++;
  }
  const changed = added + updated;
  if (e == 0) addKey(database, slot, Arg.ptr(1), Arg.length(1));
  else if (changed > 0) closeEntry(database, slot, e);
  if (changed > 0) {
    Writes.many(changed);
    Journal.verbatim(database.index);
    const event = incr ? "zincr" : "zadd";
    notify(Notify.SortedSet, event, database.index, Arg.ptr(1), Arg.length(1));
  }
  if (!incr) replyInt((options & AddOption.Ch) != 0 ? changed : added);
  else if (processed) replyDouble(score);
  else replyNull();
}

function zRem(): void {
  const state = openKey(1, true);
  if (state != Opened.Set) {
    if (state == Opened.Missing) replyInt(0);
    return;
  }
  const database = currentDatabase();
  const e = opened;
  let deleted: u32 = 0;
  for (let i: u32 = 2; i < argc && Z.count() != 0; i++) {
    if (!Z.find(Arg.ptr(i), Arg.length(i))) continue;
    if (deleted == 0) willChange(database, slot, e);
    Z.removeFound();
    deleted++;
  }
  if (deleted > 0) finishRemoval(e, deleted, "zrem");
  replyInt(deleted);
}

// Asking.

function zCard(): void {
  const state = openKey(1, false);
  if (state == Opened.Wrong) return;
  replyInt(state == Opened.Missing ? 0 : Z.count());
}

function zScore(): void {
  const state = openKey(1, false);
  if (state == Opened.Wrong) return;
  if (state == Opened.Set && Z.find(Arg.ptr(2), Arg.length(2))) replyDouble(Z.score);
  else replyNull();
}

function zMScore(): void {
  const state = openKey(1, false);
  if (state == Opened.Wrong) return;
  replyArray(argc - 2);
  for (let i: u32 = 2; i < argc; i++) {
    if (state == Opened.Set && Z.find(Arg.ptr(i), Arg.length(i))) replyDouble(Z.score);
    else replyNull();
  }
}

function zRank(reverse: bool): void {
  if (argc > 4) {
    replyError(
      reverse
        ? "ERR wrong number of arguments for 'zrevrank' command"
        : "ERR wrong number of arguments for 'zrank' command",
    );
    return;
  }
  const withScore = argc == 4;
  if (withScore && !equalsWord(Arg.ptr(3), Arg.length(3), "withscore")) {
    replySyntaxError();
    return;
  }
  const state = openKey(1, false);
  if (state == Opened.Wrong) return;
  if (state == Opened.Missing || !Z.find(Arg.ptr(2), Arg.length(2))) {
    if (withScore) replyNullArray();
    else replyNull();
    return;
  }
  const score = Z.score;
  const rank = Z.rankOfFound();
  if (withScore) replyArray(2);
  replyInt(reverse ? Z.count() - 1 - rank : rank);
  if (withScore) replyDouble(score);
}
