/** When two replies count as the same: equal bytes, but for what time, chance or order decide. */
import { samePayload } from "./differential-dump.ts";
import { distancesKey } from "./differential-geo.ts";
import { nameOf } from "./differential-step.ts";
import { withoutMoments } from "./differential-streams.ts";
import { bulkOf, itemsOf } from "./differential-wire.ts";

/** A command that waits in a transaction: its reply comes with EXEC. */
type Queue = (readonly string[])[];

/** Follows one connection, so that EXEC's replies are compared each by its own command's rule. */
export class Comparer {
  private queue: Queue = [];

  /** Undefined when equal; else what differs. */
  differ(args: readonly string[], real: Buffer, atoll: Buffer): boolean {
    const name = nameOf(args);
    const queued = real.length === 9 && real.toString("latin1") === "+QUEUED\r\n";
    const queue = this.queue;
    if (queued) this.queue.push(args);
    else if (endsTransaction(name, real)) this.queue = [];
    if (real.equals(atoll)) return false;
    if (queued) return true;
    if (name === "exec") return !sameExec(queue, real, atoll);
    return !same(args, real, atoll);
  }
}

/** A MULTI inside MULTI is refused and changes nothing. */
function endsTransaction(name: string, reply: Buffer): boolean {
  return (
    ["exec", "discard", "reset", "quit"].includes(name) || (name === "multi" && reply[0] !== MINUS)
  );
}

function sameExec(queue: Queue, real: Buffer, atoll: Buffer): boolean {
  const [left, right] = [itemsOf(real), itemsOf(atoll)];
  if (left === undefined || right === undefined) return false;
  if (left.length !== queue.length || right.length !== queue.length) return false;
  return queue.every((args, at) => {
    const [one, other] = [left[at] as Buffer, right[at] as Buffer];
    return one.equals(other) || same(args, one, other) || sameButReferences(args, one, other);
  });
}

/** The reply with everything replaced that may differ; undefined: no rule, so bytes must be equal. */
function same(args: readonly string[], real: Buffer, atoll: Buffer): boolean {
  if (real[0] !== atoll[0]) return false;
  const name = nameOf(args);
  const sub = (args[1] ?? "").toLowerCase();
  switch (name) {
    case "ttl":
    case "expiretime":
      return near(real, atoll, 20);
    case "pttl":
    case "pexpiretime":
      // A busy machine may take seconds for what stands before it in a transaction.
      return near(real, atoll, 20_000);
    case "keys":
    case "smembers":
    case "sinter":
    case "sunion":
    case "sdiff":
    case "spop":
    case "hkeys":
    case "hvals":
      return sameItems(real, atoll);
    case "sort":
    case "sort_ro":
      return sameButTies(args, real, atoll);
    case "hgetall":
      return samePairs(real, atoll);
    case "srandmember":
    case "hrandfield":
      return sameShape(real, atoll);
    case "sscan":
    case "hscan":
      return real[0] !== MINUS && (args[2] !== "0" || sameScan(real, atoll));
    case "zrandmember":
      return sameChoice(real, atoll);
    case "zscan":
      return sameNumbers(sortedText(real), sortedText(atoll));
    case "scan":
    case "time":
      return real[0] !== MINUS;
    case "randomkey":
      // Which key is chance; whether there is one is not.
      return real[0] !== MINUS && real[1] !== MINUS && atoll[1] !== MINUS;
    case "memory":
      return sub === "usage" && real[0] === COLON;
    case "dump": {
      const [one, other] = [bulkOf(real), bulkOf(atoll)];
      return one !== undefined && other !== undefined && samePayload(one, other);
    }
    case "lastsave":
      return near(real, atoll, 60);
    case "object":
      if (sub === "refcount") return sameReferences(real, atoll);
      // In Redis a small integer that INCR makes is as idle as the shared object that it is, at most since the start.
      return sub === "idletime" && near(real, atoll, 2000);
    case "client":
      if (sub === "id") return real[0] === COLON;
      return (sub === "list" || sub === "info") && fields(real) === fields(atoll);
    case "debug":
      return (
        sub === "object" &&
        plain(real).replace(/refcount:1 /, COPIED) === plain(atoll).replace(/refcount:1 /, COPIED)
      );
    case "config":
      return sub === "get" && samePairs(real, atoll);
    case "xpending":
    case "xinfo":
      return withoutMoments(args, real) === withoutMoments(args, atoll);
    case "wait":
      return near(real, atoll, 1);
    case "role":
      // Offsets count bytes, and the two do not word every write alike.
      return withoutNumbers(real) === withoutNumbers(atoll);
    case "cluster":
      return sameCluster(sub, real, atoll);
    case "hello":
      return plain(real) === plain(atoll);
    default: {
      const digits = args[1] === distancesKey ? DISTANCE_DIGITS : undefined;
      const [one, other] = [real.toString("latin1"), atoll.toString("latin1")];
      return isSortedSet(name) && sameNumbers(one, other, digits);
    }
  }
}

/** Chance decides which; as many of the same kind. */
function sameChoice(real: Buffer, atoll: Buffer): boolean {
  if (real[0] === MINUS || real[0] === COLON) return false;
  const [left, right] = [itemsOf(real), itemsOf(atoll)];
  if (left === undefined || right === undefined) return left === right;
  return left.length === right.length;
}

/** Lines in order, as a hash table decides in which one they come. */
function sortedText(reply: Buffer): string {
  return reply.toString("latin1").split("\r\n").sort().join("\r\n");
}

function isSortedSet(name: string): boolean {
  return name.startsWith("z") || name.startsWith("bz") || name.startsWith("geo");
}

/** A double has 17 digits in Redis 7.0 and as few as suffice in Atoll. */
function sameNumbers(real: string, atoll: string, digits = 17): boolean {
  return shortNumbers(real, digits) === shortNumbers(atoll, digits);
}

function shortNumbers(text: string, digits: number): string {
  const short = (number: string): string => Number(number).toPrecision(digits);
  return text
    .replace(/\$\d+\r\n(-?\d[\d.]*(?:e[+-]?\d+)?)\r\n/g, (_, number) => `$#${short(number)}\r\n`)
    .replace(/,(-?\d[\d.]*(?:e[+-]?\d+)?)\r\n/g, (_, number) => `,${short(number)}\r\n`);
}

/** How many digits of a stored distance must be the same. */
const DISTANCE_DIGITS = 13;

const MINUS = 0x2d;
const COLON = 0x3a;

function near(real: Buffer, atoll: Buffer, tolerance: number): boolean {
  if (real[0] !== COLON) return false;
  const [one, other] = [Number(real.toString("latin1", 1)), Number(atoll.toString("latin1", 1))];
  // Below zero stand the special answers.
  if (one < 0 || other < 0) return false;
  return Math.abs(one - other) <= tolerance;
}

function sameItems(real: Buffer, atoll: Buffer): boolean {
  const [left, right] = [itemsOf(real), itemsOf(atoll)];
  if (left === undefined || right === undefined || left.length !== right.length) return false;
  const sorted = (items: Buffer[]): string =>
    items
      .map((item) => item.toString("latin1"))
      .sort()
      .join("");
  return sorted(left) === sorted(right);
}

/** Elements of the same weight, and those of a set that is not sorted, come as they lie in memory. */
function sameButTies(args: readonly string[], real: Buffer, atoll: Buffer): boolean {
  const words = args.slice(2).map((word) => word.toLowerCase());
  if (!words.includes("alpha") && !words.includes("by")) return false;
  if (!words.includes("limit")) return sameItems(real, atoll);
  return itemsOf(real)?.length === itemsOf(atoll)?.length;
}

/** As many items, each of the same kind: which ones is chance. */
function sameShape(real: Buffer, atoll: Buffer): boolean {
  const [left, right] = [itemsOf(real), itemsOf(atoll)];
  if (left === undefined || right === undefined) return left === right && real[0] !== MINUS;
  return (
    left.length === right.length &&
    left.every((item, at) => item[0] === right[at]?.[0] && sameShape(item, right[at] as Buffer))
  );
}

/** A scan that is through with one call has seen the same; how far others come is for each server to say. */
function sameScan(real: Buffer, atoll: Buffer): boolean {
  const [left, right] = [itemsOf(real), itemsOf(atoll)];
  const [next, found] = left ?? [];
  const [otherNext, otherFound] = right ?? [];
  if (found === undefined || otherFound === undefined) return false;
  if (`${next}` !== END_OF_SCAN || `${otherNext}` !== END_OF_SCAN) return true;
  return sameItems(found, otherFound);
}

const END_OF_SCAN = "$1\r\n0\r\n";

/** CONFIG GET answers in the order of a hash table whose seed is random. */
function samePairs(real: Buffer, atoll: Buffer): boolean {
  const [left, right] = [itemsOf(real), itemsOf(atoll)];
  if (left === undefined || right === undefined || left.length !== right.length) return false;
  const sorted = (items: Buffer[]): string => {
    const pairs: string[] = [];
    for (let at = 0; at < items.length; at += 2) pairs.push(`${items[at]}${items[at + 1]}`);
    return pairs.sort().join("");
  };
  return sorted(left) === sorted(right);
}

function withoutNumbers(reply: Buffer): string {
  return reply.toString("latin1").replace(/\$?\d+\r\n/g, "#");
}

/** Epochs follow from the order of random node IDs, and from when pings come. */
function sameCluster(sub: string, real: Buffer, atoll: Buffer): boolean {
  const [one, other] = [real.toString("latin1"), atoll.toString("latin1")];
  const facts = (text: string): string =>
    (text.match(/cluster_(state|slots_\w+|known_nodes|size):\w+/g) ?? []).join();
  switch (sub) {
    case "info":
      return facts(one) === facts(other);
    case "getkeysinslot":
      return sameItems(real, atoll);
    case "shards":
    case "slots":
    case "nodes":
    case "replicas":
    case "slaves":
      return inOrder(one) === inOrder(other);
    default:
      return false;
  }
}

/** Nodes come in the order of a hash table; their times and epochs are left out. */
function inOrder(text: string): string {
  return text
    .replace(/^[$=]\d+\r\n(?:txt:)?/, "")
    .replace(/\d+ \d+ \d+ (connected|disconnected)/g, "$1")
    .replace(/(replication-offset\r\n):\d+/g, "$1:")
    .split("\n")
    .sort()
    .join("\n");
}

/** COPY of a small integer makes a value of its own in Redis; in Atoll all small integers say that they are shared. */
function sameReferences(real: Buffer, atoll: Buffer): boolean {
  return `${real}` === ":1\r\n" && `${atoll}` === `:${SHARED}\r\n`;
}

const SHARED = 2147483647;
const COPIED = `refcount:${SHARED} `;

/** In Redis the queue of a transaction holds a reference to what its SET stored, and so may a replica's buffer. */
function sameButReferences(args: readonly string[], real: Buffer, atoll: Buffer): boolean {
  const name = nameOf(args);
  const sub = (args[1] ?? "").toLowerCase();
  // Under a policy by use Redis does not share integers, so that theirs count as well.
  const isShared = `${atoll}` === `:${SHARED}\r\n`;
  if (name === "object" && sub === "refcount") {
    return near(real, isShared ? Buffer.from(":1\r\n") : atoll, 2);
  }
  if (name !== "debug" || sub !== "object") return false;
  const counted = plain(real).replace(/refcount:[23] /, "refcount:1 ");
  return counted === plain(atoll).replace(COPIED, "refcount:1 ");
}

/** Field names of CLIENT LIST, line by line; `lib-name` and `lib-ver` are those of Redis 7.2. */
function fields(reply: Buffer): string {
  return reply
    .toString("latin1")
    .replace(/^[$=]\d+\r\n/, "")
    .replace(/=[^ \n\r]*/g, "=")
    .replaceAll(" lib-name= lib-ver=", "");
}

/** Without the addresses, clocks and identifiers that no two servers share. */
function plain(reply: Buffer): string {
  return reply
    .toString("latin1")
    .replace(/at:0x[0-9a-f]+/, "at")
    .replace(/lru:\d+/, "lru")
    .replace(/lru_seconds_idle:\d+/, "idle")
    .replace(/(id\r\n):\d+/, "$1:");
}
