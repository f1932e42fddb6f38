/** Stream values: what every value of a type can do, whatever its encoding. There is only one encoding. */
import { alloc, canAllocate, free, usableSize } from "../base/memory";
import { At, treeBytes, treeCount, treeFind, treeFirst, treeNext } from "./id-tree";
import { treeInsert, treePop } from "./id-tree-change";
import { checkTree } from "./id-tree-check";
import { checkListpack, lpBytes, lpCopy } from "./listpack";
import {
  addConsumer,
  addGroup,
  Consumer,
  findConsumer,
  findGroup,
  freeGroupSome,
  Group,
  Nack,
  Names,
  newStream,
  Stream,
} from "./stream";
import { entriesOf } from "./stream-node";
import { Entries } from "./stream-walk";

const GROUP_BYTES: usize = 96;
const CONSUMER_BYTES: usize = 56;
const NACK_BYTES: usize = 24;
/** A cell in the group's tree and one in the consumer's. */
const NACK_CELLS: usize = 48;

/** What there is to free: listpacks, groups, consumers and entries that are not confirmed. */
export function streamCount(_encoding: u32, ptr: usize): u32 {
  const stream = Stream.at(ptr);
  const groups = Names.at(stream.names);
  let count = stream.nodesCount + groups.count;
  for (let i: u32 = 0; i < groups.count && i < 64; i++) {
    const group = Group.at(groups.item(i));
    count += group.pendingCount + group.consumersCount;
  }
  return count;
}

/** Bytes allocated for the value; of large ones an estimate from the first `samples` elements (0: all). */
export function streamBytes(_encoding: u32, ptr: usize, samples: u32): usize {
  const stream = Stream.at(ptr);
  let bytes = usableSize(ptr) + treeBytes(stream.nodes);
  let nodes: usize = 0;
  let seen: u32 = 0;
  for (let more = treeFirst(stream.nodes); more; more = treeNext()) {
    nodes += usableSize(At.value);
    if (++seen == samples) break;
  }
  if (seen != 0) bytes += <usize>((<u64>nodes * <u64>stream.nodesCount) / <u64>seen);
  const groups = Names.at(stream.names);
  for (let i: u32 = 0; i < groups.count; i++) {
    const group = Group.at(groups.item(i));
    bytes += GROUP_BYTES + group.nameLength;
    bytes += <usize>group.pendingCount * (NACK_BYTES + NACK_CELLS);
    const consumers = Names.at(group.names);
    for (let j: u32 = 0; j < consumers.count; j++) {
      bytes += CONSUMER_BYTES + Consumer.at(consumers.item(j)).nameLength;
    }
  }
  return bytes;
}

/** Frees up to `budget` elements; answers how many. Fewer than `budget`: nothing is left, the value itself is freed. */
export function streamFreeSome(_encoding: u32, ptr: usize, budget: u32): u32 {
  const stream = Stream.at(ptr);
  let freed: u32 = 0;
  while (freed < budget) {
    const lp = treePop(stream.nodes);
    if (lp == 0) break;
    free(lp);
    freed++;
  }
  const groups = Names.at(stream.names);
  while (freed < budget && groups.count > 0) {
    const left = budget - freed;
    const some = freeGroupSome(Group.at(groups.item(groups.count - 1)), left);
    freed += some;
    if (some == left) return freed;
    groups.count--;
    freed++;
  }
  if (freed >= budget) return budget;
  free(groups.ptr);
  free(ptr);
  return freed;
}

/** A deep copy, or 0 where memory does not suffice (nothing is left behind then). */
export function streamCopy(encoding: u32, ptr: usize): usize {
  const bytes = streamBytes(encoding, ptr, 0);
  if (!canAllocate(bytes + (bytes >> 2))) return 0;
  const source = Stream.at(ptr);
  const target = newStream();
  memory.copy(changetype<usize>(target), ptr, offsetof<Stream>("nodesRoot"));
  for (let more = treeFirst(source.nodes); more; ) {
    const leaf = At.leaf;
    const index = At.index;
    treeInsert(target.nodes, At.high, At.low, lpCopy(At.value, lpBytes(At.value)));
    At.leaf = leaf;
    At.index = index;
    more = treeNext();
  }
  const groups = Names.at(source.names);
  for (let i: u32 = 0; i < groups.count; i++) copyGroup(target, Group.at(groups.item(i)));
  return changetype<usize>(target);
}

function copyGroup(stream: Stream, source: Group): void {
  const name = source.name;
  const length = source.nameLength;
  findGroup(stream, name, length);
  const target = addGroup(stream, name, length, source.lastMs, source.lastSeq, source.entriesRead);
  const consumers = Names.at(source.names);
  for (let i: u32 = 0; i < consumers.count; i++) {
    const consumer = Consumer.at(consumers.item(i));
    findConsumer(target, consumer.name, consumer.nameLength);
    const copy = addConsumer(target, consumer.name, consumer.nameLength, consumer.seenTime);
    for (let more = treeFirst(consumer.pending); more; ) {
      const leaf = At.leaf;
      const index = At.index;
      copyNack(target, copy, Nack.at(At.value), At.high, At.low);
      At.leaf = leaf;
      At.index = index;
      more = treeNext();
    }
  }
}

function copyNack(group: Group, consumer: Consumer, source: Nack, ms: u64, seq: u64): void {
  const nack = Nack.at(alloc(offsetof<Nack>()));
  nack.deliveredAt = source.deliveredAt;
  nack.deliveries = source.deliveries;
  nack.consumer = changetype<usize>(consumer);
  treeInsert(group.pending, ms, seq, changetype<usize>(nack));
  treeInsert(consumer.pending, ms, seq, changetype<usize>(nack));
}

/** Invariants, for tests: trees, listpacks, order of identifiers, counts, and who owns which delivery. */
export function checkStream(ptr: usize): bool {
  const stream = Stream.at(ptr);
  if (!checkTree(stream.nodes)) return false;
  let entries: u64 = 0;
  for (let more = treeFirst(stream.nodes); more; more = treeNext()) {
    if (!checkListpack(At.value)) return false;
    entries += <u64>entriesOf(At.value);
    if (stream.tail != 0 && stream.tailMs == At.high && stream.tailSeq == At.low) {
      if (stream.tail != At.value) return false;
    }
  }
  if (entries != stream.length) return false;
  Entries.begin(stream, 0, 0, u64.MAX_VALUE, u64.MAX_VALUE, false);
  let seen: u64 = 0;
  while (Entries.step()) seen++;
  if (seen != stream.length) return false;
  const groups = Names.at(stream.names);
  for (let i: u32 = 0; i < groups.count; i++) {
    if (!checkGroup(Group.at(groups.item(i)))) return false;
  }
  return true;
}

function checkGroup(group: Group): bool {
  if (!checkTree(group.pending)) return false;
  let owned: u32 = 0;
  const consumers = Names.at(group.names);
  for (let i: u32 = 0; i < consumers.count; i++) {
    const consumer = Consumer.at(consumers.item(i));
    if (!checkTree(consumer.pending)) return false;
    owned += treeCount(consumer.pending);
    for (let more = treeFirst(consumer.pending); more; ) {
      const leaf = At.leaf;
      const index = At.index;
      const nack = At.value;
      if (Nack.at(nack).consumer != changetype<usize>(consumer)) return false;
      if (treeFind(group.pending, At.high, At.low) != nack) return false;
      At.leaf = leaf;
      At.index = index;
      more = treeNext();
    }
  }
  return owned == treeCount(group.pending);
}
