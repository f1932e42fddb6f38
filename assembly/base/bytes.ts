/** Comparing and writing byte strings in linear memory. */

/** Whether two byte strings of the same `length` are equal. Eight bytes at a time, the tail overlapping. */
export function bytesEqual(left: usize, right: usize, length: u32): bool {
  if (length >= 8) {
    const last = <usize>length - 8;
    for (let at: usize = 0; at < last; at += 8) {
      if (load<u64>(left + at) != load<u64>(right + at)) return false;
    }
    return load<u64>(left + last) == load<u64>(right + last);
  }
  if (length >= 4) {
    const last = <usize>length - 4;
    return load<u32>(left) == load<u32>(right) && load<u32>(left + last) == load<u32>(right + last);
  }
  if (length >= 2) {
    const last = <usize>length - 2;
    return load<u16>(left) == load<u16>(right) && load<u16>(left + last) == load<u16>(right + last);
  }
  return length == 0 || load<u8>(left) == load<u8>(right);
}

/** Copies short strings (keys, small values) faster than `memory.copy`, whose set-up cost is some 20 ns. */
export function copyBytes(target: usize, source: usize, length: u32): void {
  if (length > 64) {
    memory.copy(target, source, length);
    return;
  }
  if (length >= 8) {
    const last = <usize>length - 8;
    const tail = load<u64>(source + last);
    for (let at: usize = 0; at < last; at += 8) store<u64>(target + at, load<u64>(source + at));
    store<u64>(target + last, tail);
    return;
  }
  if (length >= 4) {
    const last = <usize>length - 4;
    const tail = load<u32>(source + last);
    store<u32>(target, load<u32>(source));
    store<u32>(target + last, tail);
    return;
  }
  if (length >= 2) {
    const last = <usize>length - 2;
    const tail = load<u16>(source + last);
    store<u16>(target, load<u16>(source));
    store<u16>(target + last, tail);
    return;
  }
  if (length != 0) store<u8>(target, load<u8>(source));
}

/** Order of two byte strings as memcmp, then by length: negative, 0 or positive. */
export function compareBytes(left: usize, leftLength: u32, right: usize, rightLength: u32): i32 {
  const shared = min(leftLength, rightLength);
  const order = memory.compare(left, right, shared);
  if (order != 0) return order;
  return leftLength == rightLength ? 0 : leftLength < rightLength ? -1 : 1;
}

/** Whether the argument equals a lower-case ASCII word, whatever its case. */
export function equalsWord(ptr: usize, length: u32, word: string): bool {
  if (length != <u32>word.length) return false;
  const text = changetype<usize>(word);
  for (let at: usize = 0; at < <usize>length; at++) {
    let byte = <u32>load<u8>(ptr + at);
    if (byte >= 65 && byte <= 90) byte |= 32;
    if (byte != <u32>load<u16>(text + (at << 1))) return false;
  }
  return true;
}

/** Writes an ASCII literal; answers its length. Literals are UTF-16 data of the module, never objects. */
export function writeText(target: usize, text: string): u32 {
  const source = changetype<usize>(text);
  const length = <u32>text.length;
  for (let at: usize = 0; at < <usize>length; at++) {
    store<u8>(target + at, <u8>load<u16>(source + (at << 1)));
  }
  return length;
}
