/** One exhaustive switch from a command's id to its body. */

import { now } from "./base/frame";
import { Command } from "./command-ids";
import { discard, multi, unwatch, watch } from "./keyspace/transaction";
import { runBitmap } from "./types/bitmap";
import { incrBy, incrByArgument, incrByFloat } from "./types/counter";
import { dbSize, flushCommand, randomKey, select, swapDb } from "./types/databases";
import { dump, restore } from "./types/dump";
import { expire, persist, ttl } from "./types/expire";
import { copy, del, exists, move, rename, type } from "./types/generic";
import { runGeo } from "./types/geo";
import { runHash } from "./types/hash";
import { runHyperLogLog } from "./types/hyperloglog";
import { lcs } from "./types/lcs";
import { runList } from "./types/list";
import { object } from "./types/object";
import { keys, scan } from "./types/scan";
import { runSet } from "./types/set";
import { asking, readOnly } from "./types/slot-access";
import { runSort } from "./types/sort";
import { runSortedSet } from "./types/sorted-set";
import { runStream } from "./types/stream";
import {
  append,
  get,
  getDel,
  getEx,
  getRange,
  getSet,
  mGet,
  mSet,
  set,
  setEx,
  setNx,
  setRange,
  strLen,
} from "./types/string";

export function run(id: u32): void {
  switch (id) {
    case Command.Get:
      return get();
    case Command.Set:
      return set();
    case Command.Incr:
      return incrBy(1);
    case Command.Decr:
      return incrBy(-1);
    case Command.IncrBy:
      return incrByArgument(false);
    case Command.DecrBy:
      return incrByArgument(true);
    case Command.IncrByFloat:
      return incrByFloat();
    case Command.Append:
      return append();
    case Command.GetDel:
      return getDel();
    case Command.GetEx:
      return getEx();
    case Command.GetRange:
    case Command.SubStr:
      return getRange();
    case Command.GetSet:
      return getSet();
    case Command.Lcs:
      return lcs();
    case Command.MGet:
      return mGet();
    case Command.MSet:
      return mSet(false);
    case Command.MSetNx:
      return mSet(true);
    case Command.SetEx:
      return setEx(true);
    case Command.PSetEx:
      return setEx(false);
    case Command.SetNx:
      return setNx();
    case Command.SetRange:
      return setRange();
    case Command.StrLen:
      return strLen();
    case Command.Del:
    case Command.Unlink:
      return del();
    case Command.Exists:
      return exists(false);
    case Command.Touch:
      return exists(true);
    case Command.Type:
      return type();
    case Command.Expire:
      return expire(now, true, "expire");
    case Command.PExpire:
      return expire(now, false, "pexpire");
    case Command.ExpireAt:
      return expire(0, true, "expireat");
    case Command.PExpireAt:
      return expire(0, false, "pexpireat");
    case Command.Ttl:
      return ttl(true, false);
    case Command.PTtl:
      return ttl(false, false);
    case Command.ExpireTime:
      return ttl(true, true);
    case Command.PExpireTime:
      return ttl(false, true);
    case Command.Persist:
      return persist();
    case Command.Rename:
      return rename(false);
    case Command.RenameNx:
      return rename(true);
    case Command.Copy:
      return copy();
    case Command.Move:
      return move();
    case Command.Keys:
      return keys();
    case Command.Scan:
      return scan();
    case Command.RandomKey:
      return randomKey();
    case Command.DbSize:
      return dbSize();
    case Command.FlushDb:
      return flushCommand(false);
    case Command.FlushAll:
      return flushCommand(true);
    case Command.SwapDb:
      return swapDb();
    case Command.Select:
      return select();
    case Command.Object:
      return object();
    case Command.Dump:
      return dump();
    case Command.Restore:
    case Command.RestoreAsking:
      return restore();
    case Command.Multi:
      return multi();
    case Command.Discard:
      return discard();
    case Command.Watch:
      return watch();
    case Command.Unwatch:
      return unwatch();
    case Command.Asking:
      return asking();
    case Command.ReadOnly:
      return readOnly(true);
    case Command.ReadWrite:
      return readOnly(false);
    default:
      runOther(id);
  }
}

/** One file per type, each with a switch of its own. */
function runOther(id: u32): void {
  if (id >= <u32>Command.BLMove && id <= <u32>Command.RPushX) runList(id);
  else if (id >= <u32>Command.HDel && id <= <u32>Command.HVals) runHash(id);
  else if (id >= <u32>Command.SAdd && id <= <u32>Command.SUnionStore) runSet(id);
  else if (id >= <u32>Command.BZMPop && id <= <u32>Command.ZUnionStore) runSortedSet(id);
  else if (id >= <u32>Command.GeoAdd && id <= <u32>Command.GeoSearchStore) runGeo(id);
  else if (id >= <u32>Command.XAck && id <= <u32>Command.XTrim) runStream(id);
  else if (id >= <u32>Command.BitCount && id <= <u32>Command.SetBit) runBitmap(id);
  else if (id >= <u32>Command.PfAdd && id <= <u32>Command.PfSelfTest) runHyperLogLog(id);
  else if (id == <u32>Command.Sort || id == <u32>Command.Sort_Ro) runSort(id);
  else unreachable();
}
