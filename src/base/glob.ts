/**
 * Redis's glob patterns (stringmatchlen in util.c): `*`, `?`, `[abc]`, `[^a-z]` and `\` before a
 * character that is meant as itself. A class that is never closed ends with the pattern. Both texts
 * are Latin-1, one character per byte.
 *
 * Only the last `*` needs to be tried again: if a later part fits at all, it fits after that one
 * too. So the time is at most the product of both lengths, where recursion would be exponential.
 */
export function globMatch(pattern: string, text: string, ignoreCase = false): boolean {
  const wanted = ignoreCase ? pattern.toLowerCase() : pattern;
  const given = ignoreCase ? text.toLowerCase() : text;
  let p = 0;
  let t = 0;
  let starAt = -1;
  let retryAt = 0;
  while (t < given.length) {
    if (wanted[p] === "*") {
      starAt = ++p;
      retryAt = t;
      continue;
    }
    const after = p < wanted.length ? matchOne(wanted, p, given.charCodeAt(t)) : 0;
    if (after > 0) {
      p = after;
      t++;
    } else if (starAt >= 0) {
      p = starAt;
      t = ++retryAt;
    } else return false;
  }
  while (wanted[p] === "*") p++;
  return p === wanted.length;
}

/** The position after the pattern's one-character item at `p`, or 0 when it does not fit `code`. */
function matchOne(pattern: string, p: number, code: number): number {
  const mark = pattern[p];
  if (mark === "?") return p + 1;
  if (mark === "[") return matchClass(pattern, p + 1, code);
  const literalAt = mark === "\\" && p + 1 < pattern.length ? p + 1 : p;
  return pattern.charCodeAt(literalAt) === code ? literalAt + 1 : 0;
}

/** `p` is after the opening bracket. */
function matchClass(pattern: string, p: number, code: number): number {
  const negated = pattern[p] === "^";
  let at = negated ? p + 1 : p;
  let found = false;
  while (at < pattern.length && pattern[at] !== "]") {
    if (pattern[at] === "\\" && at + 1 < pattern.length) {
      found ||= pattern.charCodeAt(at + 1) === code;
      at += 2;
    } else if (pattern[at + 1] === "-" && at + 2 < pattern.length) {
      const from = pattern.charCodeAt(at);
      const to = pattern.charCodeAt(at + 2);
      found ||= code >= Math.min(from, to) && code <= Math.max(from, to);
      at += 3;
    } else {
      found ||= pattern.charCodeAt(at) === code;
      at++;
    }
  }
  const end = Math.min(at + 1, pattern.length);
  return found !== negated ? end : 0;
}
