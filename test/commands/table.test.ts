import { expect, test } from "bun:test";
import { Command, CommandFlag } from "../../assembly/command-ids.ts";
import { latin1, latin1Text } from "../../src/base/bytes.ts";
import { helpReply } from "../../src/commands/introspect.ts";
import type { CommandRow } from "../../src/commands/row.ts";
import { parseSyntax } from "../../src/commands/syntax.ts";
import { CommandTable } from "../../src/commands/table.ts";

const table = new CommandTable();
const everyRow = table.rows.flatMap((row) => [row, ...row.subcommands]);
const line = (text: string): Uint8Array[] => text.split(" ").map(latin1);

test("names are unique and lower case", () => {
  const names = everyRow.map((row) => row.fullName);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toBe(name.toLowerCase());
});

test("every top-level command has an id of its own", () => {
  const rows = table.engineRows();
  expect(new Set(rows.map((row) => row.id)).size).toBe(rows.length);
  for (const { id } of rows) expect(id > Command.None && id < Command.Count).toBe(true);
});

test("the last fixed key lies within the least number of arguments", () => {
  for (const row of everyRow) {
    const least = Math.abs(row.arity);
    // SUNSUBSCRIBE without a channel is about all of them.
    if (row.name === "sunsubscribe") continue;
    expect(row.range.first < least, row.fullName).toBe(true);
    if (row.range.last > 0) expect(row.range.last < least, row.fullName).toBe(true);
    if (row.range.first > 0) expect(row.range.step > 0, row.fullName).toBe(true);
  }
});

test("no command both reads and writes, and writes are never called reads by their keys", () => {
  for (const row of everyRow) {
    const writes = (row.flags & CommandFlag.Write) !== 0;
    expect(writes && (row.flags & CommandFlag.ReadOnly) !== 0, row.fullName).toBe(false);
    // PFCOUNT may renew the count that is kept in the value; XREADGROUP is said to read, although its group changes.
    if (row.name === "pfcount" || row.name === "xreadgroup") continue;
    const keys = row.keys.filter((spec) => !spec.flags.includes("not_key"));
    const changes = keys.some((spec) => spec.flags[0] !== "RO");
    if (keys.length > 0) expect(changes, row.fullName).toBe(writes);
  }
});

test("the syntax of every row can be read and names only keys that it specifies", () => {
  for (const row of everyRow) {
    if (row.syntax === undefined) continue;
    const indexes = JSON.stringify(parseSyntax(row.syntax)).matchAll(/"keySpec":(\d+)/g);
    for (const [, index] of indexes) expect(Number(index)).toBeLessThan(row.keys.length);
  }
});

test("HELP of each container tells of each of its subcommands", () => {
  for (const row of table.rows.filter((candidate) => candidate.subcommands.length > 0)) {
    const help = JSON.stringify(helpReply(row));
    for (const { name } of row.subcommands) {
      // Redis 7.0 does not tell of CLUSTER SLAVES: it is there for old clients only.
      if (row.name === "cluster" && name === "slaves") continue;
      expect(help).toContain(`"${name.toUpperCase()}`);
    }
  }
});

test("lookup takes any case and full names only", () => {
  const nameOf = (name: string): string | undefined => table.lookup(name)?.fullName;
  expect(nameOf("GET")).toBe("get");
  expect(nameOf("Config|GET")).toBe("config|get");
  for (const name of ["nosuch", "get|x", "config|", "config|nosuch", "config|get|x", ""]) {
    expect(nameOf(name)).toBeUndefined();
  }
});

test("resolve answers Redis's errors", () => {
  const errorOf = (text: string): string => {
    const resolved = table.resolve(line(text));
    return "error" in resolved ? latin1Text(resolved.error) : `ran ${resolved.row.fullName}`;
  };
  expect(errorOf("CONFIG GET x")).toBe("ran config|get");
  expect(errorOf("command")).toBe("ran command");
  expect(errorOf("config get")).toBe("ERR wrong number of arguments for 'config|get' command");
  expect(errorOf("config")).toBe("ERR wrong number of arguments for 'config' command");
  expect(errorOf("config Foo x")).toBe("ERR unknown subcommand 'Foo'. Try CONFIG HELP.");
  expect(errorOf("foo bar baz")).toBe(
    "ERR unknown command 'foo', with args beginning with: 'bar' 'baz' ",
  );
});

test("engine rows: a container brings its subcommands, each with flags and keys of its own", () => {
  const rowOf = (name: string) => table.engineRows().find((row) => row.name === name)!;
  const childOf = (name: string, child: string) =>
    rowOf(name).subcommands.find((row) => row.name === child)!;
  expect(childOf("config", "set").flags & CommandFlag.Admin).toBeTruthy();
  expect(childOf("config", "help").flags & CommandFlag.Admin).toBe(0);
  expect(childOf("cluster", "addslots").flags & CommandFlag.NoAsyncLoading).toBeTruthy();
  expect(childOf("object", "encoding")).toMatchObject({ arity: 3, firstKey: 2, host: false });
  expect(rowOf("object").firstKey).toBe(0);
  expect(rowOf("mset")).toMatchObject({ arity: -3, firstKey: 1, lastKey: -1, step: 2 });
  expect(rowOf("copy")).toMatchObject({ firstKey: 1, lastKey: 2, step: 1 });
});

test("rename-command moves, removes and refuses; COMMAND still shows the first name", () => {
  const renamed = new CommandTable();
  expect(renamed.rename("CONFIG", "Conf")).toBeUndefined();
  expect(renamed.rename("flushall", "")).toBeUndefined();
  expect(renamed.rename("nosuch", "x")).toBe("No such command in rename-command");
  expect(renamed.rename("get", "set")).toBe("Target command name already exists");
  expect(renamed.lookup("config")).toBeUndefined();
  expect(renamed.lookup("flushall")).toBeUndefined();
  expect(renamed.lookup("CONF|GET")?.fullName).toBe("config|get");
  const row = renamed.engineRows().find((candidate) => candidate.name === "conf");
  expect(row?.id).toBe(Command.Config);
});

test("categories follow from flags", () => {
  const categories = (name: string): CommandRow["categories"] => table.lookup(name)!.categories;
  expect(categories("set")).toEqual(["write", "string", "slow"]);
  expect(categories("config|set")).toEqual(["admin", "slow", "dangerous"]);
  expect(categories("ping")).toEqual(["fast", "connection"]);
});
