/** How long keys live: the EXPIRE and TTL families, PERSIST. Behaviour: Redis 7.0 expire.c. */
import { ClientFlag, Notify } from "../abi";
import { equalsWord } from "../base/bytes";
import { Arg, argc, clientFlags, isReplica, now, Settings, slot } from "../base/frame";
import { Journal } from "../journal";
import { Entry } from "../keyspace/entry";
import {
  currentDatabase,
  deleteFound,
  expiryOf,
  lookupQuietly,
  lookupWrite,
  setExpiry,
} from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  beginError,
  cTextLength,
  endError,
  errorBytes,
  errorText,
  replyError,
  replyInt,
  replyNotInteger,
} from "../protocol/reply";
import { Setting } from "../settings";
import { Writes } from "./writes";

enum Condition {
  None = 0,
  IfNone = 1,
  IfSome = 2,
  IfLater = 4,
  IfEarlier = 8,
}

/** Reads NX, XX, GT, LT from argument 3 on; -1 after an error reply. */
function parseConditions(): i32 {
  let bits: i32 = 0;
  for (let i: u32 = 3; i < argc; i++) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    if (equalsWord(ptr, length, "nx")) bits |= Condition.IfNone;
    else if (equalsWord(ptr, length, "xx")) bits |= Condition.IfSome;
    else if (equalsWord(ptr, length, "gt")) bits |= Condition.IfLater;
    else if (equalsWord(ptr, length, "lt")) bits |= Condition.IfEarlier;
    else {
      beginError();
      errorText("ERR Unsupported option ");
      errorBytes(ptr, cTextLength(ptr, length));
      endError();
      return -1;
    }
  }
  const others = Condition.IfSome | Condition.IfLater | Condition.IfEarlier;
  if ((bits & Condition.IfNone) != 0 && (bits & others) != 0) {
    replyError("ERR NX and XX, GT or LT options at the same time are not compatible");
    return -1;
  }
  if ((bits & Condition.IfLater) != 0 && (bits & Condition.IfEarlier) != 0) {
    replyError("ERR GT and LT options at the same time are not compatible");
    return -1;
  }
  return bits;
}

function replyInvalidExpiry(name: string): void {
  beginError();
  errorText("ERR invalid expire time in '");
  errorText(name);
  errorText("' command");
  endError();
}

/** EXPIRE, PEXPIRE, EXPIREAT, PEXPIREAT: `base` is now for distances and 0 for points in time. */
export function expire(base: i64, seconds: bool, name: string): void {
  const conditions = parseConditions();
  if (conditions < 0) return;
  if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2))) {
    replyNotInteger();
    return;
  }
  let at = parsedInt64();
  if (seconds) {
    if (at > i64.MAX_VALUE / 1000 || at < i64.MIN_VALUE / 1000) {
      replyInvalidExpiry(name);
      return;
    }
    at *= 1000;
  }
  if (at > i64.MAX_VALUE - base) {
    replyInvalidExpiry(name);
    return;
  }
  at += base;
  const database = currentDatabase();
  const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  if (e == 0 || !mayExpire(conditions, expiryOf(e), at)) {
    replyInt(0);
    return;
  }
  Writes.one();
  if (at <= now && !isReplica && (clientFlags & ClientFlag.Internal) == 0) {
    deleteFound(database, slot, e);
    notify(Notify.Generic, "del", database.index, Arg.ptr(1), Arg.length(1));
    if (Journal.begin(database.index, 2)) {
      Journal.word(Settings.on(Setting.LazyExpire) ? "UNLINK" : "DEL");
      Journal.bytes(Arg.ptr(1), Arg.length(1));
    }
    replyInt(1);
    return;
  }
  // The past cannot be told from "none" below zero; time zero is as expired as any.
  setExpiry(database, slot, e, max<i64>(at, 0));
  notify(Notify.Generic, "expire", database.index, Arg.ptr(1), Arg.length(1));
  if (Journal.begin(database.index, 3)) {
    Journal.word("PEXPIREAT");
    Journal.bytes(Arg.ptr(1), Arg.length(1));
    Journal.int(at);
  }
  replyInt(1);
}

function mayExpire(conditions: i32, current: i64, at: i64): bool {
  if ((conditions & Condition.IfNone) != 0 && current >= 0) return false;
  if ((conditions & Condition.IfSome) != 0 && current < 0) return false;
  if ((conditions & Condition.IfLater) != 0 && (current < 0 || at <= current)) return false;
  if ((conditions & Condition.IfEarlier) != 0 && current >= 0 && at >= current) return false;
  return true;
}

/** TTL, PTTL, EXPIRETIME, PEXPIRETIME. */
export function ttl(seconds: bool, absolute: bool): void {
  const e = lookupQuietly(currentDatabase(), slot, Arg.ptr(1), Arg.length(1));
  if (e == 0) {
    replyInt(-2);
    return;
  }
  if (!Entry.expires(e)) {
    replyInt(-1);
    return;
  }
  let left = Entry.expireAt(e);
  if (!absolute) left = max<i64>(left - now, 0);
  // Unsigned: the last half second of time may not wrap.
  replyInt(seconds ? <i64>((<u64>left + 500) / 1000) : left);
}

export function persist(): void {
  const database = currentDatabase();
  const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  if (e == 0 || !Entry.expires(e)) {
    replyInt(0);
    return;
  }
  setExpiry(database, slot, e, -1);
  notify(Notify.Generic, "persist", database.index, Arg.ptr(1), Arg.length(1));
  Writes.one();
  Journal.verbatim(database.index);
  replyInt(1);
}
