/** IP addresses as text, in the one form that inet_ntop would give them. */

/** The normal form, or null if the text is neither an IPv4 nor an IPv6 address. */
export function normalIp(text: string): string | null {
  return text.includes(":") ? normalIpv6(text) : normalIpv4(text);
}

function normalIpv4(text: string): string | null {
  const parts = text.split(".");
  const valid = (part: string): boolean => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256;
  return parts.length === 4 && parts.every(valid) ? text : null;
}

function normalIpv6(text: string): string | null {
  const words = ipv6Words(text);
  return words === null ? null : ipv6Text(words);
}

/** Eight 16-bit numbers. */
function ipv6Words(text: string): number[] | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  const [head, tail] = [halfWords(halves[0] ?? ""), halfWords(halves[1] ?? "")];
  if (head === null || tail === null) return null;
  const gap = 8 - head.length - tail.length;
  if (halves.length === 1) return gap === 0 ? head : null;
  return gap >= 1 ? [...head, ...new Array<number>(gap).fill(0), ...tail] : null;
}

function halfWords(text: string): number[] | null {
  if (text === "") return [];
  const words: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (part.includes(".")) {
      if (i !== parts.length - 1 || normalIpv4(part) === null) return null;
      const [a = 0, b = 0, c = 0, d = 0] = part.split(".").map(Number);
      words.push((a << 8) | b, (c << 8) | d);
    } else {
      if (!/^[0-9A-Fa-f]{1,4}$/.test(part)) return null;
      words.push(Number.parseInt(part, 16));
    }
  }
  return words;
}

/** RFC 5952 but for embedded IPv4, which inet_ntop shows dotted. */
function ipv6Text(words: readonly number[]): string {
  const [start, length] = longestZeroRun(words);
  const dotted = start === 0 && (length === 6 || (length === 5 && words[5] === 0xffff));
  const count = dotted ? 6 : 8;
  const hex = (from: number, to: number): string =>
    words
      .slice(from, to)
      .map((word) => word.toString(16))
      .join(":");
  const shown =
    length < 2 ? hex(0, count) : `${hex(0, start)}::${hex(Math.min(start + length, count), count)}`;
  if (!dotted) return shown;
  const [high = 0, low = 0] = words.slice(6);
  const separator = shown.endsWith(":") ? "" : ":";
  return `${shown}${separator}${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

function longestZeroRun(words: readonly number[]): [start: number, length: number] {
  let best: [number, number] = [-1, 0];
  for (let start = 0; start < words.length; start++) {
    let length = 0;
    while (words[start + length] === 0) length++;
    if (length > best[1]) best = [start, length];
    start += length;
  }
  return best;
}
