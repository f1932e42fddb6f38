/** Bitmap commands. Behaviour: Redis 7.0 bitops.c. */
import { Notify } from "../abi";
import { Arg } from "../base/frame";
import { Command } from "../command-ids";
import { Journal } from "../journal";
import { notify } from "../keyspace/notify";
import { View } from "../keyspace/string-value";
import { parsedInt64, parseInt64 } from "../protocol/number";
import { replyError, replyInt } from "../protocol/reply";
import { bitCount, bitPosition } from "./bitmap-count";
import { bitField } from "./bitmap-field";
import { bitOperation } from "./bitmap-operation";
import { Bits, bitOffset, parseBitOffset, Target } from "./bitmap-room";
import { Writes } from "./writes";

export function runBitmap(id: u32): void {
  switch (id) {
    case Command.SetBit:
      return setBit();
    case Command.GetBit:
      return getBit();
    case Command.BitCount:
      return bitCount();
    case Command.BitPos:
      return bitPosition();
    case Command.BitOp:
      return bitOperation();
    case Command.BitField:
      return bitField(false);
    case Command.BitField_Ro:
      return bitField(true);
    default:
      unreachable();
  }
}

function setBit(): void {
  if (!parseBitOffset(2, 0)) return;
  const offset = bitOffset;
  const readable = parseInt64(Arg.ptr(3), <i32>Arg.length(3));
  const wanted = parsedInt64();
  if (!readable || (wanted != 0 && wanted != 1)) {
    replyError("ERR bit is not an integer or out of range");
    return;
  }
  if (!Target.open(offset >> 3)) return;
  const at = Target.ptr + <usize>(offset >> 3);
  const byte = <u32>load<u8>(at);
  const mask: u32 = 128 >> (<u32>offset & 7);
  const before: i64 = (byte & mask) != 0 ? 1 : 0;
  if (Target.grown || before != wanted) {
    Target.willWrite();
    store<u8>(at, <u8>(wanted != 0 ? byte | mask : byte & ~mask));
    const index = Target.database.index;
    Journal.verbatim(index);
    notify(Notify.String, "setbit", index, Arg.ptr(1), Arg.length(1));
    Writes.one();
  }
  replyInt(before);
}

function getBit(): void {
  if (!parseBitOffset(2, 0)) return;
  const offset = bitOffset;
  if (!Bits.read()) return;
  const at = offset >> 3;
  if (at >= <i64>View.length) {
    replyInt(0);
    return;
  }
  const byte = <u32>load<u8>(View.ptr + <usize>at);
  replyInt((byte >> (7 - (<u32>offset & 7))) & 1);
}
