/**
 * Which arguments of a command are keys. Most commands say so in their row; where the arguments decide, this file
 * does. Behaviour: Redis 7.0 db.c, getKeysFromCommand: arguments that make no sense have no keys.
 */

import { equalsWord } from "./base/bytes";
import { Arg, argc } from "./base/frame";
import { Command, CommandFlag } from "./command-ids";
import { CommandRow } from "./commands";

/** Last key's argument index, from the row's `lastKey`, which counts from the end when negative. */
export function lastKeyOf(row: CommandRow): i32 {
  return row.lastKey < 0 ? <i32>argc + row.lastKey : row.lastKey;
}

/** The keys of the command in hand: arguments `first` to `last`, every `step`-th, and one more at `extra`. */
export class Keys {
  /** 0: no range. */
  static first: i32 = 0;
  static last: i32 = 0;
  static step: i32 = 1;
  /** 0: no further key. */
  static extra: i32 = 0;

  static of(row: CommandRow): void {
    Keys.extra = 0;
    Keys.range(row.firstKey, lastKeyOf(row));
    Keys.step = row.step;
    if ((row.flags & CommandFlag.MovableKeys) != 0) Keys.movable(row.id);
  }

  static range(first: i32, last: i32): void {
    Keys.first = first;
    Keys.last = min<i32>(last, <i32>argc - 1);
    Keys.step = 1;
  }

  static movable(id: u32): void {
    switch (id) {
      case Command.LMPop:
      case Command.ZMPop:
      case Command.SInterCard:
      case Command.ZUnion:
      case Command.ZInter:
      case Command.ZDiff:
      case Command.ZInterCard:
        Keys.counted(1);
        return;
      case Command.BLMPop:
      case Command.BZMPop:
        Keys.counted(2);
        return;
      case Command.ZUnionStore:
      case Command.ZInterStore:
      case Command.ZDiffStore:
        Keys.counted(2);
        if (Keys.first > 0) Keys.extra = 1;
        return;
      case Command.XRead:
      case Command.XReadGroup:
        Keys.streams();
        return;
      case Command.Sort:
        Keys.range(1, 1);
        Keys.extra = sortTarget();
        return;
      case Command.GeoRadius:
        Keys.range(1, 1);
        Keys.extra = radiusTarget(6);
        return;
      case Command.GeoRadiusByMember:
        Keys.range(1, 1);
        Keys.extra = radiusTarget(5);
        return;
      default:
        return;
    }
  }

  /** A number of keys at argument `at`, the keys behind it. */
  static counted(at: u32): void {
    Keys.range(0, 0);
    if (at >= argc) return;
    const count = leadingNumber(Arg.ptr(at), Arg.length(at));
    if (count < 1 || <u32>count > argc - at - 1) return;
    Keys.range(<i32>at + 1, <i32>at + count);
  }

  /** Half of what stands behind the word STREAMS, which may be the name of a group or a key as well. */
  static streams(): void {
    Keys.range(0, 0);
    for (let i: u32 = 1; i < argc; i++) {
      if (isWord(i, "block") || isWord(i, "count")) i++;
      else if (isWord(i, "group")) i += 2;
      else if (isWord(i, "streams")) {
        const behind = argc - i - 1;
        if (behind > 0 && (behind & 1) == 0) Keys.range(<i32>i + 1, <i32>(i + behind / 2));
        return;
      } else if (!isWord(i, "noack")) return;
    }
  }
}

function isWord(index: u32, word: string): bool {
  return equalsWord(Arg.ptr(index), Arg.length(index), word);
}

/**
 * As C's atoi with 64-bit longs: blanks, a sign, digits as far as they go. What a long cannot hold is the nearest it
 * can, and of that the lower 32 bits count: -9223372036854775807 is 1.
 */
function leadingNumber(ptr: usize, length: u32): i32 {
  let at: u32 = 0;
  while (at < length && isBlank(load<u8>(ptr + at))) at++;
  const sign = at < length ? <u32>load<u8>(ptr + at) : 0;
  if (sign == 43 || sign == 45) at++;
  const most: u64 = sign == 45 ? 0x8000000000000000 : 0x7fffffffffffffff;
  let value: u64 = 0;
  for (; at < length; at++) {
    const digit = <u32>load<u8>(ptr + at) - 48;
    if (digit > 9) break;
    value = value > (most - digit) / 10 ? most : value * 10 + digit;
    if (value == most) break;
  }
  return <i32>(sign == 45 ? 0 - value : value);
}

function isBlank(byte: u32): bool {
  return byte == 32 || (byte >= 9 && byte <= 13);
}

/** The key behind the last STORE, or 0. */
function sortTarget(): i32 {
  let target: i32 = 0;
  for (let i: u32 = 2; i < argc; i++) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    if (equalsWord(ptr, length, "limit")) i += 2;
    else if (equalsWord(ptr, length, "get") || equalsWord(ptr, length, "by")) i++;
    else if (equalsWord(ptr, length, "store") && i + 1 < argc) target = <i32>++i;
  }
  return target;
}

/** The key behind the last STORE or STOREDIST from argument `from` on, or 0. */
function radiusTarget(from: u32): i32 {
  let target: i32 = 0;
  for (let i = from; i + 1 < argc; i++) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    if (equalsWord(ptr, length, "store") || equalsWord(ptr, length, "storedist")) {
      target = <i32>++i;
    }
  }
  return target;
}
