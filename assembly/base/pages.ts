/**
 * Memory in pages of 4 KiB. A run is a row of pages; free runs are kept in bins by length and merged with their
 * neighbours when freed. All bookkeeping stands in a table beside the pages (one `PageMeta` each), that of the
 * slabs which memory.ts makes of runs as well.
 */

export const PAGE_SHIFT: u32 = 12;
export const PAGE_SIZE: usize = 4096;
const EXACT_BINS: u32 = 32;
const BIN_COUNT: u32 = 96;
/** WASM pages; one below 4 GiB, so that `address + length` never wraps. */
const WASM_PAGES_MAX: u32 = 65535;
const MAX_PAGES: u32 = WASM_PAGES_MAX << 4;
/** How far the memory may grow, in WASM pages; tests lower it to see what happens at the end. */
let wasmPagesMax: u32 = WASM_PAGES_MAX;

/** What a page is. Only the first page of a run, its last one, and every page of a slab are marked. */
export const FREE_HEAD: u8 = 1;
const FREE_TAIL: u8 = 2;
export const SLAB: u8 = 3;
export const LARGE: u8 = 4;

/*
 *  PageMeta, 32 bytes
 *  +0  u8  kind     +1 u8 size class   +2 u16 live objects
 *  +4  u32 head     page index of the run's first page (slab pages, free tail)
 *  +8  u32 length   pages in the run
 *  +12 u32 free     first free object of the slab
 *  +16 u16 carved   objects ever handed out       +18 u16 capacity
 *  +20 u32 next     +24 u32 previous              list of the bin or of the slabs with room
 *  +28 u32 dirty    so many pages from the beginning of a free run on the system may still back: see `takePurgeable`
 */
@unmanaged
export class PageMeta {
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

/** First free run, per bin; 0: none. */
const binHeads: usize = memory.data(96 * 4, 16);
/** One bit per bin that is not empty. */
const binBits: usize = memory.data(16, 16);

let metaBase: usize = 0;
/** Pages from here on have never been handed out. */
export let topPage: u32 = 0;
/** Pages that the instance's memory has. */
export let limitPage: u32 = 0;
/** The first page behind the page table. */
export let firstPage: u32 = 0;
/** Pages in free runs. */
export let freePages: u32 = 0;

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

/** Grows the memory so that `pages` more can be taken from the top, and one is left for readers that look ahead. */
export function ensureTop(pages: u32): bool {
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
export function findRun(pages: u32): u32 {
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

export function takeRun(pages: u32): u32 {
  const found = findRun(pages);
  if (found != 0) {
    binRemove(found);
    const length = PageMeta.of(found).length;
    if (length > pages) {
      binPush(found + pages, length - pages, lessDirty(PageMeta.of(found).dirty, pages));
    }
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

export function giveRun(page: u32, length: u32): void {
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
  binPush(start, total, total);
}

/** Takes the `extra` pages behind a run, from a free run there or from the top. False: they are not to be had. */
export function extendRun(page: u32, length: u32, extra: u32): bool {
  const end = page + length;
  if (end == topPage) {
    if (!ensureTop(extra)) return false;
    topPage += extra;
    return true;
  }
  const after = PageMeta.of(end);
  if (after.kind != FREE_HEAD || after.length < extra) return false;
  const behind = after.length;
  const dirty = after.dirty;
  binRemove(end);
  if (behind > extra) binPush(end + extra, behind - extra, lessDirty(dirty, extra));
  return true;
}

/** What is left of a run's dirty beginning when its first pages are taken. */
function lessDirty(dirty: u32, taken: u32): u32 {
  return dirty > taken ? dirty - taken : 0;
}

/** Bytes of the run that `takePurgeable` has just named. */
let purgeBytes: usize = 0;

export function purgeLength(): usize {
  return purgeBytes;
}

/**
 * Free pages, at least `pages` and at most `most` in a row, whose memory the system may take back, or 0. They count as
 * given back from then on: the caller must do so before anything is allocated. Content of free runs is never relied on.
 */
export function takePurgeable(pages: u32, most: u32): usize {
  for (let bin = BIN_COUNT; bin > binOf(pages); ) {
    bin--;
    let page = load<u32>(binHeads + ((<usize>bin) << 2));
    for (let looked = 0; page != 0 && looked < 1024; looked++) {
      const meta = PageMeta.of(page);
      if (meta.dirty >= pages) {
        const taken = min<u32>(meta.dirty, most);
        meta.dirty -= taken;
        purgeBytes = (<usize>taken) << PAGE_SHIFT;
        return (<usize>(page + meta.dirty)) << PAGE_SHIFT;
      }
      page = meta.next;
    }
  }
  return 0;
}

/** Whether the bins list exactly `runs` free runs, each where it belongs. */
export function checkBins(runs: u32): bool {
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
