/** Byte streams that no client library would send: both servers must answer the same and hang up the same. */
import type { Prng } from "../../src/base/prng.ts";

/** A stream and where it is cut into writes. */
export interface Stream {
  readonly bytes: string;
  readonly cuts: readonly number[];
}

const long = (length: number): string => "x".repeat(length);

/** A command as an array of bulk strings. */
function array(...args: string[]): string {
  return `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join("")}`;
}

const ping = array("PING");
const quit = array("QUIT");
const replyOn = array("CLIENT", "REPLY", "ON");

/** Counts and lengths that are none, or too large. */
const badNumbers = [
  "-1",
  "-2",
  "-2147483649",
  "0",
  "00",
  "01",
  "+1",
  " 1",
  "1 ",
  "1x",
  "x",
  "",
  "2147483647",
  "2147483648",
  "1048576",
  "1048577",
  "1073741824",
  "9223372036854775807",
  "9223372036854775808",
  "99999999999999999999",
  "1\x00",
  "1\n",
  "11",
  "16384",
  "16385",
];

/** Fixed cases; each begins on a fresh connection. */
export const fixedStreams: readonly string[] = [
  ...badNumbers.map((count) => `*${count}\r\n`),
  ...badNumbers.map((count) => `${ping}*${count}\r\n${quit}`),
  ...badNumbers.map((length) => `*1\r\n$${length}\r\n`),
  ...badNumbers.map((length) => `*2\r\n$4\r\nECHO\r\n$${length}\r\n${quit}`),
  ...badNumbers.map((length) => `${ping}*2\r\n$4\r\nECHO\r\n$${length}\r\nabc\r\n`),
  `*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n${quit}`,
  `*1\r\n$4\r\nPING\n\n${quit}`,
  `*1\r\n$4\r\nPI\r\n\r\n${quit}`,
  `*1\r\nPING\r\n${quit}`,
  `*1\r\n:4\r\nPING\r\n`,
  `*1\r\n\x00\r\n`,
  `*1\r\n\r\n`,
  `*1\r\n*1\r\n`,
  `*2\r\n$4\r\nECHO\r\n:1\r\n`,
  `*2\r\n$4\r\nECHO\r\n\xff`,
  `*1\rx$4\rxPINGxx${quit}`,
  `*1\r\n$4\n\nPING\r\n`,
  `*1\n$4\nPING\n`,
  `*${"0".repeat(70_000)}`,
  `*1\r\n$${"0".repeat(70_000)}`,
  long(70_000),
  `${ping}${long(70_000)}`,
  `PING ${long(60_000)}\r\n${quit}`,
  `ECHO ${long(60_000)}\r\n${quit}`,
  `\r\n\r\n\n\n${quit}`,
  ` \t \r\n${quit}`,
  'PING "abc\r\n',
  "PING 'abc\r\n",
  'PING "abc"d\r\n',
  "PING 'abc'd\r\n",
  'PING "abc"\td\r\n',
  'PING "\\\r\n',
  'PING "abc\\"\r\n',
  'ECHO "a\\x41\\x4\\xg1\\n\\r\\t\\b\\a\\z\\\\\\""\r\nQUIT\r\n',
  "ECHO 'a\\x41\\'\\n\\\\'\r\nQUIT\r\n",
  'ECHO ab"c d"\r\nQUIT\r\n',
  'ECHO ab"c d"e\r\nQUIT\r\n',
  "ECHO \"a\"'b'\r\nQUIT\r\n",
  'ECHO ""\r\nQUIT\r\n',
  'ECHO "\x00"\r\nQUIT\r\n',
  "ECHO a\x00b\r\nQUIT\r\n",
  "ECHO a\vb \fc\r\nQUIT\r\n",
  "\vECHO a\r\nQUIT\r\n",
  "ECHO a\r b\r\nQUIT\r\n",
  "ECHO a\r\r\nQUIT\r\n",
  "PING\nPING\r\nQUIT\n",
  "QUIT extra words\r\nPING\r\n",
  "POST / HTTP/1.1\r\nHost: x\r\n\r\n",
  "Host: x\r\nPING\r\n",
  `${array("POST", "x")}${quit}`,
  `${array("host:", "x")}${quit}`,
  "$4\r\nPING\r\nQUIT\r\n",
  "+OK\r\nQUIT\r\n",
  "\xff\xfe\xfd\r\nQUIT\r\n",
  "\x00\x01\x02",
  // CLIENT REPLY: what is said and what is held back.
  array("CLIENT", "REPLY", "OFF") + ping + array("CLIENT", "REPLY", "ON") + ping + quit,
  array("CLIENT", "REPLY", "SKIP") + ping + ping + quit,
  array("CLIENT", "REPLY", "SKIP") + array("CLIENT", "REPLY", "SKIP") + ping + ping + quit,
  array("CLIENT", "REPLY", "OFF") + array("CLIENT", "REPLY", "SKIP") + ping + ping + replyOn + quit,
  array("CLIENT", "REPLY", "OFF") + array("NOSUCH") + ping + replyOn + quit,
  array("CLIENT", "REPLY", "OFF") + array("RESET") + ping + quit,
  array("CLIENT", "REPLY", "SKIP") + array("MULTI") + ping + array("EXEC") + ping + quit,
  array("MULTI") + array("CLIENT", "REPLY", "SKIP") + ping + array("EXEC") + ping + ping + quit,
  array("MULTI") + array("CLIENT", "REPLY", "OFF") + ping + array("EXEC") + ping + replyOn + quit,
  array("MULTI") + quit + ping,
  array("MULTI") + array("RESET") + ping + array("EXEC") + quit,
  `${array("MULTI")}*x\r\n`,
  // Authentication, which the second pair of servers asks for.
  array("AUTH", "wrong") + ping + array("AUTH", "secret") + ping + quit,
  array("AUTH", "default", "secret") + ping + array("RESET") + ping + quit,
  array("HELLO", "3") + ping + quit,
  array("HELLO", "3", "AUTH", "default", "wrong") + ping + quit,
  array("HELLO", "x") + array("HELLO", "9") + array("HELLO", "2", "NOSUCH") + quit,
  array("NOSUCH", "x") +
    array("GET") +
    array("SET", "a", "b") +
    array("MULTI") +
    array("EXEC") +
    quit,
  array("CLIENT", "NOSUCH") +
    array("CLIENT", "SETNAME", "x") +
    array("COMMAND", "COUNT", "x") +
    quit,
  `*11\r\n${"$1\r\nx\r\n".repeat(11)}${quit}`,
  `*10\r\n${"$1\r\nx\r\n".repeat(10)}${quit}`,
  array("ECHO", long(16_384)) + quit,
  array("ECHO", long(16_385)) + quit,
  array("AUTH", "secret") + array("ECHO", long(20_000)) + array("MGET", ..."abcdefghijkl") + quit,
  `AUTH secret\r\n${array("MGET", ..."abcdefghijkl")}${quit}`,
  // Large arguments, whole and with more behind them.
  array("ECHO", long(32_768)) + ping + quit,
  array("ECHO", long(100_000)) + ping + array("ECHO", long(40_000)) + quit,
  array("ECHO", long(1_048_576)) + quit,
  `*2\r\n$4\r\nECHO\r\n$40000\r\n${long(40_000)}xx${ping}${quit}`,
  `*2\r\n$4\r\nECHO\r\n$40000\r\n${long(40_001)}\r\n${ping}`,
  `*1025\r\n${"$4\r\nPING\r\n".repeat(1025)}${quit}`,
  array("DEL", ...Array.from({ length: 5000 }, (_, index) => String(index))) + quit,
];

/** A stream of whole commands, damaged in a few places (or in none), that ends with QUIT. */
export function randomStream(prng: Prng, name: string): Stream {
  const parts: string[] = [];
  for (let count = 1 + prng.below(12); count > 0; count--) parts.push(randomCommand(prng, name));
  let bytes = parts.join("");
  for (let damages = prng.chance(0.7) ? 1 + prng.below(2) : 0; damages > 0; damages--) {
    bytes = damaged(prng, bytes);
  }
  bytes += quit;
  return { bytes, cuts: randomCuts(prng, bytes.length) };
}

export function randomCuts(prng: Prng, length: number): number[] {
  const cuts = new Set<number>();
  for (let count = prng.below(4); count > 0; count--) cuts.add(prng.below(length));
  return [...cuts].sort((left, right) => left - right);
}

function randomCommand(prng: Prng, name: string): string {
  const text = (): string => {
    const length = prng.chance(0.05) ? 30_000 + prng.below(10_000) : prng.below(20);
    return Buffer.from(prng.bytes(length)).toString("latin1");
  };
  switch (prng.below(9)) {
    case 0:
      return ping;
    case 1:
      return array("ECHO", text());
    case 2:
      return array("SET", name, text());
    case 3:
      return array("GET", name);
    case 4:
      return array("APPEND", name, text());
    case 5:
      return `ECHO ${"abc def".slice(prng.below(4))}\r\n`;
    case 6:
      return `SET ${name} "a\\x0${prng.below(10)}b"\r\n`;
    case 7:
      return array("MULTI") + array("STRLEN", name) + array("EXEC");
    default:
      return array("STRLEN", name, ...(prng.chance(0.3) ? ["x"] : []));
  }
}

function damaged(prng: Prng, bytes: string): string {
  // Near the front of a long argument nothing but its bytes would change.
  const at = prng.below(Math.min(bytes.length, 400));
  const before = bytes.slice(0, at);
  const after = bytes.slice(at);
  switch (prng.below(6)) {
    case 0:
      return before + after.slice(1);
    case 1:
      return before + String.fromCharCode(prng.below(256)) + after;
    case 2:
      return (
        before +
        prng.pick(["\r\n", "\n", "\r", "*", "$", "\x00", "*0\r\n", "*-1\r\n", '"', "'"]) +
        after
      );
    case 3:
      return before + after.replace(/\d+/, () => prng.pick(badNumbers));
    case 4:
      return before + after.slice(prng.below(30));
    default:
      return before + after.slice(0, 20) + after;
  }
}
