/** INCR and its family. Behaviour: Redis 7.0 t_string.c. */
import { Encoding, Notify } from "../abi";
import { Arg, slot } from "../base/frame";
import { Journal } from "../journal";
import { Entry } from "../keyspace/entry";
import { currentDatabase, expiryOf, isString, lookupWrite, willChange } from "../keyspace/keyspace";
import { notify } from "../keyspace/notify";
import { setBytes, setInteger, View, view, viewInteger } from "../keyspace/string-value";
import { incrByFloatText, LONG_DOUBLE_TEXT_MAX } from "../protocol/long-double";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  replyBulk,
  replyError,
  replyInt,
  replyNotInteger,
  replyWrongType,
} from "../protocol/reply";
import { Writes } from "./writes";

export function incrBy(amount: i64): void {
  const database = currentDatabase();
  const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  let value: i64 = 0;
  if (e != 0) {
    if (!isString(e)) {
      replyWrongType();
      return;
    }
    if (Entry.encoding(e) == Encoding.Int) value = Entry.integer(e);
    else if (viewInteger(e)) value = parsedInt64();
    else {
      replyNotInteger();
      return;
    }
  }
  const sum = value + amount;
  if (amount < 0 ? sum > value : sum < value) {
    replyError("ERR increment or decrement would overflow");
    return;
  }
  if (e != 0 && Entry.encoding(e) == Encoding.Int) {
    willChange(database, slot, e);
    store<i64>(Entry.payload(e), sum);
  } else {
    setInteger(database, slot, Arg.ptr(1), Arg.length(1), e, sum, e == 0 ? -1 : expiryOf(e));
  }
  notify(Notify.String, "incrby", database.index, Arg.ptr(1), Arg.length(1));
  Writes.one();
  Journal.verbatim(database.index);
  replyInt(sum);
}

/** INCRBY, and with `negative` DECRBY. */
export function incrByArgument(negative: bool): void {
  if (!parseInt64(Arg.ptr(2), <i32>Arg.length(2))) {
    replyNotInteger();
    return;
  }
  const amount = parsedInt64();
  if (!negative) {
    incrBy(amount);
    return;
  }
  if (amount == i64.MIN_VALUE) {
    replyError("ERR decrement would overflow");
    return;
  }
  incrBy(-amount);
}

const floatText: usize = memory.data(8192, 16);

export function incrByFloat(): void {
  const database = currentDatabase();
  const e = lookupWrite(database, slot, Arg.ptr(1), Arg.length(1));
  if (e != 0 && !isString(e)) {
    replyWrongType();
    return;
  }
  // A missing key counts as 0.
  store<u8>(floatText, 48);
  View.ptr = floatText;
  View.length = 1;
  if (e != 0) view(e, 0);
  const length = incrByFloatText(
    View.ptr,
    <i32>View.length,
    Arg.ptr(2),
    <i32>Arg.length(2),
    floatText + 64,
  );
  if (length == -1 || length == -2) {
    replyError("ERR value is not a valid float");
    return;
  }
  if (length < 0) {
    replyError("ERR increment would produce NaN or Infinity");
    return;
  }
  const expireAt = e == 0 ? <i64>-1 : expiryOf(e);
  setBytes(database, slot, Arg.ptr(1), Arg.length(1), e, floatText + 64, <u32>length, expireAt);
  notify(Notify.String, "incrbyfloat", database.index, Arg.ptr(1), Arg.length(1));
  Writes.one();
  if (Journal.begin(database.index, 4)) {
    Journal.word("SET");
    Journal.bytes(Arg.ptr(1), Arg.length(1));
    Journal.bytes(floatText + 64, <u32>length);
    Journal.word("KEEPTTL");
  }
  replyBulk(floatText + 64, <u32>length);
}

if (LONG_DOUBLE_TEXT_MAX + 64 > 8192) ERROR("floatText is too small");
