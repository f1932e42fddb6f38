import { array, bigint, enum as choice, number, object, optional, string, tuple } from "zod/mini";
import {
  checked,
  type Directive,
  type DirectiveFlags,
  failure,
  lazily,
  type Parsed,
  type RewriteLine,
  type Schema,
  success,
} from "./directive.ts";
import { formatEventClasses, parseEventClasses } from "./keyspace-events.ts";
import { formatMemory, parseLooseInteger, parseMemory } from "./numbers.ts";
import { quote } from "./quoting.ts";

/** The directives whose value is neither one word nor one number. */

export interface SavePoint {
  readonly seconds: number;
  readonly changes: number;
}

/**
 * `save <seconds> <changes> ...`. In a file, the first line replaces the defaults, later ones add to it and
 * `save ""` takes all back; CONFIG SET replaces all.
 */
export function savePoints(initial: readonly SavePoint[]): Directive<readonly SavePoint[]> {
  const format = (points: readonly SavePoint[]) =>
    points.map(({ seconds, changes }) => `${seconds} ${changes}`).join(" ");
  return {
    kind: "save-points",
    flags: {},
    unit: undefined,
    initial,
    schema: lazily(() => array(object({ seconds: number(), changes: number() }))),
    multiple: true,
    parse(words, { loading, seen, previous }) {
      if (isEmpty(words)) return success([]);
      if (words.length % 2 !== 0) return failure({ code: "save-parameters" });
      const points: SavePoint[] = [];
      for (let i = 0; i < words.length; i += 2) {
        const seconds = parseLooseInteger(words[i]!);
        const changes = parseLooseInteger(words[i + 1]!);
        if (seconds === undefined || seconds < 1n || changes === undefined || changes < 0n) {
          return failure({ code: "save-parameters" });
        }
        points.push({ seconds: Number(seconds), changes: Number(BigInt.asIntN(32, changes)) });
      }
      return success(loading && seen ? [...previous, ...points] : points);
    },
    format,
    read: (points) => points,
    rewrite(points): readonly RewriteLine[] {
      if (points.length === 0) return [{ text: '""', forced: true }];
      return points.map((point) => ({ text: format([point]), forced: true }));
    },
    settle: (points) => points,
  };
}

/** Classes of clients with an output buffer limit, under the names that CONFIG GET shows. */
export const bufferClasses = ["normal", "slave", "pubsub"] as const;
export type BufferClass = (typeof bufferClasses)[number];

interface StoredBufferLimit {
  readonly hard: bigint;
  readonly soft: bigint;
  readonly seconds: bigint;
}
export type StoredBufferLimits = Readonly<Record<BufferClass, StoredBufferLimit>>;

/** A limit of 0 is no limit. */
export interface BufferLimit {
  readonly hardBytes: number;
  readonly softBytes: number;
  readonly softSeconds: number;
}

const storedLimit = () => object({ hard: bigint(), soft: bigint(), seconds: bigint() });

/** `client-output-buffer-limit <class> <hard> <soft> <seconds> ...`; unnamed classes keep theirs. */
export function bufferLimits(
  initial: StoredBufferLimits,
): Directive<StoredBufferLimits, Readonly<Record<BufferClass, BufferLimit>>> {
  return {
    kind: "buffer-limits",
    flags: {},
    unit: undefined,
    initial,
    schema: lazily(() =>
      object({ normal: storedLimit(), slave: storedLimit(), pubsub: storedLimit() }),
    ),
    multiple: true,
    parse(words, { previous }): Parsed<StoredBufferLimits> {
      if (words.length % 4 !== 0) return failure({ code: "buffer-limit-count" });
      const limits = { ...previous };
      for (let i = 0; i < words.length; i += 4) {
        const name = bufferClassOf(words[i]!);
        if (name === undefined) return failure({ code: "buffer-limit-class" });
        const hard = parseMemory(words[i + 1]!);
        const soft = parseMemory(words[i + 2]!);
        const seconds = parseLooseInteger(words[i + 3]!);
        const cut = seconds === undefined ? -1n : BigInt.asIntN(32, seconds);
        if (hard === undefined || soft === undefined || cut < 0n) {
          return failure({ code: "buffer-limit-value" });
        }
        limits[name] = { hard, soft, seconds: cut };
      }
      return success(limits);
    },
    format: (limits) =>
      bufferClasses
        .map((name) => [name, limits[name]] as const)
        .map(([name, { hard, soft, seconds }]) => `${name} ${hard} ${soft} ${seconds}`)
        .join(" "),
    read: (limits) => ({
      normal: readLimit(limits.normal),
      slave: readLimit(limits.slave),
      pubsub: readLimit(limits.pubsub),
    }),
    rewrite: (limits) =>
      bufferClasses.map((name) => {
        const { hard, soft, seconds } = limits[name];
        const before = initial[name];
        const shown = name === "slave" ? "replica" : name;
        return {
          text: `${shown} ${formatMemory(hard)} ${formatMemory(soft)} ${seconds}`,
          forced: hard !== before.hard || soft !== before.soft || seconds !== before.seconds,
        };
      }),
    settle: (limits) => limits,
  };
}

function bufferClassOf(word: string): BufferClass | undefined {
  const name = word.toLowerCase();
  if (name === "replica") return "slave";
  return bufferClasses.find((known) => known === name);
}

function readLimit({ hard, soft, seconds }: StoredBufferLimit): BufferLimit {
  return { hardBytes: Number(hard), softBytes: Number(soft), softSeconds: Number(seconds) };
}

export type OomScores = readonly [primary: number, replica: number, child: number];

export function oomScores(initial: OomScores): Directive<OomScores> {
  return {
    kind: "oom-scores",
    flags: {},
    unit: undefined,
    initial,
    schema: lazily(() => tuple([number(), number(), number()]) as Schema<OomScores>),
    multiple: true,
    parse(words): Parsed<OomScores> {
      if (words.length !== 3) return failure({ code: "argument-count" });
      const scores: number[] = [];
      for (const word of words) {
        const score = parseLooseInteger(word);
        if (score === undefined || score < -2000n || score > 2000n) {
          return failure({ code: "oom-score-values" });
        }
        scores.push(Number(score));
      }
      return success([scores[0]!, scores[1]!, scores[2]!]);
    },
    format: (scores) => scores.join(" "),
    read: (scores) => scores,
    rewrite: (scores) => {
      const text = scores.join(" ");
      return [{ text, forced: text !== initial.join(" ") }];
    },
    settle: (scores) => scores,
  };
}

const bindAddressesMax = 16;

/** `bind <address> ...`; a leading `-` lets an address be unavailable, `*` is every interface. */
export function addresses(initial: readonly string[]): Directive<readonly string[]> {
  const schema = lazily<readonly string[]>(() => array(string()));
  return {
    kind: "addresses",
    flags: {},
    unit: undefined,
    initial,
    schema,
    multiple: true,
    parse(words) {
      if (words.length > bindAddressesMax) return failure({ code: "too-many-addresses" });
      return checked(schema(), isEmpty(words) ? [] : [...words]);
    },
    format: (list) => list.join(" "),
    read: (list) => list,
    rewrite(list) {
      if (list.length === initial.length && list.every((item, i) => item === initial[i])) return [];
      return [{ text: list.length === 0 ? '""' : list.join(" "), forced: true }];
    },
    settle: (list) => list,
  };
}

export interface PrimaryAddress {
  readonly host: string;
  /** 0 to 65535. */
  readonly port: number;
}

/** `replicaof <host> <port>` or `replicaof no one`. */
export function primaryAddress(flags: DirectiveFlags): Directive<PrimaryAddress | undefined> {
  const show = (primary: PrimaryAddress | undefined) =>
    primary === undefined ? "" : `${primary.host} ${primary.port}`;
  return {
    kind: "primary-address",
    flags,
    unit: undefined,
    initial: undefined,
    schema: lazily<PrimaryAddress | undefined>(
      () =>
        optional(object({ host: string(), port: number() })) as Schema<PrimaryAddress | undefined>,
    ),
    multiple: true,
    parse(words): Parsed<PrimaryAddress | undefined> {
      if (words.length !== 2) return failure({ code: "argument-count" });
      const [host, portText] = [words[0]!, words[1]!];
      if (host.toLowerCase() === "no" && portText.toLowerCase() === "one") {
        return success(undefined);
      }
      const port = parseLooseInteger(portText);
      if (port === undefined || port < 0n || port > 65535n) return failure({ code: "master-port" });
      return success({ host, port: Number(port) });
    },
    format: show,
    read: (primary) => primary,
    rewrite: (primary) => (primary === undefined ? [] : [{ text: show(primary), forced: true }]),
    settle: (primary) => primary,
  };
}

/** The working directory: taking the value means entering it. Stored as an absolute path. */
export function workingDirectory(flags: DirectiveFlags): Directive<string> {
  return {
    kind: "directory",
    flags,
    unit: undefined,
    initial: ".",
    schema: lazily(() => string()),
    multiple: false,
    parse(words, { environment }) {
      const entered = environment.changeDirectory(words[0]!);
      if (!entered.ok) return failure({ code: "refused", reason: entered.error });
      return success(entered.value);
    },
    format: (path) => path,
    read: (path) => path,
    rewrite: (path) => [{ text: quote(path), forced: true }],
    settle: (path) => path,
  };
}

/** Percentiles of INFO latencystats, 0 to 100. */
export function percentiles(initial: readonly number[]): Directive<readonly number[]> {
  const format = (list: readonly number[]) => list.map(trimmedDecimal).join(" ");
  return {
    kind: "percentiles",
    flags: {},
    unit: "percent",
    initial,
    schema: lazily(() => array(number())),
    multiple: true,
    parse(words) {
      const list: number[] = [];
      for (const word of isEmpty(words) ? [] : words) {
        const value = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?$/i.test(word)
          ? Number(word)
          : Number.NaN;
        if (Number.isNaN(value)) return failure({ code: "percentiles" });
        if (value > 100 || value < 0) return failure({ code: "percentiles-range" });
        list.push(value);
      }
      return success(list);
    },
    format,
    read: (list) => list,
    rewrite: (list) => [{ text: list.length === 0 ? '""' : format(list), forced: true }],
    settle: (list) => list,
  };
}

/** Six decimals at most, without trailing zeros. */
function trimmedDecimal(value: number): string {
  return value.toFixed(6).replace(/\.?0+$/, "");
}

const exitFlags = ["default", "save", "nosave", "now", "force"] as const;
export type ExitFlag = Exclude<(typeof exitFlags)[number], "default">;

/** Modifiers of the SHUTDOWN that a signal causes; none of them is `default`. */
export function exitModifiers(): Directive<readonly ExitFlag[]> {
  const show = (flags: readonly ExitFlag[]) => (flags.length === 0 ? "default" : flags.join(" "));
  return {
    kind: "exit-modifiers",
    flags: {},
    unit: undefined,
    initial: [],
    schema: lazily(() => array(choice(["save", "nosave", "now", "force"]))),
    multiple: true,
    parse(words): Parsed<readonly ExitFlag[]> {
      const given = words.map((word) => word.toLowerCase());
      if (given.length === 0 || !given.every((word) => exitFlags.some((flag) => flag === word))) {
        return failure({ code: "not-one-of", choices: exitFlags });
      }
      if (given.includes("save") && given.includes("nosave")) {
        return failure({ code: "save-and-nosave" });
      }
      return success(
        exitFlags.filter((flag): flag is ExitFlag => flag !== "default" && given.includes(flag)),
      );
    },
    format: show,
    read: (flags) => flags,
    rewrite: (flags) => [{ text: show(flags), forced: flags.length > 0 }],
    settle: (flags) => flags,
  };
}

function isEmpty(words: readonly string[]): boolean {
  return words.length === 1 && words[0] === "";
}

/** The limits of one class, as they are stored. */
export function bufferLimit(hard: bigint, soft: bigint, seconds: bigint): StoredBufferLimit {
  return { hard, soft, seconds };
}

/** `notify-keyspace-events`: read as the letters of `parseEventClasses`. */
export function eventClasses(): Directive<string> {
  return {
    kind: "event-classes",
    flags: {},
    unit: undefined,
    initial: "",
    schema: lazily(() => string()),
    multiple: false,
    parse(words) {
      const letters = parseEventClasses(words[0]!);
      return letters === undefined ? failure({ code: "event-class" }) : success(letters);
    },
    format: formatEventClasses,
    read: (letters) => letters,
    rewrite: (letters) => [{ text: quote(formatEventClasses(letters)), forced: letters !== "" }],
    settle: (letters) => letters,
  };
}
