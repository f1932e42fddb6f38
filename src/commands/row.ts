/** One command: the row as a family file writes it, and the row with all that follows from it. */
import { CommandFlag } from "../../assembly/command-ids.ts";
import { type Category, categoriesOf, parseFlags, words } from "./flags.ts";
import { type FoundKey, type KeySpec, type LegacyRange, legacyRange } from "./key-specs.ts";

export interface RowSource {
  /** Lower case; of a subcommand, its own word only. */
  readonly name: string;
  /** Arguments with the command's own words; below 0: at least so many. */
  readonly arity: number;
  /** As COMMAND INFO names them, and `may_replicate`, `protected`, `not_queued`, `subscriber`. */
  readonly flags?: string;
  /** ACL categories beyond those that flags imply; without it, the family's. */
  readonly categories?: string;
  readonly keys?: readonly KeySpec[];
  /** What this one call does to its keys, where options decide (flag `variable_flags`). */
  readonly keyFlags?: (argv: readonly Uint8Array[]) => readonly string[];
  /** Keys that stand where `keys` cannot say. */
  readonly moreKeys?: (argv: readonly Uint8Array[]) => readonly FoundKey[];
  readonly tips?: string;
  readonly group?: string;
  readonly since: string;
  readonly complexity?: string;
  readonly summary: string;
  /** The Redis version that deprecated it, and what to use instead (Markdown). */
  readonly deprecated?: readonly [since: string, replacedBy: string];
  /** An inner command: clients have no use for it. */
  readonly system?: boolean;
  /** Each `version: what changed`. */
  readonly history?: readonly string[];
  /** See `syntax.ts`. */
  readonly syntax?: string;
  readonly subcommands?: readonly RowSource[];
  /** The lines of `<COMMAND> HELP` but for the title and the entry of HELP itself. */
  readonly help?: string;
  /** Runs in the host; without it, as the family does. */
  readonly host?: boolean;
}

export interface CommandRow
  extends Omit<RowSource, "flags" | "categories" | "tips" | "keys" | "subcommands"> {
  /** `config`, `config|get`. */
  readonly fullName: string;
  /** Sum of `CommandFlag` bits, derived ones included. */
  readonly flags: number;
  readonly categories: readonly Category[];
  readonly tips: readonly string[];
  readonly keys: readonly KeySpec[];
  readonly range: LegacyRange;
  readonly group: string;
  readonly host: boolean;
  readonly subcommands: readonly CommandRow[];
}

/** What the rows of one file have in common. */
export interface FamilyDefaults {
  readonly group: string;
  readonly categories: string;
  readonly host: boolean;
}

export function family(defaults: FamilyDefaults, sources: readonly RowSource[]): CommandRow[] {
  return sources.map((source) => rowOf(defaults, source, ""));
}

/** The row of a container's HELP. */
export function helpRow(since: string, categories?: string): RowSource {
  return {
    name: "help",
    arity: 2,
    flags: "loading stale",
    since,
    complexity: "O(1)",
    summary: "Lists the subcommands",
    ...(categories === undefined ? {} : { categories }),
  };
}

function rowOf(defaults: FamilyDefaults, source: RowSource, parent: string): CommandRow {
  const fullName = parent === "" ? source.name : `${parent}|${source.name}`;
  const { subcommands: children = [], keys = [] } = source;
  const inherited = {
    group: source.group ?? defaults.group,
    categories: source.categories ?? defaults.categories,
    host: source.host ?? defaults.host,
  };
  const range = legacyRange(keys);
  let flags = parseFlags(source.flags ?? "");
  if (range.movable) flags |= CommandFlag.MovableKeys;
  if (inherited.host) flags |= CommandFlag.Host;
  return {
    ...source,
    ...inherited,
    fullName,
    flags,
    range,
    keys,
    categories: categoriesOf(inherited.categories, flags),
    tips: words(source.tips ?? ""),
    subcommands: children.map((child) => rowOf(defaults, child, source.name)),
  };
}
