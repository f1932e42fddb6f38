/** Facts about one key for MEMORY USAGE and DEBUG OBJECT, which the host answers. Behaviour: Redis 7.0 debug.c, object.c. */
import { Inspect, Stat, ValueType } from "../abi";
import { writeText } from "../base/bytes";
import { ClientState } from "../base/client";
import { Arg, client, publish, Streams } from "../base/frame";
import { usableSize } from "../base/memory";
import { Stats } from "../base/stats";
import { databaseAt, find } from "../keyspace/database";
import { Entry, valueBytes } from "../keyspace/entry";
import { slotOf } from "../keyspace/keyspace";
import { RdbWriter } from "../snapshot/rdb-write";
import { writeValue } from "../snapshot/rdb-write-entry";
import { Quicklist } from "../structures/quicklist";
import { QuickNode } from "../structures/quicklist-node";
import { encodingName, idleSeconds, referenceCount } from "./object";

/** The allocation itself and the key's place in its slot table: a 4-byte pointer and a tag. */
const PLACE_BYTES: u32 = 5;
const ENCODING_NAME_MAX: u32 = 16;

/**
 * Looks at the key that is argument `index` of the host command in hand, without touching it; an expired key counts
 * as long as it is there. Of large values `samples` elements are measured (0: all). With `counts` it is a hit or a miss.
 * The output region holds the words of `Inspect` and the name of the encoding. Answers 0 when there is no key.
 */
export function inspect(index: u32, serialize: i32, samples: u32, counts: i32): i32 {
  const database = databaseAt(ClientState.at(client).database);
  const key = Arg.ptr(index);
  const length = Arg.length(index);
  const e = find(database, slotOf(key, length), key, length);
  if (counts != 0) Stats.add(e == 0 ? Stat.KeyspaceMisses : Stat.KeyspaceHits, 1);
  if (e == 0) return 0;
  const serializedLength = serialize != 0 ? lengthInRdb(e) : 0;
  const output = Streams.output;
  output.length = 0;
  const at = output.room(((<usize>Inspect.Size) << 2) + ENCODING_NAME_MAX);
  store<u32>(at, Entry.type(e), Inspect.Type << 2);
  store<u32>(at, <u32>(usableSize(e) + valueBytes(e, samples)) + PLACE_BYTES, Inspect.Bytes << 2);
  store<u32>(at, idleSeconds(e), Inspect.IdleSeconds << 2);
  store<u32>(at, <u32>referenceCount(e), Inspect.References << 2);
  store<u32>(at, Entry.expires(e) ? 1 : 0, Inspect.Expires << 2);
  store<u32>(at, <u32>e, Inspect.Address << 2);
  store<u32>(at, serializedLength, Inspect.SerializedLength << 2);
  if (Entry.type(e) == ValueType.List) inspectList(at, Entry.pointer(e));
  const words = (<usize>Inspect.Size) << 2;
  output.length = words + writeText(at + words, encodingName(e));
  publish();
  return 1;
}

function inspectList(at: usize, ptr: usize): void {
  const list = Quicklist.at(ptr);
  let nodes: u32 = 0;
  let bytes: u32 = 0;
  for (let node = list.head; node != 0; node = QuickNode.at(node).next) {
    nodes++;
    bytes += QuickNode.at(node).bytes;
  }
  store<u32>(at, list.count, Inspect.ListElements << 2);
  store<u32>(at, nodes, Inspect.ListNodes << 2);
  store<i32>(at, list.fill, Inspect.ListFill << 2);
  store<u32>(at, bytes, Inspect.ListBytes << 2);
}

/** Writes the value as a snapshot would, to see how long it gets; 0 when memory is short for that. */
function lengthInRdb(e: usize): u32 {
  const output = Streams.output;
  output.length = 0;
  RdbWriter.begin(output);
  writeValue(e);
  const length = RdbWriter.failed ? 0 : <u32>output.length;
  output.clear();
  return length;
}
