/** The command table: every command that is offered, by name. What is not here does not exist. */
import { Command, CommandFlag } from "../../assembly/command-ids.ts";
import { assert } from "../base/assert.ts";
import { latin1, latin1Text } from "../base/bytes.ts";
import { bitmapCommands } from "./bitmap.ts";
import { clusterCommands } from "./cluster.ts";
import { connectionCommands } from "./connection.ts";
import { genericCommands } from "./generic.ts";
import { geoCommands } from "./geo.ts";
import { hashCommands } from "./hash.ts";
import { hyperLogLogCommands } from "./hyperloglog.ts";
import { listCommands } from "./list.ts";
import { pubSubCommands } from "./pubsub.ts";
import { replicationCommands } from "./replication.ts";
import type { CommandRow } from "./row.ts";
import { serverCommands } from "./server.ts";
import { setCommands } from "./set.ts";
import { sortCommands } from "./sort.ts";
import { sortedSetCommands } from "./sorted-set.ts";
import { streamCommands } from "./stream.ts";
import { stringCommands } from "./string.ts";
import { transactionCommands } from "./transactions.ts";

const allRows: readonly CommandRow[] = [
  ...stringCommands,
  ...genericCommands,
  ...listCommands,
  ...setCommands,
  ...sortedSetCommands,
  ...hashCommands,
  ...streamCommands,
  ...pubSubCommands,
  ...bitmapCommands,
  ...hyperLogLogCommands,
  ...geoCommands,
  ...sortCommands,
  ...serverCommands,
  ...connectionCommands,
  ...transactionCommands,
  ...replicationCommands,
  ...clusterCommands,
];

/** What the engine has to know of one top-level command. */
export interface EngineRow extends EngineSubcommand {
  readonly id: Command;
  readonly subcommands: readonly EngineSubcommand[];
}

/** What the engine has to know of one command line: top-level commands and subcommands alike. */
export interface EngineSubcommand {
  /** The name that clients send: `rename-command` applied. */
  readonly name: string;
  readonly arity: number;
  /** Sum of `CommandFlag` bits. */
  readonly flags: number;
  /** Position of the first key in argv; 0: no keys. */
  readonly firstKey: number;
  /** Position of the last key; below 0 from the end. */
  readonly lastKey: number;
  readonly step: number;
  readonly host: boolean;
  /** Where the engine counts it: the id, and behind all ids for subcommands. */
  readonly stat: number;
}

export type Resolved =
  | { readonly row: CommandRow }
  /** The error's text, without the leading `-`. */
  | { readonly error: Uint8Array };

export class CommandTable {
  /** By the name that clients send, as Latin-1 text: a new name may be any bytes. */
  private readonly byName = new Map<string, CommandRow>(allRows.map((row) => [row.name, row]));

  /** Top-level rows in the table's order. */
  get rows(): readonly CommandRow[] {
    return [...this.byName.values()];
  }

  /**
   * The directive `rename-command`, where an empty new name removes the command. Answers Redis's
   * reason for refusing, or nothing. What COMMAND prints keeps the first name, as in Redis.
   */
  rename(from: string, to: string): string | undefined {
    const row = this.byName.get(from.toLowerCase());
    if (row === undefined) return "No such command in rename-command";
    this.byName.delete(from.toLowerCase());
    if (to === "") return undefined;
    if (this.byName.has(to.toLowerCase())) return "Target command name already exists";
    this.byName.set(to.toLowerCase(), row);
    return undefined;
  }

  /** A row by its full name in any case: `get`, `CONFIG`, `config|get`. */
  lookup(name: string): CommandRow | undefined {
    const [top = "", sub, ...rest] = name.toLowerCase().split("|");
    const row = this.byName.get(top);
    if (sub === undefined || row === undefined) return row;
    return rest.length > 0 ? undefined : row.subcommands.find((child) => child.name === sub);
  }

  /** The row that a command line runs: a container's subcommand, or COMMAND alone. */
  lookupLine(argv: readonly Uint8Array[]): CommandRow | undefined {
    const row = this.byName.get(wordAt(argv, 0));
    if (row === undefined || row.subcommands.length === 0 || argv.length === 1) return row;
    return row.subcommands.find((child) => child.name === wordAt(argv, 1));
  }

  /** As `lookupLine`, with Redis's errors for unknown names and wrong numbers of arguments. */
  resolve(argv: readonly Uint8Array[]): Resolved {
    const row = this.lookupLine(argv);
    if (row !== undefined) {
      if (arityFits(row, argv.length)) return { row };
      return failure(`ERR wrong number of arguments for '${row.fullName}' command`);
    }
    const container = this.byName.get(wordAt(argv, 0));
    if (container === undefined) return failure(unknownCommand(argv));
    const word = latin1Text(argv[1] ?? new Uint8Array()).slice(0, 128);
    const help = `${container.fullName.toUpperCase()} HELP`;
    return failure(`ERR unknown subcommand '${word}'. Try ${help}.`);
  }

  /** One row per top-level command, for the engine's own table. */
  engineRows(): EngineRow[] {
    return [...this.byName].map(([name, row]) => ({
      ...engineRow(name, row),
      id: commandId(row.name),
      subcommands: row.subcommands.map((child) => engineRow(child.name, child)),
    }));
  }
}

/** Commands that Redis does not call fast, but that take about a microsecond. */
const quickNames: ReadonlySet<string> = new Set(
  (
    "set setex psetex setrange getrange substr mset msetnx setbit del rename restore object randomkey " +
    "blpop brpop lmove blmove rpoplpush brpoplpush xread geodist geohash geopos exec"
  ).split(" "),
);

function engineRow(name: string, row: CommandRow): EngineSubcommand {
  const { arity, host } = row;
  const isHeavy = (row.flags & CommandFlag.Fast) === 0 && !quickNames.has(row.name);
  const flags = isHeavy ? row.flags | CommandFlag.Heavy : row.flags;
  const { first: firstKey, last: lastKey, step } = row.range;
  return { name, arity, flags, firstKey, lastKey, step, host, stat: statIndex(row) };
}

/** The `Command` member of a top-level command's own name. */
export function commandId(name: string): Command {
  const id = idsByName.get(name.replaceAll("-", ""));
  assert(id !== undefined, `command "${name}" has no id in assembly/command-ids.ts`);
  return id;
}

const idsByName: ReadonlyMap<string, Command> = new Map(
  Object.entries(Command)
    .filter((entry): entry is [string, Command] => typeof entry[1] === "number")
    .map(([member, id]) => [member.toLowerCase(), id]),
);

/** Index of the row's counters in the engine. */
export function statIndex(row: CommandRow): number {
  const index = statIndexes.get(row.fullName);
  assert(index !== undefined, `"${row.fullName}" is counted`);
  return index;
}

const statIndexes: ReadonlyMap<string, number> = new Map([
  ...allRows.map((row): [string, number] => [row.fullName, commandId(row.name)]),
  ...allRows
    .flatMap((row) => row.subcommands)
    .map((row, index): [string, number] => [row.fullName, Command.Count + index]),
]);

/** How many rows of counters the engine keeps. */
export const statCount = Math.max(...statIndexes.values()) + 1;

export function arityFits(row: CommandRow, count: number): boolean {
  return row.arity < 0 ? count >= -row.arity : count === row.arity;
}

function wordAt(argv: readonly Uint8Array[], at: number): string {
  return latin1Text(argv[at] ?? new Uint8Array()).toLowerCase();
}

function failure(text: string): Resolved {
  return { error: latin1(text) };
}

/** The name, then as many of the arguments as about 128 bytes hold (processCommand in server.c). */
function unknownCommand(argv: readonly Uint8Array[]): string {
  let shown = "";
  for (const argument of argv.slice(1)) {
    if (shown.length >= 128) break;
    shown += `'${latin1Text(argument).slice(0, 128 - shown.length)}' `;
  }
  const name = latin1Text(argv[0] ?? new Uint8Array()).slice(0, 128);
  return `ERR unknown command '${name}', with args beginning with: ${shown}`;
}
