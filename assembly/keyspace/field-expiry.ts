/**
 * Fields of hashes that expire, as in Redis 7.4. Who asks for a field that has expired does not see it. A primary then
 * removes it, and its cycle removes those that nobody asks for; either way replicas get an HDEL. A replica removes
 * nothing by itself, and its primary's commands see all there is.
 */
import { ClientFlag, Notify, Stat } from "../abi";
import { clientFlags, gates, isReplica, now } from "../base/frame";
import { Stats } from "../base/stats";
import { Journal } from "../journal";
import { Gate } from "../settings";
import { dictFind } from "../structures/dict";
import { Dict } from "../structures/dict-layout";
import { DICT_SCAN_MAX, dictScan } from "../structures/dict-walk";
import { Hash, HashText } from "../structures/hash-fields";
import { FieldRecord } from "../structures/hash-record";
import { ExpiringTable, NEVER } from "../structures/hash-table";
import { hashExpires, hashNextExpiry } from "../structures/hash-value";
import { Database, databaseAt, fieldTick, find, noteFieldExpiry, SLOT_COUNT } from "./database";
import { Entry, setPointer } from "./entry";
import { Walks } from "./expiry-walk";
import { deleteFound, willChange } from "./keyspace";
import { notify } from "./notify";
import { isAwaited } from "./saved";
import { TAG_MASK } from "./slot-table";
import { nextOccupied } from "./walk";

/** Fields removed since the slice of the cycle began. */
let removed: u32 = 0;

/** Whether the client in hand sees what has expired: the primary's link, and the host's own clients. */
function seesExpired(): bool {
  if ((clientFlags & ClientFlag.Internal) != 0) return true;
  return isReplica && (clientFlags & ClientFlag.Primary) != 0;
}

/** Whether the field at a place of the open hash is there for the client in hand. */
export function isVisible(place: usize): bool {
  if (!hashExpires(Hash.encoding)) return true;
  const at = Hash.expiry(place);
  return at == 0 || at >= now || seesExpired();
}

/** Whether all fields of the open hash are visible. */
export function allVisible(): bool {
  if (!hashExpires(Hash.encoding)) return true;
  return hashNextExpiry(Hash.encoding, Hash.ptr) >= now || seesExpired();
}

/**
 * Finds a field of the open hash, which is the value of `e`. One that has expired is missing; where this node may, it
 * is removed. A reader's removal of the last field takes the key away: then nothing is open any more (`Hash.ptr` 0).
 */
export function findField(
  database: Database,
  slot: u32,
  e: usize,
  field: usize,
  length: u32,
  forWrite: bool,
): bool {
  if (Hash.ptr == 0 || !Hash.find(field, length)) return false;
  if (isVisible(Hash.found)) return true;
  if (isReplica && !forWrite) return false;
  if ((gates & (Gate.PauseWrites | Gate.PauseAll)) != 0) return false;
  if (!forWrite && !Journal.reserve(<usize>length + Entry.keyLength(e))) return false;
  if (!forWrite && isAwaited(database, slot, e)) return false;
  willChange(database, slot, e);
  Hash.find(field, length);
  journalDeletion(database, e, field, length);
  removeExpired(database, e);
  if (forWrite) {
    // Who is about to add the field must have searched for it.
    Hash.find(field, length);
  } else if (Hash.count() == 0) {
    deleteEmptyHash(database, slot, e);
    Hash.ptr = 0;
  }
  return false;
}

function journalDeletion(database: Database, e: usize, field: usize, length: u32): void {
  if (!Journal.begin(database.index, 3)) return;
  Journal.word("HDEL");
  Journal.bytes(Entry.keyPtr(e), Entry.keyLength(e));
  Journal.bytes(field, length);
}

function removeExpired(database: Database, e: usize): void {
  removed++;
  Hash.removeFound();
  setPointer(e, Hash.encoding, Hash.ptr);
  Stats.add(Stat.Dirty, 1);
  notify(Notify.Hash, "hexpired", database.index, Entry.keyPtr(e), Entry.keyLength(e));
}

/** Deletes a key whose hash has no field left. Replicas do the same when they lose the last one. */
export function deleteEmptyHash(database: Database, slot: u32, e: usize): void {
  notify(Notify.Generic, "del", database.index, Entry.keyPtr(e), Entry.keyLength(e));
  find(database, slot, Entry.keyPtr(e), Entry.keyLength(e));
  deleteFound(database, slot, e);
}

// The cycle.

/** Fields that one slice still may look at. */
let budgetLeft: i32 = 0;
let cycleDatabase: u32 = 0;
let cycleSlot: u32 = 0;

/** Those of one bucket. */
const dueHashes: usize = memory.data(16 * 4, 16);
const scanned: usize = memory.data(4096 * 4, 16);
if (DICT_SCAN_MAX != 4096) ERROR("scanned must hold what dictScan reports");

/** Removes expired fields, looking at about `budget`; goes on where the last call ended. Answers how many it removed. */
export function expireFields(databaseTotal: u32, exists: (index: u32) => bool, budget: u32): u32 {
  removed = 0;
  if (!isReplica) expireInDatabases(databaseTotal, exists, budget);
  return removed;
}

function expireInDatabases(databaseTotal: u32, exists: (index: u32) => bool, budget: u32): void {
  budgetLeft = <i32>budget;
  const start = cycleDatabase;
  for (let round: u32 = 0; round < databaseTotal; round++) {
    const index = (start + round) % databaseTotal;
    if (index != cycleDatabase) {
      cycleDatabase = index;
      cycleSlot = 0;
    }
    if (!exists(index)) continue;
    const database = databaseAt(index);
    if (database.fieldExpiry == 0 || database.fieldExpiry > fieldTick(now)) continue;
    if (!expireInDatabase(database)) return;
  }
}

/** False: the budget is used up. */
function expireInDatabase(database: Database): bool {
  let slot = nextOccupied(database, cycleSlot);
  while (slot < SLOT_COUNT) {
    const tick = database.factsOf(slot).fieldExpiry;
    if (tick != 0 && tick <= fieldTick(now)) {
      expireInSlot(database, slot);
      if (budgetLeft <= 0) {
        // If the slot has nothing due any more, looking again costs little.
        cycleSlot = slot;
        return false;
      }
    }
    slot = nextOccupied(database, slot + 1);
  }
  cycleSlot = 0;
  database.fieldExpiry = 0;
  for (slot = nextOccupied(database, 0); slot < SLOT_COUNT; ) {
    const tick = database.factsOf(slot).fieldExpiry;
    if (tick != 0 && (database.fieldExpiry == 0 || tick < database.fieldExpiry)) {
      database.fieldExpiry = tick;
    }
    slot = nextOccupied(database, slot + 1);
  }
  return true;
}

/**
 * Goes on with the walk of a slot for as long as the budget lasts. Until it ends the slot counts as due; then it is known
 * when its next field expires.
 */
function expireInSlot(database: Database, slot: u32): void {
  const facts = database.factsOf(slot);
  const table = database.table(slot);
  const walk = Walks.fields;
  walk.goOn(changetype<usize>(facts), changetype<usize>(table));
  while (budgetLeft > 0 && walk.index < table.walkCount) {
    const due = collectDue(table.bucketAt(walk.index));
    for (let i: u32 = 0; i < due; i++) {
      // The rest of the bucket is the next slice's.
      if (budgetLeft <= 0) return;
      const e = load<usize>(dueHashes + ((<usize>i) << 2));
      const awaited = isAwaited(database, slot, e);
      const at = awaited
        ? hashNextExpiry(Entry.encoding(e), Entry.pointer(e))
        : expireInHash(database, slot, e);
      if (at < now && !awaited) return;
      walk.note(changetype<usize>(facts), <f64>at);
    }
    walk.index++;
    budgetLeft--;
  }
  // Without its last key the slot has no walk any more.
  if (walk.facts != changetype<usize>(facts) || walk.index < table.walkCount) return;
  const next = walk.next;
  walk.forget();
  facts.fieldExpiry = 0;
  if (next < <f64>NEVER) noteFieldExpiry(database, slot, <i64>next);
}

/** Collects the hashes of a bucket with fields that are due; notes when fields of the others are. */
function collectDue(bucket: usize): u32 {
  let due: u32 = 0;
  let taken = i8x16.bitmask(v128.load(bucket)) & TAG_MASK;
  for (; taken != 0; taken &= taken - 1) {
    const e = load<usize>(bucket + 16 + ((<usize>ctz(taken)) << 2));
    if (!Entry.hasExpiringFields(e)) continue;
    const at = hashNextExpiry(Entry.encoding(e), Entry.pointer(e));
    if (at < now) {
      store<usize>(dueHashes + ((<usize>due) << 2), e);
      due++;
    } else if (<f64>at < Walks.fields.next) Walks.fields.next = <f64>at;
  }
  return due;
}

/** Removes expired fields of one hash, and the hash with its last one; answers when the next one may expire. */
function expireInHash(database: Database, slot: u32, e: usize): i64 {
  willChange(database, slot, e);
  Hash.open(Entry.encoding(e), Entry.pointer(e));
  budgetLeft--;
  if (Hash.isPacked()) expireInListpack(database, e);
  else expireInTable(database, e);
  if (Hash.count() > 0) return hashNextExpiry(Hash.encoding, Hash.ptr);
  deleteEmptyHash(database, slot, e);
  return NEVER;
}

/** The soonest stand first. */
function expireInListpack(database: Database, e: usize): void {
  while (budgetLeft > 0 && hashNextExpiry(Hash.encoding, Hash.ptr) < now) {
    Hash.found = Hash.first();
    Hash.readField(Hash.found);
    if (!Journal.reserve(<usize>HashText.length + Entry.keyLength(e))) return;
    journalDeletion(database, e, HashText.ptr, HashText.length);
    removeExpired(database, e);
    budgetLeft--;
  }
}

/** Goes on with the search for expired fields. At its end it is known when the next one may expire. */
function expireInTable(database: Database, e: usize): void {
  const table = ExpiringTable.at(Hash.ptr);
  while (budgetLeft > 0) {
    if (table.expiring == 0) {
      table.next = NEVER;
      table.searched = NEVER;
      table.cursor = 0;
      return;
    }
    if (table.cursor == 0) table.searched = NEVER;
    const count = dictScan(table.dict, table.cursor, scanned);
    const cursor = Dict.cursor;
    budgetLeft -= <i32>count + 1;
    for (let i: u32 = 0; i < count; i++) {
      const record = load<usize>(scanned + ((<usize>i) << 2));
      const at = FieldRecord.expireAt(record);
      if (at == 0) continue;
      if (at >= now) {
        table.searched = min(table.searched, at);
        continue;
      }
      const field = FieldRecord.fieldPtr(record);
      const length = FieldRecord.fieldLength(record);
      if (!Journal.reserve(<usize>length + Entry.keyLength(e))) return;
      journalDeletion(database, e, field, length);
      Hash.found = dictFind(table.dict, field, length);
      removeExpired(database, e);
    }
    table.cursor = cursor;
    if (cursor == 0) {
      table.next = table.searched;
      return;
    }
  }
}
