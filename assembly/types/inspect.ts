/** Facts about one key for MEMORY USAGE, DEBUG OBJECT and DEBUG DIGEST-VALUE, which the host answers. */
import { Inspect, ValueType } from "../abi";
import { copyBytes } from "../base/bytes";
import { ClientState } from "../base/client";
import { Arg, client, publish, Streams } from "../base/frame";
import { usableSize } from "../base/memory";
import { databaseAt } from "../keyspace/database";
import { Entry, valueBytes } from "../keyspace/entry";
import { peek, slotOf } from "../keyspace/keyspace";
import { View, view } from "../keyspace/string-value";
import { idleSeconds, referenceCount } from "./generic";

/** The allocation itself and the key's place in its slot table: a 4-byte pointer and a tag. */
const PLACE_BYTES: u32 = 5;

/**
 * Looks at the key that is argument `index` of the host command in hand, without touching it. The output
 * region holds the words of `Inspect`, then with `withValue` a string's bytes. Answers 0 when there is no key.
 */
export function inspect(index: u32, withValue: i32): i32 {
  const database = databaseAt(ClientState.at(client).database);
  const key = Arg.ptr(index);
  const length = Arg.length(index);
  const e = peek(database, slotOf(key, length), key, length);
  if (e == 0) return 0;
  const output = Streams.output;
  output.length = 0;
  const isString = Entry.type(e) == ValueType.String;
  if (isString) view(e, 0);
  const valueLength = isString ? View.length : 0;
  const copied = withValue != 0 ? valueLength : 0;
  const at = output.room(((<usize>Inspect.Size) << 2) + copied);
  store<u32>(at, Entry.type(e), Inspect.Type << 2);
  store<u32>(at, Entry.encoding(e), Inspect.Encoding << 2);
  store<u32>(at, <u32>(usableSize(e) + valueBytes(e)) + PLACE_BYTES, Inspect.Bytes << 2);
  store<u32>(at, idleSeconds(e), Inspect.IdleSeconds << 2);
  store<u32>(at, <u32>referenceCount(e), Inspect.References << 2);
  store<u32>(at, valueLength, Inspect.ValueLength << 2);
  store<u32>(at, Entry.expires(e) ? 1 : 0, Inspect.Expires << 2);
  store<u32>(at, <u32>e, Inspect.Address << 2);
  if (copied > 0) copyBytes(at + ((<usize>Inspect.Size) << 2), View.ptr, copied);
  output.length = ((<usize>Inspect.Size) << 2) + copied;
  publish();
  return 1;
}
