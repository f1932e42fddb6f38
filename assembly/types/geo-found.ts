/** The places that a search has found, and their order. */
import { copyBytes } from "../base/bytes";
import { alloc, canAllocate, free, resize } from "../base/memory";
import { partialSort } from "../structures/partial-sort";
import { Walk } from "../structures/sorted-set";
import { isDoubtful } from "./geo-distance";
import { Geo, Shape } from "./geo-hash";
import { Options, Order } from "./geo-options";

/*
 *  Found, 64 bytes: a place in the area
 */
@unmanaged
export class Found {
  /** Roughly, as `Shape` measures it. */
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
  /** To the last bit. */
  @inline get exactDistance(): f64 {
    return Shape.distanceTo(this.longitude, this.latitude);
  }
}
if (offsetof<Found>() != 40) ERROR("the text of a Found is at its end");

let foundBase: usize = 0;
export let foundCount: u32 = 0;
let foundRoom: u32 = 0;

export function beginFound(): void {
  foundBase = 0;
  foundCount = 0;
  foundRoom = 0;
}

export function endFound(): void {
  free(foundBase);
}

/** Notes the walk's place, which `Shape` contains. False: memory does not suffice. */
export function noteFound(): bool {
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

function compareDistances(left: u32, right: u32): i32 {
  const one = Found.at(left);
  const other = Found.at(right);
  let a = one.distance;
  let b = other.distance;
  if (isDoubtful(a, b)) {
    if (a == b && one.longitude == other.longitude && one.latitude == other.latitude) return 0;
    a = one.exactDistance;
    b = other.exactDistance;
  }
  const order = a > b ? 1 : a == b ? 0 : -1;
  return Options.order == Order.Nearest ? order : -order;
}

/** A merge sort of all, which leaves equals in their order as the C library's does; else as far as is answered. */
export function sortByDistance(order: usize, spare: usize, answered: u32): void {
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

/** In the order that a list of numbers says. */
export function foundAt(order: usize, at: u32): Found {
  return Found.at(load<u32>(order + ((<usize>at) << 2)));
}
