import { expect, test } from "bun:test";
import { checked } from "../../src/config/directive.ts";
import { directiveNames, directiveOf, findDirective } from "../../src/config/directives.ts";
import { newConfiguration } from "./fake-environment.ts";

/** Name and value of `CONFIG GET *` of a redis-server 7.0.15 that got no configuration; without `dir`. */
const fixture = await Bun.file(new URL("redis-7.0.15-defaults.tsv", import.meta.url)).text();

test("CONFIG GET * has the names and default values of Redis 7.0.15", () => {
  const expected = fixture.trimEnd().split("\n").sort();
  const shown = newConfiguration()
    .show(["*"])
    .filter(([name]) => name !== "dir")
    .map(([name, value]) => `${name}\t${value}`)
    .sort();
  expect(shown).toEqual(expected);
});

test("every default is a valid value of its directive", () => {
  for (const name of directiveNames) {
    const { schema, initial } = directiveOf(name);
    expect([name, checked(schema(), initial).ok]).toEqual([name, true]);
  }
});

test("every default survives being shown and parsed again", () => {
  const configuration = newConfiguration();
  for (const name of directiveNames) {
    const entry = findDirective(name)!;
    const { flags, initial, format } = entry.directive;
    if (flags.immutable === true || flags.protected === true) continue;
    const result = configuration.set([name, format(initial)]);
    expect([name, result]).toEqual([name, { ok: true, value: [] }]);
  }
});

test("types of values follow from the rows", () => {
  const configuration = newConfiguration();
  const port: number = configuration.get("port");
  const policy: "noeviction" | string = configuration.get("maxmemory-policy");
  const enabled: boolean = configuration.get("cluster-enabled");
  const bind: readonly string[] = configuration.get("bind");
  const softBytes: number = configuration.get("client-output-buffer-limit").slave.softBytes;
  expect([port, policy, enabled, bind, softBytes]).toEqual([
    6379,
    "noeviction",
    false,
    ["*", "-::*"],
    67108864,
  ]);
  expect(configuration.get("replicaof")).toBeUndefined();
  expect(configuration.get("save")[2]).toEqual({ seconds: 60, changes: 10000 });
  expect(configuration.get("maxmemory-clients")).toEqual({ bytes: 0 });
});

test("hidden directives are shown for their exact name only", () => {
  const configuration = newConfiguration();
  expect(configuration.show(["use-exit-on-pani*"])).toEqual([]);
  expect(configuration.show(["use-exit-on-panic"])).toEqual([["use-exit-on-panic", "no"]]);
});

test("CONFIG GET answers each name once, aliases under their own name, any case", () => {
  const configuration = newConfiguration();
  expect(configuration.show(["PORT", "por?", "port", "nosuch"])).toEqual([["PORT", "6379"]]);
  expect(configuration.show(["slaveof", "replica-prior*", "SLAVE-prior*"])).toEqual([
    ["slaveof", ""],
    ["replica-priority", "100"],
    ["slave-priority", "100"],
  ]);
});
