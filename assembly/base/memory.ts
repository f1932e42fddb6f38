/**
 * The engine's own allocator.
 *
 * Memory is cut into pages of 4 KiB. A run is a row of pages; free runs are kept in bins by length and
 * merged with their neighbours when freed. Objects up to 16 KiB live in slabs: a run cut into objects of one
 * size class, with a free list of its own, so that an empty slab goes back to the page pool whatever the order
 * of frees. Larger objects are runs. All bookkeeping stands in a table beside the pages (one `PageMeta` each),
 * so objects carry no header, and `free` needs only the address.
 *
 *   classes: 8, 16, ... 128 (every 8), then four per doubling: 160, 192, 224, 256, 320 ... 16 384
 *
 * `alloc` traps when memory is exhausted; callers ask `canAllocate` first (dispatch does so for each command).
 * Design after "mimalloc: Free List Sharding in Action" (2019) and jemalloc's size classes.
 */
import { VERIFY } from "../config";

const PAGE_SHIFT: u32 = 12;
const PAGE_SIZE: usize = 4096;
const SMALL_MAX: usize = 16384;
const CLASS_COUNT: u32 = 44;
const EXACT_BINS: u32 = 32;
const BIN_COUNT: u32 = 96;
/** Bytes of a fixed slack that `canAllocate` keeps free, for small objects that nobody announces. */
const SLACK: usize = 2 << 20;
/** WASM pages; one below 4 GiB, so that `address + length` never wraps. */
const WASM_PAGES_MAX: u32 = 65535;
const MAX_PAGES: u32 = WASM_PAGES_MAX << 4;
/** How far the memory may grow, in WASM pages; tests lower it to see what happens at the end. */
let wasmPagesMax: u32 = WASM_PAGES_MAX;

/** What a page is. Only the first page of a run, its last one, and every page of a slab are marked. */
const FREE_HEAD: u8 = 1;
const FREE_TAIL: u8 = 2;
const SLAB: u8 = 3;
const LARGE: u8 = 4;

/*
 *  PageMeta, 32 bytes
 *  +0  u8  kind     +1 u8 size class   +2 u16 live objects
 *  +4  u32 head     page index of the run's first page (slab pages, free tail)
 *  +8  u32 length   pages in the run
 *  +12 u32 free     first free object of the slab
 *  +16 u16 carved   objects ever handed out       +18 u16 capacity
 *  +20 u32 next     +24 u32 previous              list of the bin or of the slabs with room
 *  +28 u32 dirty    a free run whose pages the system still backs: `takePurgeable` may give them back
 */
@unmanaged
class PageMeta {
  kind: u8;
  sizeClass: u8;
  live: u16;
  head: u32;
  length: u32;
  free: usize;
  carved: u16;
  capacity: u16;
  next: u32;
  previous: u32;
  dirty: u32;

  @inline static of(page: u32): PageMeta {
    return changetype<PageMeta>(metaBase + ((<usize>page) << 5));
  }
}
if (offsetof<PageMeta>() != 32) ERROR("PageMeta must be 32 bytes");

/** First page with room, per class; 0: none. */
const classHeads: usize = memory.data(44 * 4, 16);
/** First free run, per bin; 0: none. */
const binHeads: usize = memory.data(96 * 4, 16);
/** One bit per bin that is not empty. */
const binBits: usize = memory.data(16, 16);

let metaBase: usize = 0;
/** Pages from here on have never been handed out. */
let topPage: u32 = 0;
/** Pages that the instance's memory has. */
let limitPage: u32 = 0;
let usedBytes: usize = 0;
let peakBytes: usize = 0;
let firstPage: u32 = 0;
/** Pages in free runs. */
let freePages: u32 = 0;

/** For tests: lets the memory grow to `pages` (64 KiB each) at most. */
export function limitMemory(pages: u32): void {
  wasmPagesMax = min(pages, WASM_PAGES_MAX);
}

/** Lays the page table after the static data. Answers false when memory cannot hold it. */
export function initMemory(): bool {
  metaBase = (__heap_base + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
  const dataStart = metaBase + <usize>MAX_PAGES * 32;
  topPage = <u32>((dataStart + PAGE_SIZE - 1) >> PAGE_SHIFT);
  firstPage = topPage;
  limitPage = (<u32>memory.size()) << 4;
  return ensureTop(512);
}

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
  const last = <u32>size - 1;
  const log = 31 - clz(last);
  return 16 + ((log - 7) << 2) + ((last >> (log - 2)) & 3);
}

export function classSize(sizeClass: u32): usize {
  if (sizeClass < 16) return (sizeClass + 1) << 3;
  const log = 7 + ((sizeClass - 16) >> 2);
  return (1 << log) + ((((sizeClass - 16) & 3) + 1) << (log - 2));
}

/** The bytes an allocation of `size` really takes. */
export function roundedSize(size: usize): usize {
  if (size <= SMALL_MAX) return classSize(classOf(size));
  return (size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
}

/** Pages of the longest slab. */
const SLAB_PAGES_MAX: u32 = 32;

function slabPages(sizeClass: u32): u32 {
  const pages = <u32>((classSize(sizeClass) * 8 + PAGE_SIZE - 1) >> PAGE_SHIFT);
  return pages < 8 ? 8 : pages;
}

/** Grows the memory so that `pages` more can be taken from the top, and one is left for readers that look ahead. */
function ensureTop(pages: u32): bool {
  const wanted = topPage + pages + 1;
  if (wanted <= limitPage) return true;
  if (wanted > MAX_PAGES || (wanted + 15) >> 4 > wasmPagesMax) return false;
  // Growing is cheap and untouched pages cost nothing: take 16 MiB at a time where possible.
  let steps = (wanted - limitPage + 15) >> 4;
  const room = wasmPagesMax - (limitPage >> 4);
  const generous: u32 = steps < 256 ? 256 : steps;
  if (generous <= room && memory.grow(<i32>generous) >= 0) {
    limitPage += generous << 4;
    return true;
  }
  if (steps > room || memory.grow(<i32>steps) < 0) return false;
  limitPage += steps << 4;
  return true;
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

function binOf(pages: u32): u32 {
  if (pages <= EXACT_BINS) return pages - 1;
  const log = 31 - clz(pages);
  return EXACT_BINS + ((log - 5) << 2) + ((pages >> (log - 2)) & 3);
}

function binPush(page: u32, length: u32, dirty: u32): void {
  const bin = binOf(length);
  const meta = PageMeta.of(page);
  const tail = PageMeta.of(page + length - 1);
  tail.kind = FREE_TAIL;
  tail.head = page;
  tail.length = length;
  meta.kind = FREE_HEAD;
  meta.head = page;
  meta.length = length;
  meta.dirty = dirty;
  freePages += length;
  const headPtr = binHeads + ((<usize>bin) << 2);
  const first = load<u32>(headPtr);
  meta.next = first;
  meta.previous = 0;
  if (first != 0) PageMeta.of(first).previous = page;
  store<u32>(headPtr, page);
  const wordPtr = binBits + ((<usize>bin >> 5) << 2);
  store<u32>(wordPtr, load<u32>(wordPtr) | (1 << (bin & 31)));
}

function binRemove(page: u32): void {
  const meta = PageMeta.of(page);
  const bin = binOf(meta.length);
  freePages -= meta.length;
  if (meta.next != 0) PageMeta.of(meta.next).previous = meta.previous;
  if (meta.previous != 0) {
    PageMeta.of(meta.previous).next = meta.next;
    return;
  }
  store<u32>(binHeads + ((<usize>bin) << 2), meta.next);
  if (meta.next == 0) {
    const wordPtr = binBits + ((<usize>bin >> 5) << 2);
    store<u32>(wordPtr, load<u32>(wordPtr) & ~(1 << (bin & 31)));
  }
}

/** A free run of at least `pages`, or 0. Bins above 32 pages hold mixed lengths, so the first is searched. */
function findRun(pages: u32): u32 {
  let bin = binOf(pages);
  if (pages > EXACT_BINS) {
    let page = load<u32>(binHeads + ((<usize>bin) << 2));
    for (let looked = 0; page != 0 && looked < 64; looked++) {
      const meta = PageMeta.of(page);
      if (meta.length >= pages) return page;
      page = meta.next;
    }
    bin++;
  }
  for (let word = bin >> 5; word < BIN_COUNT >> 5; word++) {
    let bits = load<u32>(binBits + ((<usize>word) << 2));
    if (word == bin >> 5) bits &= ~0 << (bin & 31);
    if (bits != 0) return load<u32>(binHeads + ((<usize>((word << 5) + ctz(bits))) << 2));
  }
  return 0;
}

function takeRun(pages: u32): u32 {
  const found = findRun(pages);
  if (found != 0) {
    binRemove(found);
    const length = PageMeta.of(found).length;
    if (length > pages) binPush(found + pages, length - pages, PageMeta.of(found).dirty);
    return found;
  }
  // The last run may be free and touch the top: extend it instead of leaving it behind.
  let start = topPage;
  if (topPage > firstPage) {
    const last = PageMeta.of(topPage - 1);
    if (last.kind == FREE_TAIL || last.kind == FREE_HEAD) start = last.head;
  }
  if (!ensureTop(pages - (topPage - start))) unreachable();
  if (start != topPage) binRemove(start);
  topPage = start + pages;
  return start;
}

function giveRun(page: u32, length: u32): void {
  let start = page;
  let total = length;
  if (start > firstPage) {
    const before = PageMeta.of(start - 1);
    if (before.kind == FREE_TAIL || before.kind == FREE_HEAD) {
      const head = before.head;
      total += PageMeta.of(head).length;
      start = head;
      binRemove(head);
    }
  }
  const end = page + length;
  if (end < topPage) {
    const after = PageMeta.of(end);
    if (after.kind == FREE_HEAD) {
      total += after.length;
      binRemove(end);
    }
  }
  binPush(start, total, 1);
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
  const end = page + have;
  const extra = want - have;
  if (end == topPage) {
    if (!ensureTop(extra)) return false;
    topPage += extra;
  } else {
    const after = PageMeta.of(end);
    if (after.kind != FREE_HEAD || after.length < extra) return false;
    const length = after.length;
    const dirty = after.dirty;
    binRemove(end);
    if (length > extra) binPush(end + extra, length - extra, dirty);
  }
  markLarge(page, want);
  usedBytes += (<usize>extra) << PAGE_SHIFT;
  return true;
}

/** Bytes of the run that `takePurgeable` has just named. */
let purgeBytes: usize = 0;

export function purgeLength(): usize {
  return purgeBytes;
}

/**
 * A free run of at least `pages` whose memory the system may take back, or 0. It counts as given back from
 * then on: the caller must do so before anything is allocated. Content of free runs is never relied on.
 */
export function takePurgeable(pages: u32): usize {
  for (let bin = BIN_COUNT; bin > binOf(pages); ) {
    bin--;
    let page = load<u32>(binHeads + ((<usize>bin) << 2));
    for (let looked = 0; page != 0 && looked < 1024; looked++) {
      const meta = PageMeta.of(page);
      if (meta.dirty != 0 && meta.length >= pages) {
        meta.dirty = 0;
        purgeBytes = (<usize>meta.length) << PAGE_SHIFT;
        return (<usize>page) << PAGE_SHIFT;
      }
      page = meta.next;
    }
  }
  return 0;
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

/** Whether the bins list exactly `runs` free runs, each where it belongs. */
function checkBins(runs: u32): bool {
  for (let bin: u32 = 0; bin < BIN_COUNT; bin++) {
    const head = load<u32>(binHeads + ((<usize>bin) << 2));
    const bit = (load<u32>(binBits + ((<usize>bin >> 5) << 2)) >> (bin & 31)) & 1;
    if ((head != 0) != (bit == 1)) return false;
    let previous: u32 = 0;
    for (let page = head; page != 0; page = PageMeta.of(page).next) {
      const meta = PageMeta.of(page);
      if (meta.kind != FREE_HEAD || binOf(meta.length) != bin || meta.previous != previous)
        return false;
      previous = page;
      runs--;
    }
  }
  return runs == 0;
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
