/**
 * Glob patterns as Redis's `stringmatchlen` reads them: `*`, `?`, `[a-z]`, `[^x]`, and `\` before a byte that
 * stands for itself. Its corners are kept: a class that is never closed ends with the pattern, the ends of
 * a range may come in either order and compare as signed bytes, an escaped byte in a class keeps its
 * case, and an empty text matches the empty pattern alone (KEYS and SCAN take "*" as "no pattern" before).
 *
 * Only the last `*` is tried again: whatever a longer reach of an earlier one could match, the last one can
 * match too. So the time is at most the product of both lengths.
 */

const STAR: u32 = 0x2a;
const QUESTION: u32 = 0x3f;
const OPEN: u32 = 0x5b;
const CLOSE: u32 = 0x5d;
const CARET: u32 = 0x5e;
const DASH: u32 = 0x2d;
const BACKSLASH: u32 = 0x5c;

function lower(byte: u32): u32 {
  return byte - 0x41 < 26 ? byte | 0x20 : byte;
}

/** True if the whole text matches the pattern; `noCase` makes ASCII letters equal in both cases. */
export function globMatch(
  patternPtr: usize,
  patternLength: i32,
  textPtr: usize,
  textLength: i32,
  noCase: bool,
): bool {
  const patternEnd = patternPtr + <usize>patternLength;
  const textEnd = textPtr + <usize>textLength;
  if (textLength == 0) return patternLength == 0;
  // After the last star, and the text it has not swallowed; 0 before the first.
  let afterStar: usize = 0;
  let retryAt: usize = 0;
  let p = patternPtr;
  let t = textPtr;
  while (t != textEnd) {
    if (p != patternEnd) {
      if (<u32>load<u8>(p) == STAR) {
        do p++;
        while (p != patternEnd && <u32>load<u8>(p) == STAR);
        if (p == patternEnd) return true;
        afterStar = p;
        retryAt = t;
        continue;
      }
      const next = matchOne(p, patternEnd, <u32>load<u8>(t), noCase);
      if (next) {
        p = next;
        t++;
        continue;
      }
    }
    if (!afterStar) return false;
    p = afterStar;
    t = ++retryAt;
  }
  while (p != patternEnd && <u32>load<u8>(p) == STAR) p++;
  return p == patternEnd;
}

/** Where the pattern goes on after the part at `p` (not a star) has matched `byte`; 0 if it has not. */
function matchOne(p: usize, end: usize, byte: u32, noCase: bool): usize {
  let wanted = <u32>load<u8>(p);
  if (wanted == QUESTION) return p + 1;
  if (wanted == OPEN) return matchClass(p + 1, end, byte, noCase);
  if (wanted == BACKSLASH && p + 1 != end) wanted = <u32>load<u8>(++p);
  return wanted == byte || (noCase && lower(wanted) == lower(byte)) ? p + 1 : 0;
}

/** As `matchOne`, with `p` after the opening bracket. */
function matchClass(p: usize, end: usize, byte: u32, noCase: bool): usize {
  const negated = p != end && <u32>load<u8>(p) == CARET;
  if (negated) p++;
  let found = false;
  for (; p != end; p++) {
    const first = <u32>load<u8>(p);
    if (first == BACKSLASH && end - p >= 2) {
      p++;
      if (<u32>load<u8>(p) == byte) found = true;
    } else if (first == CLOSE) {
      break;
    } else if (end - p >= 3 && <u32>load<u8>(p, 1) == DASH) {
      if (inRange(first, <u32>load<u8>(p, 2), byte, noCase)) found = true;
      p += 2;
    } else if (first == byte || (noCase && lower(first) == lower(byte))) {
      found = true;
    }
  }
  if (found == negated) return 0;
  return p == end ? end : p + 1;
}

function inRange(first: u32, last: u32, byte: u32, noCase: bool): bool {
  let low = <i32>(<i8>first);
  let high = <i32>(<i8>last);
  if (low > high) {
    const swapped = low;
    low = high;
    high = swapped;
  }
  if (noCase) {
    // After the swap, as Redis does: [Z-a] becomes the empty z-a.
    low = <i32>(<i8>lower(<u32>low & 0xff));
    high = <i32>(<i8>lower(<u32>high & 0xff));
    byte = lower(byte);
  }
  const value = <i32>(<i8>byte);
  return value >= low && value <= high;
}
