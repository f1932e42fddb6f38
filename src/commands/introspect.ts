/** COMMAND's replies and the containers' HELP, derived from the table. */
import { globMatch } from "../base/glob.ts";
import {
  array,
  bulk,
  bulkMap,
  bulks,
  emptyArray,
  error,
  integer,
  map,
  nullValue,
  type ReplyValue,
  set,
  simple,
  type Text,
} from "../base/reply.ts";
import { flagNames } from "./flags.ts";
import { type FoundKey, findKeys, type KeySpec } from "./key-specs.ts";
import type { CommandRow } from "./row.ts";
import { type Argument, parseSyntax } from "./syntax.ts";
import { arityFits, type CommandTable } from "./table.ts";

/** COMMAND, and COMMAND INFO with or without names: a null for each name that is not known. */
export function commandInfo(table: CommandTable, names: readonly string[]): ReplyValue {
  if (names.length === 0) return array(table.rows.map(infoOf));
  return array(
    names.map((name) => {
      const row = table.lookup(name);
      return row === undefined ? nullValue : infoOf(row);
    }),
  );
}

export function commandCount(table: CommandTable): ReplyValue {
  return integer(table.rows.length);
}

/** COMMAND DOCS: names that are not known are left out. */
export function commandDocs(table: CommandTable, names: readonly string[]): ReplyValue {
  const known = names.map((name) => table.lookup(name)).filter((row) => row !== undefined);
  const rows = names.length === 0 ? table.rows : known;
  return bulkMap(rows.map((row) => [row.fullName, docsOf(row)] as const));
}

/** COMMAND LIST; `filter` holds its arguments, `FILTERBY`, a kind and a value. */
export function commandList(table: CommandTable, filter: readonly string[]): ReplyValue {
  if (filter.length === 0) return namesWhere(table, () => true);
  const [by = "", kind = "", value = ""] = filter;
  const syntaxError = error("ERR syntax error");
  if (filter.length !== 3 || by.toLowerCase() !== "filterby") return syntaxError;
  switch (kind.toLowerCase()) {
    case "module":
      // Modules add commands to Redis; here there are none.
      return emptyArray;
    case "aclcat":
      return namesWhere(table, (row) =>
        (row.categories as readonly string[]).includes(value.toLowerCase()),
      );
    case "pattern":
      return namesWhere(table, (row) => globMatch(value, row.fullName, true));
    default:
      return syntaxError;
  }
}

/** COMMAND GETKEYS: `argv` is the command line asked about. */
export function commandGetKeys(table: CommandTable, argv: readonly Uint8Array[]): ReplyValue {
  const keys = keysOf(table, argv);
  return "error" in keys ? error(keys.error) : bulks(keys.found.map(({ at }) => argv[at]!));
}

export function commandGetKeysAndFlags(
  table: CommandTable,
  argv: readonly Uint8Array[],
): ReplyValue {
  const keys = keysOf(table, argv);
  if ("error" in keys) return error(keys.error);
  return array(keys.found.map(({ at, flags }) => array([bulk(argv[at]!), set(flags.map(simple))])));
}

/** The keys of a full command line, or Redis's reason why there are none (getKeysSubcommandImpl). */
export function keysOf(
  table: CommandTable,
  argv: readonly Uint8Array[],
): { readonly found: readonly FoundKey[] } | { readonly error: string } {
  const row = table.lookupLine(argv);
  if (row === undefined) return { error: "ERR Invalid command specified" };
  // Shard channels have slots as keys have, and are specified like them.
  const specs = row.keys.filter((spec) => !spec.flags.includes("not_key"));
  if (specs.length === 0) return { error: "ERR The command has no key arguments" };
  if (!arityFits(row, argv.length)) {
    return { error: "ERR Invalid number of arguments specified for command" };
  }
  const found = findKeys(specs, argv);
  if (found === undefined || found.length === 0) {
    const mayBeAbsent = flagNames(row.flags).includes("no_mandatory_keys");
    return {
      error: mayBeAbsent
        ? "ERR The command has no key arguments"
        : "ERR Invalid arguments specified for command",
    };
  }
  if (row.moreKeys !== undefined) return { found: [...found, ...row.moreKeys(argv)] };
  if (row.keyFlags === undefined) return { found };
  const flags = row.keyFlags(argv);
  return { found: found.map(({ at }) => ({ at, flags })) };
}

/** `<COMMAND> HELP` of a container; undefined when the command has no such text. */
export function helpReply(row: CommandRow): ReplyValue | undefined {
  if (row.help === undefined) return undefined;
  const name = row.fullName.toUpperCase();
  return array(
    [
      `${name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
      ...row.help.split("\n").filter((line) => line !== ""),
      "HELP",
      "    Prints this help.",
    ].map(simple),
  );
}

function namesWhere(table: CommandTable, wanted: (row: CommandRow) => boolean): ReplyValue {
  return bulks(
    flatten(table.rows)
      .filter(wanted)
      .map((row) => row.fullName),
  );
}

function flatten(rows: readonly CommandRow[]): CommandRow[] {
  return rows.flatMap((row) => [row, ...flatten(row.subcommands)]);
}

function infoOf(row: CommandRow): ReplyValue {
  return array([
    bulk(row.fullName),
    integer(row.arity),
    set(flagNames(row.flags).map(simple)),
    integer(row.range.first),
    integer(row.range.last),
    integer(row.range.step),
    set(row.categories.map((name) => simple(`@${name}`))),
    set(row.tips.map(bulk)),
    set(row.keys.map(keySpecOf)),
    // Redis writes an array here, but a set when there is nothing (addReplyCommandSubCommands).
    row.subcommands.length === 0 ? set([]) : array(row.subcommands.map(infoOf)),
  ]);
}

function keySpecOf({ notes, flags, begin, find }: KeySpec): ReplyValue {
  const entries: [Text, ReplyValue][] = [];
  if (notes !== undefined) entries.push(["notes", bulk(notes)]);
  entries.push(["flags", set(flags.map(simple))]);
  entries.push(["begin_search", typed(begin.type, beginFields(begin))]);
  entries.push(["find_keys", typed(find.type, findFields(find))]);
  return bulkMap(entries);
}

function typed(type: string, fields: readonly (readonly [Text, ReplyValue])[]): ReplyValue {
  return bulkMap([
    ["type", bulk(type)],
    ["spec", bulkMap(fields)],
  ]);
}

function beginFields(begin: KeySpec["begin"]): [Text, ReplyValue][] {
  if (begin.type === "unknown") return [];
  if (begin.type === "index") return [["index", integer(begin.index)]];
  return [
    ["keyword", bulk(begin.keyword)],
    ["startfrom", integer(begin.startFrom)],
  ];
}

function findFields(find: KeySpec["find"]): [Text, ReplyValue][] {
  if (find.type === "unknown") return [];
  if (find.type === "range") {
    return [
      ["lastkey", integer(find.last)],
      ["keystep", integer(find.step)],
      ["limit", integer(find.limit)],
    ];
  }
  return [
    ["keynumidx", integer(find.countAt)],
    ["firstkey", integer(find.firstAt)],
    ["keystep", integer(find.step)],
  ];
}

function docsOf(row: CommandRow): ReplyValue {
  const entries: [Text, ReplyValue][] = [
    ["summary", bulk(row.summary)],
    ["since", bulk(row.since)],
    ["group", bulk(row.group)],
  ];
  if (row.complexity !== undefined) entries.push(["complexity", bulk(row.complexity)]);
  const marks = [
    ...(row.deprecated === undefined ? [] : ["deprecated"]),
    ...(row.system === true ? ["syscmd"] : []),
  ];
  if (marks.length > 0) entries.push(["doc_flags", set(marks.map(simple))]);
  if (row.deprecated !== undefined) {
    entries.push(["deprecated_since", bulk(row.deprecated[0])]);
    entries.push(["replaced_by", bulk(row.deprecated[1])]);
  }
  if (row.history !== undefined) {
    entries.push(["history", set(row.history.map((line) => bulks(splitOnce(line))))]);
  }
  if (row.syntax !== undefined) {
    entries.push(["arguments", array(parseSyntax(row.syntax).map(argumentOf))]);
  }
  if (row.subcommands.length > 0) {
    const children = row.subcommands.map((child) => [bulk(child.fullName), docsOf(child)] as const);
    entries.push(["subcommands", map(children)]);
  }
  return bulkMap(entries);
}

function argumentOf(argument: Argument): ReplyValue {
  const { name, type, keySpec, token, since, deprecatedSince } = argument;
  const entries: [Text, ReplyValue][] = [
    ["name", bulk(name)],
    ["type", bulk(type)],
  ];
  if (keySpec !== undefined) entries.push(["key_spec_index", integer(keySpec)]);
  if (token !== undefined) entries.push(["token", bulk(token)]);
  if (since !== undefined) entries.push(["since", bulk(since)]);
  if (deprecatedSince !== undefined) entries.push(["deprecated_since", bulk(deprecatedSince)]);
  const flags = [
    ...(argument.optional ? ["optional"] : []),
    ...(argument.multiple ? ["multiple"] : []),
    ...(argument.multipleToken ? ["multiple_token"] : []),
  ];
  if (flags.length > 0) entries.push(["flags", set(flags.map(simple))]);
  if (argument.arguments.length > 0) {
    entries.push(["arguments", array(argument.arguments.map(argumentOf))]);
  }
  return bulkMap(entries);
}

/** `6.2.0: text` in its two parts. */
function splitOnce(line: string): [string, string] {
  const at = line.indexOf(": ");
  return [line.slice(0, at), line.slice(at + 2)];
}
