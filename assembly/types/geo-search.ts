/** GEOSEARCH, GEORADIUS and their kin. Behaviour: Redis 7.0 geo.c, georadiusGeneric. */
import { Arg, slot } from "../base/frame";
import { alloc, canAllocate, free } from "../base/memory";
import { currentDatabase, lookupRead, slotOf } from "../keyspace/keyspace";
import { replyArray, replyBulk, replyInt, replyOutOfMemory } from "../protocol/reply";
import { Walk, Z } from "../structures/sorted-set";
import { beginFound, endFound, foundAt, foundCount, noteFound, sortByDistance } from "./geo-found";
import { coverShape, FIELD_COUNT, Field, Geo, Shape, scoreBits } from "./geo-hash";
import {
  Center,
  centerHere,
  centerOnMember,
  checkOptions,
  Options,
  Order,
  parseOptions,
  parseRadius,
} from "./geo-options";
import { parsePlace, replyDistance, replyPlace } from "./geo-place";
import { storeFound, storeNothing } from "./geo-store";
import { openEntry } from "./sorted-set-key";

/** The set is at argument `keyAt`; `mayStore`: STORE and STOREDIST are options; `stores`: into the first key. */
export function geoSearch(keyAt: u32, center: Center, mayStore: bool, stores: bool): void {
  const key = Arg.ptr(keyAt);
  const length = Arg.length(keyAt);
  const keySlot = keyAt == 1 ? slot : slotOf(key, length);
  const e = lookupRead(currentDatabase(), keySlot, key, length);
  if (e != 0 && !openEntry(e)) return;
  const there = e != 0;
  Shape.isBox = false;
  let first = keyAt + 1;
  if (center == Center.Place) {
    if (!parsePlace(2)) return;
    centerHere();
    if (!parseRadius(4)) return;
    first = 6;
  } else if (center == Center.Member) {
    first = 5;
    if (there && (!centerOnMember(2) || !parseRadius(3))) return;
  }
  Options.reset();
  if (stores) Options.store = 1;
  const option = center == Center.Option;
  if (!parseOptions(first, there, option, mayStore, stores) || !checkOptions(option, stores))
    return;
  if (!there) {
    if (Options.store != 0) storeNothing();
    else replyArray(0);
    return;
  }
  if (Options.count != 0 && Options.order == Order.None && !Options.any) {
    Options.order = Order.Nearest;
  }
  search();
}

/** Goes over the members in one field of the map. */
function searchField(at: u32, most: i64): bool {
  const end = Field.end(at);
  Walk.start(Z.rankOfScore(Field.first(at), false), false);
  while (Walk.step() && Walk.score < end) {
    Geo.decode(Walk.score);
    if (!Shape.contains(Geo.longitude, Geo.latitude)) continue;
    if (!noteFound()) return false;
    if (most != 0 && <i64>foundCount >= most) break;
  }
  return true;
}

function searchFields(most: i64): bool {
  let last: u32 = 0;
  for (let at: u32 = 0; at < FIELD_COUNT; at++) {
    if (Field.step(at) == 0 && Field.bits(at) == 0) continue;
    // Round the whole earth, neighbours on both sides may be one and the same.
    const same = Field.bits(at) == Field.bits(last) && Field.step(at) == Field.step(last);
    if (last != 0 && same) continue;
    if (most != 0 && <i64>foundCount >= most) break;
    if (!searchField(at, most)) return false;
    last = at;
  }
  return true;
}

function search(): void {
  beginFound();
  coverShape();
  if (!searchFields(Options.any ? Options.count : 0)) {
    endFound();
    replyOutOfMemory();
    return;
  }
  let answered = foundCount;
  if (Options.count != 0) answered = <u32>min<i64>(Options.count, foundCount);
  // Two lists of u32: the order, and room for sorting.
  const bytes = (<usize>foundCount) << 2;
  if (!canAllocate(bytes << 1)) replyOutOfMemory();
  else {
    const order = alloc((bytes << 1) + 8);
    for (let i: u32 = 0; i < foundCount; i++) store<u32>(order + ((<usize>i) << 2), i);
    if (Options.order != Order.None) sortByDistance(order, order + bytes, answered);
    if (Options.store != 0) storeFound(order, answered);
    else replyFound(order, answered);
    free(order);
  }
  endFound();
}

function replyFound(order: usize, count: u32): void {
  const parts = 1 + <u32>Options.withDistance + <u32>Options.withHash + <u32>Options.withPlace;
  replyArray(count);
  for (let i: u32 = 0; i < count; i++) {
    const found = foundAt(order, i);
    if (parts > 1) replyArray(parts);
    replyBulk(found.member, found.length);
    if (Options.withDistance) replyDistance(found.exactDistance / Shape.unit);
    if (Options.withHash) replyInt(<i64>scoreBits(found.score));
    if (Options.withPlace) replyPlace(found.longitude, found.latitude);
  }
}
