/**
 * The engine's own allocator.
 *
 * Memory comes in runs of pages (pages.ts). Objects up to 16 KiB live in slabs: a run cut into objects of one
 * size class, with a free list of its own, so that an empty slab goes back to the page pool whatever the order
 * of frees. Larger objects are runs. All bookkeeping stands in the page table, so objects carry no header, and
 * `free` needs only the address.
 *
 *   classes: 8, 16, ... 128 (every 8), 144, 160, ... 512 (every 16), then four per doubling: 640, 768 ... 16 384
 *
 * The steps are small up to where small hashes, lists and sorted sets end: there rounding costs as much as all else
 * that is not their content.
 *
 * `alloc` traps when memory is exhausted; callers ask `canAllocate` first (dispatch does so for each command).
 * Design after "mimalloc: Free List Sharding in Action" (2019) and jemalloc's size classes.
 */
import { VERIFY } from "../config";
import {
  checkBins,
  ensureTop,
  extendRun,
  FREE_HEAD,
  findRun,
  firstPage,
  freePages,
  giveRun,
  LARGE,
  limitPage,
  PAGE_SHIFT,
  PAGE_SIZE,
  PageMeta,
  SLAB,
  takeRun,
  topPage,
} from "./pages";

const SMALL_MAX: usize = 16384;
const CLASS_COUNT: u32 = 60;
/** Pages of the longest slab. */
const SLAB_PAGES_MAX: u32 = 32;
/** Bytes of a fixed slack that `canAllocate` keeps free, for small objects that nobody announces. */
const SLACK: usize = 2 << 20;

/** First page with room, per class; 0: none. */
const classHeads: usize = memory.data(60 * 4, 16);

let usedBytes: usize = 0;
let peakBytes: usize = 0;

export function usedMemory(): usize {
  return usedBytes;
}

export function peakMemory(): usize {
  return peakBytes;
}

/** CONFIG RESETSTAT does not touch it; INFO shows the larger of peak and now. */
export function notePeak(): void {
  if (usedBytes > peakBytes) peakBytes = usedBytes;
}

export function classOf(size: usize): u32 {
  if (size <= 128) return size == 0 ? 0 : <u32>((size + 7) >> 3) - 1;
  if (size <= 512) return <u32>((size + 15) >> 4) + 7;
  const last = <u32>size - 1;
  const log = 31 - clz(last);
  return 40 + ((log - 9) << 2) + ((last >> (log - 2)) & 3);
}

export function classSize(sizeClass: u32): usize {
  if (sizeClass < 16) return (sizeClass + 1) << 3;
  if (sizeClass < 40) return (sizeClass - 7) << 4;
  const log = 9 + ((sizeClass - 40) >> 2);
  return (1 << log) + ((((sizeClass - 40) & 3) + 1) << (log - 2));
}

/** The bytes an allocation of `size` really takes. */
export function roundedSize(size: usize): usize {
  if (size <= SMALL_MAX) return classSize(classOf(size));
  return (size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

function slabPages(sizeClass: u32): u32 {
  const pages = <u32>((classSize(sizeClass) * 8 + PAGE_SIZE - 1) >> PAGE_SHIFT);
  return pages < 8 ? 8 : pages;
}

/** Whether `bytes` (in any number of objects) can still be allocated. May grow the memory. */
export function canAllocate(bytes: usize): bool {
  if (bytes > 0xf0000000) return false;
  const pages = <u32>((bytes + SLACK) >> PAGE_SHIFT) + 1;
  if (topPage + pages < limitPage) return true;
  if (ensureTop(pages)) return true;
  // At the end of memory: one run for the object itself, and as much as the slack in runs of any length.
  const own = <u32>(bytes >> PAGE_SHIFT) + SLAB_PAGES_MAX;
  if (freePages >= pages + SLAB_PAGES_MAX && findRun(own) != 0) return true;
  return releaseEmpty() && freePages >= pages + SLAB_PAGES_MAX && findRun(own) != 0;
}

/** Frees some of what waits to be freed; false: nothing is left of it. Set by the keyspace. */
let reclaimHook: () => bool = nothingWaits;

function nothingWaits(): bool {
  return false;
}

export function onShortage(reclaim: () => bool): void {
  reclaimHook = reclaim;
}

/** As `canAllocate`; what waits to be freed in slices is freed now where there is no room otherwise. */
export function makeRoomFor(bytes: usize): bool {
  while (!canAllocate(bytes)) {
    if (!reclaimHook()) return canAllocate(bytes);
  }
  return true;
}

/** Gives back the empty slabs that `free` keeps, one per class at most near the head. True: there were some. */
function releaseEmpty(): bool {
  let released = false;
  for (let sizeClass: u32 = 0; sizeClass < CLASS_COUNT; sizeClass++) {
    const headPtr = classHeads + ((<usize>sizeClass) << 2);
    let page = load<u32>(headPtr);
    for (let looked = 0; page != 0 && looked < 16; looked++) {
      const slab = PageMeta.of(page);
      const next = slab.next;
      if (slab.live == 0) {
        releaseSlab(page, slab, headPtr);
        released = true;
      }
      page = next;
    }
  }
  return released;
}

function newSlab(sizeClass: u32): u32 {
  const pages = slabPages(sizeClass);
  const page = takeRun(pages);
  for (let i: u32 = 0; i < pages; i++) {
    const meta = PageMeta.of(page + i);
    meta.kind = SLAB;
    meta.head = page;
    meta.sizeClass = <u8>sizeClass;
  }
  const head = PageMeta.of(page);
  head.length = pages;
  head.live = 0;
  head.carved = 0;
  head.capacity = <u16>(((<usize>pages) << PAGE_SHIFT) / classSize(sizeClass));
  head.free = 0;
  head.next = 0;
  head.previous = 0;
  return page;
}

/** At least `size` bytes, 8-aligned (64-aligned where the class is a multiple of 64). Content is undefined. */
export function alloc(size: usize): usize {
  if (size > SMALL_MAX) return allocLarge(size);
  const sizeClass = classOf(size);
  const headPtr = classHeads + ((<usize>sizeClass) << 2);
  let page = load<u32>(headPtr);
  if (page == 0) {
    page = newSlab(sizeClass);
    store<u32>(headPtr, page);
  }
  const slab = PageMeta.of(page);
  const bytes = classSize(sizeClass);
  let object = slab.free;
  if (object != 0) {
    slab.free = load<usize>(object);
  } else {
    const carved = slab.carved;
    object = ((<usize>page) << PAGE_SHIFT) + <usize>carved * bytes;
    slab.carved = carved + 1;
  }
  const live = slab.live + 1;
  slab.live = live;
  if (live == slab.capacity) {
    const next = slab.next;
    store<u32>(headPtr, next);
    if (next != 0) PageMeta.of(next).previous = 0;
    slab.next = 0;
  }
  usedBytes += bytes;
  return object;
}

function allocLarge(size: usize): usize {
  const pages = <u32>((size + PAGE_SIZE - 1) >> PAGE_SHIFT);
  const page = takeRun(pages);
  markLarge(page, pages);
  usedBytes += (<usize>pages) << PAGE_SHIFT;
  return (<usize>page) << PAGE_SHIFT;
}

function markLarge(page: u32, pages: u32): void {
  PageMeta.of(page + pages - 1).kind = LARGE;
  const head = PageMeta.of(page);
  head.kind = LARGE;
  head.length = pages;
}

/** Frees what `alloc` gave; 0 is ignored. */
export function free(ptr: usize): void {
  if (ptr == 0) return;
  const meta = PageMeta.of(<u32>(ptr >> PAGE_SHIFT));
  if (meta.kind == LARGE) {
    const pages = meta.length;
    usedBytes -= (<usize>pages) << PAGE_SHIFT;
    giveRun(<u32>(ptr >> PAGE_SHIFT), pages);
    return;
  }
  if (VERIFY) assert(meta.kind == SLAB);
  const page = meta.head;
  const slab = PageMeta.of(page);
  const sizeClass = <u32>slab.sizeClass;
  usedBytes -= classSize(sizeClass);
  if (VERIFY) memory.fill(ptr, 0xdd, classSize(sizeClass));
  store<usize>(ptr, slab.free);
  slab.free = ptr;
  const live = slab.live - 1;
  slab.live = live;
  const headPtr = classHeads + ((<usize>sizeClass) << 2);
  if (live == slab.capacity - 1) {
    const first = load<u32>(headPtr);
    slab.next = first;
    slab.previous = 0;
    if (first != 0) PageMeta.of(first).previous = page;
    store<u32>(headPtr, page);
  }
  // Keep the last slab with room: a class that swings around one slab must not pay for it each time.
  if (live == 0 && (slab.next != 0 || slab.previous != 0)) releaseSlab(page, slab, headPtr);
}

function releaseSlab(page: u32, slab: PageMeta, headPtr: usize): void {
  if (slab.next != 0) PageMeta.of(slab.next).previous = slab.previous;
  if (slab.previous != 0) PageMeta.of(slab.previous).next = slab.next;
  else store<u32>(headPtr, slab.next);
  giveRun(page, slab.length);
}

/** The bytes that the allocation at `ptr` has. */
export function usableSize(ptr: usize): usize {
  const meta = PageMeta.of(<u32>(ptr >> PAGE_SHIFT));
  if (meta.kind == LARGE) return (<usize>meta.length) << PAGE_SHIFT;
  return classSize(meta.sizeClass);
}

/** Makes the allocation at `ptr` hold `size` bytes, keeping the first `kept`; may move it. */
export function resize(ptr: usize, kept: usize, size: usize): usize {
  const usable = usableSize(ptr);
  if (roundedSize(size) == usable) return ptr;
  if (size > SMALL_MAX && usable > SMALL_MAX && resizeLarge(ptr, size)) return ptr;
  const target = alloc(size);
  memory.copy(target, ptr, kept);
  free(ptr);
  return target;
}

/** Grows into the free run behind, or gives back the tail. */
function resizeLarge(ptr: usize, size: usize): bool {
  const page = <u32>(ptr >> PAGE_SHIFT);
  const have = PageMeta.of(page).length;
  const want = <u32>((size + PAGE_SIZE - 1) >> PAGE_SHIFT);
  if (want < have) {
    markLarge(page, want);
    PageMeta.of(page + want).kind = LARGE;
    giveRun(page + want, have - want);
    usedBytes -= (<usize>(have - want)) << PAGE_SHIFT;
    return true;
  }
  const extra = want - have;
  if (!extendRun(page, have, extra)) return false;
  markLarge(page, want);
  usedBytes += (<usize>extra) << PAGE_SHIFT;
  return true;
}

/** Objects on a slab's free list, which must lie in the slab; -1 where one does not. */
function countFree(page: u32, slab: PageMeta): i32 {
  const start = (<usize>page) << PAGE_SHIFT;
  const size = classSize(slab.sizeClass);
  let count: i32 = 0;
  for (let object = slab.free; object != 0; object = load<usize>(object)) {
    const offset = object - start;
    if (offset >= <usize>slab.carved * size || offset % size != 0) return -1;
    if (++count > <i32>slab.carved) return -1;
  }
  return count;
}

/** Walks all pages: runs must tile the space, free runs must not touch, lists and counts must add up. */
export function checkMemory(): bool {
  let page = firstPage;
  let used: usize = 0;
  let runs: u32 = 0;
  let unused: u32 = 0;
  let previousFree = false;
  while (page < topPage) {
    const meta = PageMeta.of(page);
    if (meta.length == 0 || page + meta.length > topPage) return false;
    if (meta.kind == FREE_HEAD) {
      if (previousFree) return false;
      previousFree = true;
      runs++;
      unused += meta.length;
      if (meta.length > 1 && PageMeta.of(page + meta.length - 1).head != page) return false;
    } else if (meta.kind == SLAB) {
      previousFree = false;
      if (meta.head != page || meta.live > meta.capacity) return false;
      if (countFree(page, meta) != <i32>meta.carved - <i32>meta.live) return false;
      used += <usize>meta.live * classSize(meta.sizeClass);
    } else if (meta.kind == LARGE) {
      previousFree = false;
      used += (<usize>meta.length) << PAGE_SHIFT;
    } else return false;
    page += meta.length;
  }
  return used == usedBytes && unused == freePages && checkBins(runs);
}
