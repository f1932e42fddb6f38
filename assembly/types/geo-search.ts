/** GEOSEARCH, GEORADIUS and their kin. Behaviour: Redis 7.0 geo.c, georadiusGeneric. */

import { copyBytes, equalsWord } from "../base/bytes";
import { Arg, argc, Settings, slot } from "../base/frame";
import { alloc, canAllocate, free, resize } from "../base/memory";
import { Journal } from "../journal";
import { currentDatabase, lookupRead, slotOf } from "../keyspace/keyspace";
import { parseDouble, parsedDouble } from "../protocol/double";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  beginError,
  cTextLength,
  endError,
  errorBytes,
  errorText,
  replyArray,
  replyBulk,
  replyError,
  replyInt,
  replyNotInteger,
  replyOutOfMemory,
  replySyntaxError,
} from "../protocol/reply";
import { Setting } from "../settings";
import { lpSafeToAdd } from "../structures/listpack";
import { partialSort } from "../structures/partial-sort";
import { Walk, Z } from "../structures/sorted-set";
import { roomForMember } from "../structures/sorted-set-value";
import { parsePlace, parseUnit, replyDistance, replyPlace } from "./geo";
import { coverShape, FIELD_COUNT, Field, Geo, Shape, scoreBits } from "./geo-hash";
import { deleteTarget, openEntry, storeSet } from "./sorted-set-key";
import { Writes } from "./writes";

/** Where the center of the search comes from. */
export enum Center {
  /** Longitude and latitude behind the key. */
  Place = 0,
  /** A member behind the key. */
  Member = 1,
  /** FROMMEMBER or FROMLONLAT. */
  Option = 2,
}

enum Order {
  None = 0,
  Nearest = 1,
  Farthest = 2,
}

/** What the options say. */
class Options {
  static withDistance: bool = false;
  static withHash: bool = false;
  static withPlace: bool = false;
  static any: bool = false;
  static order: Order = Order.None;
  static count: i64 = 0;
  /** Argument with the key to store in; 0: none. */
  static store: u32 = 0;
  static storeDistance: bool = false;
  static fromMember: bool = false;
  static fromPlace: bool = false;
  static byRadius: bool = false;
  static byBox: bool = false;

  static reset(): void {
    Options.withDistance = false;
    Options.withHash = false;
    Options.withPlace = false;
    Options.any = false;
    Options.order = Order.None;
    Options.count = 0;
    Options.store = 0;
    Options.storeDistance = false;
    Options.fromMember = false;
    Options.fromPlace = false;
    Options.byRadius = false;
    Options.byBox = false;
  }
}

/** A number from the argument; the error was replied when false. */
function parseLength(argument: u32, error: string): bool {
  if (parseDouble(Arg.ptr(argument), <i32>Arg.length(argument))) return true;
  replyError(error);
  return false;
}

function parseRadius(argument: u32): bool {
  if (!parseLength(argument, "ERR need numeric radius")) return false;
  Shape.radius = parsedDouble();
  Shape.isBox = false;
  if (Shape.radius < 0) {
    replyError("ERR radius cannot be negative");
    return false;
  }
  Shape.unit = parseUnit(argument + 1);
  return Shape.unit > 0;
}

function parseBox(argument: u32): bool {
  if (!parseLength(argument, "ERR need numeric width")) return false;
  Shape.width = parsedDouble();
  if (!parseLength(argument + 1, "ERR need numeric height")) return false;
  Shape.height = parsedDouble();
  Shape.isBox = true;
  if (Shape.width < 0 || Shape.height < 0) {
    replyError("ERR height or width cannot be negative");
    return false;
  }
  Shape.unit = parseUnit(argument + 2);
  return Shape.unit > 0;
}

/** The center at the member of the set in hand. */
function centerOnMember(argument: u32): bool {
  if (!Z.find(Arg.ptr(argument), Arg.length(argument))) {
    replyError("ERR could not decode requested zset member");
    return false;
  }
  Geo.decode(Z.score);
  centerHere();
  return true;
}

function centerHere(): void {
  Shape.longitude = Geo.longitude;
  Shape.latitude = Geo.latitude;
}

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

function parseOptions(first: u32, there: bool, option: bool, mayStore: bool, stores: bool): bool {
  for (let i = first; i < argc; i++) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    const rest = argc - i - 1;
    if (plainOption(ptr, length)) continue;
    if (rest >= 1 && equalsWord(ptr, length, "count")) {
      if (!parseCount(++i)) return false;
    } else if (mayStore && rest >= 1 && equalsWord(ptr, length, "store")) {
      Options.store = ++i;
      Options.storeDistance = false;
    } else if (mayStore && rest >= 1 && equalsWord(ptr, length, "storedist")) {
      Options.store = ++i;
      Options.storeDistance = true;
    } else if (stores && equalsWord(ptr, length, "storedist")) {
      Options.storeDistance = true;
    } else {
      const taken = option ? shapeOption(i, rest, there) : 0;
      if (taken < 0) return false;
      if (taken == 0) {
        replySyntaxError();
        return false;
      }
      i += <u32>taken;
    }
  }
  return true;
}

function plainOption(ptr: usize, length: u32): bool {
  if (equalsWord(ptr, length, "withdist")) Options.withDistance = true;
  else if (equalsWord(ptr, length, "withhash")) Options.withHash = true;
  else if (equalsWord(ptr, length, "withcoord")) Options.withPlace = true;
  else if (equalsWord(ptr, length, "any")) Options.any = true;
  else if (equalsWord(ptr, length, "asc")) Options.order = Order.Nearest;
  else if (equalsWord(ptr, length, "desc")) Options.order = Order.Farthest;
  else return false;
  return true;
}

function parseCount(argument: u32): bool {
  if (!parseInt64(Arg.ptr(argument), <i32>Arg.length(argument))) {
    replyNotInteger();
    return false;
  }
  Options.count = parsedInt64();
  if (Options.count > 0) return true;
  replyError("ERR COUNT must be > 0");
  return false;
}

/** An option of GEOSEARCH; answers how many arguments it took, 0: it is none, -1: the error was replied. */
function shapeOption(i: u32, rest: u32, there: bool): i32 {
  const ptr = Arg.ptr(i);
  const length = Arg.length(i);
  if (rest >= 1 && !Options.fromPlace && equalsWord(ptr, length, "frommember")) {
    if (there && !centerOnMember(i + 1)) return -1;
    Options.fromMember = true;
    return 1;
  }
  if (rest >= 2 && !Options.fromMember && equalsWord(ptr, length, "fromlonlat")) {
    if (!parsePlace(i + 1)) return -1;
    centerHere();
    Options.fromPlace = true;
    return 2;
  }
  if (rest >= 2 && !Options.byBox && equalsWord(ptr, length, "byradius")) {
    if (!parseRadius(i + 1)) return -1;
    Options.byRadius = true;
    return 2;
  }
  if (rest >= 3 && !Options.byRadius && equalsWord(ptr, length, "bybox")) {
    if (!parseBox(i + 1)) return -1;
    Options.byBox = true;
    return 3;
  }
  return 0;
}

/** Whether the options go together. */
function checkOptions(option: bool, stores: bool): bool {
  if (Options.store != 0 && (Options.withDistance || Options.withHash || Options.withPlace)) {
    replyError(
      stores
        ? "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
        : "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
    );
    return false;
  }
  if (option && !Options.fromMember && !Options.fromPlace) {
    return refuseCommand("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ");
  }
  if (option && !Options.byRadius && !Options.byBox) {
    return refuseCommand("ERR exactly one of BYRADIUS and BYBOX can be specified for ");
  }
  if (Options.any && Options.count == 0) {
    replyError("ERR the ANY argument requires COUNT argument");
    return false;
  }
  return true;
}

/** The text, and the command's name as the client wrote it. */
function refuseCommand(text: string): bool {
  beginError();
  errorText(text);
  errorBytes(Arg.ptr(0), cTextLength(Arg.ptr(0), Arg.length(0)));
  endError();
  return false;
}

// What was found.

/*
 *  Found, 64 bytes: a place in the area
 */
@unmanaged
class Found {
  distance: f64;
  score: f64;
  longitude: f64;
  latitude: f64;
  /** The member's bytes; 0: they stand in `text`, as the set holds a number. */
  ptr: usize;
  length: u32;
  // 24 bytes of text follow.

  @inline static at(index: u32): Found {
    return changetype<Found>(foundBase + ((<usize>index) << 6));
  }
  @inline get member(): usize {
    return this.ptr != 0 ? this.ptr : changetype<usize>(this) + 40;
  }
}
if (offsetof<Found>() != 40) ERROR("the text of a Found is at its end");

let foundBase: usize = 0;
let foundCount: u32 = 0;
let foundRoom: u32 = 0;

/** Notes the walk's place, which `Shape` contains. False: memory does not suffice. */
function note(): bool {
  if (foundCount == foundRoom) {
    const room: u32 = foundRoom == 0 ? 16 : foundRoom << 1;
    if (!canAllocate((<usize>room) << 6)) return false;
    if (foundBase == 0) foundBase = alloc((<usize>room) << 6);
    else foundBase = resize(foundBase, (<usize>foundCount) << 6, (<usize>room) << 6);
    foundRoom = room;
  }
  const found = Found.at(foundCount);
  foundCount++;
  found.distance = Shape.distance;
  found.score = Walk.score;
  found.longitude = Geo.longitude;
  found.latitude = Geo.latitude;
  found.length = Walk.length;
  found.ptr = Walk.member;
  if (Walk.isNumber) {
    found.ptr = 0;
    copyBytes(found.member, Walk.member, Walk.length);
  }
  return true;
}

/** Goes over the members in one field of the map. */
function searchField(at: u32, most: i64): bool {
  const end = Field.end(at);
  Walk.start(Z.rankOfScore(Field.first(at), false), false);
  while (Walk.step() && Walk.score < end) {
    Geo.decode(Walk.score);
    if (!Shape.contains(Geo.longitude, Geo.latitude)) continue;
    if (!note()) return false;
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
  foundBase = 0;
  foundCount = 0;
  foundRoom = 0;
  coverShape();
  if (!searchFields(Options.any ? Options.count : 0)) {
    free(foundBase);
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
  free(foundBase);
}

function compareDistances(left: u32, right: u32): i32 {
  const a = Found.at(left).distance;
  const b = Found.at(right).distance;
  const order = a > b ? 1 : a == b ? 0 : -1;
  return Options.order == Order.Nearest ? order : -order;
}

/** A merge sort of all, which leaves equals in their order as the C library's does; else as far as is answered. */
function sortByDistance(order: usize, spare: usize, answered: u32): void {
  const count = foundCount;
  if (answered < count) {
    partialSort(order, count, 0, answered - 1, compareDistances);
    return;
  }
  for (let width: u32 = 1; width < count; width <<= 1) {
    for (let start: u32 = 0; start < count; start += width << 1) {
      merge(order, spare, start, min(start + width, count), min(start + (width << 1), count));
    }
    memory.copy(order, spare, (<usize>count) << 2);
  }
}

function merge(order: usize, spare: usize, start: u32, middle: u32, end: u32): void {
  let left = start;
  let right = middle;
  for (let at = start; at < end; at++) {
    const a = load<u32>(order + ((<usize>left) << 2));
    const b = load<u32>(order + ((<usize>right) << 2));
    const takesLeft = left < middle && (right >= end || compareDistances(a, b) <= 0);
    store<u32>(spare + ((<usize>at) << 2), takesLeft ? a : b);
    if (takesLeft) left++;
    else right++;
  }
}

function foundAt(order: usize, at: u32): Found {
  return Found.at(load<u32>(order + ((<usize>at) << 2)));
}

function replyFound(order: usize, count: u32): void {
  const parts = 1 + <u32>Options.withDistance + <u32>Options.withHash + <u32>Options.withPlace;
  replyArray(count);
  for (let i: u32 = 0; i < count; i++) {
    const found = foundAt(order, i);
    if (parts > 1) replyArray(parts);
    replyBulk(found.member, found.length);
    if (Options.withDistance) replyDistance(found.distance / Shape.unit);
    if (Options.withHash) replyInt(<i64>scoreBits(found.score));
    if (Options.withPlace) replyPlace(found.longitude, found.latitude);
  }
}

function storeFound(order: usize, count: u32): void {
  if (count == 0) {
    storeNothing();
    return;
  }
  Z.create(true);
  let bytes: usize = 0;
  let longest: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const found = foundAt(order, i);
    if (!roomForMember(found.length)) {
      Z.drop();
      replyOutOfMemory();
      return;
    }
    const score = Options.storeDistance ? found.distance / Shape.unit : found.score;
    Z.find(found.member, found.length);
    Z.add(found.member, found.length, score, 0, 0);
    bytes += found.length;
    longest = max(longest, found.length);
  }
  const small =
    <f64>count <= Settings.value(Setting.ZsetMaxListpackEntries) &&
    <f64>longest <= Settings.value(Setting.ZsetMaxListpackValue) &&
    lpSafeToAdd(0, bytes);
  if (small && canAllocate(bytes * 2 + ((<usize>count) << 5))) Z.pack(bytes);
  storeSet(Options.store, Options.store == 1 ? "geosearchstore" : "georadiusstore");
  Writes.many(count);
  Journal.verbatim(currentDatabase().index);
  replyInt(count);
}

function storeNothing(): void {
  if (deleteTarget(Options.store)) {
    Writes.one();
    Journal.verbatim(currentDatabase().index);
  }
  replyInt(0);
}
