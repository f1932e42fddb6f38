/** What replicas get for changes in consumer groups: streamPropagateXCLAIM and its like in Redis 7.0's t_stream.c. */

import { Journal } from "../../journal";
import { Database } from "../../keyspace/database";
import { Consumer, Group, Nack } from "../../structures/stream";
import { ID_TEXT_MAX, writeId } from "../../structures/stream-id";

/** Journal bytes of one command but for its names. */
const AROUND_BYTES: usize = 512;

const idText: usize = memory.data(48, 16);

export function journalId(ms: u64, seq: u64): void {
  Journal.bytes(idText, writeId(idText, ms, seq));
}

/** Room for one more command in the journal. False: memory does not suffice. */
export function roomForEffect(keyLength: u32, group: Group, consumerLength: u32): bool {
  const names = <usize>keyLength + group.nameLength + consumerLength;
  return Journal.reserve(names + AROUND_BYTES + ID_TEXT_MAX);
}

/** A delivery as it stands now. The identifier is the text at `idPtr`, or (0) `ms` and `seq`. */
export function journalClaim(
  database: Database,
  key: usize,
  keyLength: u32,
  group: Group,
  nack: Nack,
  ms: u64,
  seq: u64,
  idPtr: usize,
  idLength: u32,
): void {
  if (!Journal.begin(database.index, 14)) return;
  const consumer = Consumer.at(nack.consumer);
  Journal.word("XCLAIM");
  Journal.bytes(key, keyLength);
  Journal.bytes(group.name, group.nameLength);
  Journal.bytes(consumer.name, consumer.nameLength);
  Journal.int(0);
  if (idPtr != 0) Journal.bytes(idPtr, idLength);
  else journalId(ms, seq);
  Journal.word("TIME");
  Journal.int(nack.deliveredAt);
  Journal.word("RETRYCOUNT");
  Journal.int(<i64>nack.deliveries);
  Journal.word("FORCE");
  Journal.word("JUSTID");
  Journal.word("LASTID");
  journalId(group.lastMs, group.lastSeq);
}

/** How far the group has come. */
export function journalGroup(database: Database, key: usize, keyLength: u32, group: Group): void {
  if (!Journal.begin(database.index, 7)) return;
  Journal.word("XGROUP");
  Journal.word("SETID");
  Journal.bytes(key, keyLength);
  Journal.bytes(group.name, group.nameLength);
  journalId(group.lastMs, group.lastSeq);
  Journal.word("ENTRIESREAD");
  Journal.int(group.entriesRead);
}

export function journalConsumer(
  database: Database,
  key: usize,
  keyLength: u32,
  group: Group,
  consumer: Consumer,
): void {
  if (!Journal.begin(database.index, 5)) return;
  Journal.word("XGROUP");
  Journal.word("CREATECONSUMER");
  Journal.bytes(key, keyLength);
  Journal.bytes(group.name, group.nameLength);
  Journal.bytes(consumer.name, consumer.nameLength);
}
