import { describe, expect, test } from "bun:test";
import { type DirectiveName, findDirective } from "../../src/config/directives.ts";
import { setFailureText } from "../../src/config/errors.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { newConfiguration } from "./fake-environment.ts";

/** Rows of name, value as JSON, reason (or OK), value afterwards if OK: CONFIG SET on one redis-server 7.0.15. */
const tries = (await Bun.file(new URL("redis-7.0.15-set.tsv", import.meta.url)).text())
  .trimEnd()
  .split("\n")
  .map((row) => row.split("\t") as [DirectiveName, string, string, string]);

const prefix = (name: string) =>
  `ERR CONFIG SET failed (possibly related to argument '${name}') - `;

function reply(result: ReturnType<ReturnType<typeof newConfiguration>["set"]>): string {
  return result.ok ? "OK" : setFailureText(result.error);
}

test("CONFIG SET takes and refuses what Redis 7.0.15 does, in its words", () => {
  const configuration = newConfiguration();
  configuration.overwrite("enable-protected-configs", "yes");
  for (const [name, value, expected, after] of tries) {
    const before = configuration.text(name);
    const text = reply(configuration.set([name, JSON.parse(value)]));
    const reason = text.startsWith(prefix(name)) ? text.slice(prefix(name).length) : text;
    const wanted = expected === "OK" ? after : before;
    expect([name, value, reason, configuration.text(name)]).toEqual([
      name,
      value,
      expected,
      wanted,
    ]);
  }
});

describe("CONFIG SET of several", () => {
  test("takes all or none", () => {
    const configuration = newConfiguration();
    expect(reply(configuration.set(["timeout", "5", "hz", "20"]))).toBe("OK");
    expect(reply(configuration.set(["timeout", "9", "SLAVE-priority", "x"]))).toBe(
      `${prefix("slave-priority")}argument couldn't be parsed into an integer`,
    );
    expect(configuration.get("timeout")).toBe(5);
  });

  test("answers what changed", () => {
    const configuration = newConfiguration();
    const result = configuration.set(["timeout", "5", "hz", "10", "slave-read-only", "no"]);
    expect(result).toEqual({ ok: true, value: ["timeout", "replica-read-only"] });
  });

  test("refuses before it sets", () => {
    const configuration = newConfiguration();
    const refusals: [string[], string][] = [
      [["port", "1", "timeout"], "ERR syntax error"],
      [["foo", "1"], "ERR Unknown option or number of arguments for CONFIG SET - 'foo'"],
      [
        ["timeout", "5", "Foo", "1"],
        "ERR Unknown option or number of arguments for CONFIG SET - 'Foo'",
      ],
      [["timeout", "5", "Databases", "3"], `${prefix("Databases")}can't set immutable config`],
      [["timeout", "5", "timeout", "6"], `${prefix("timeout")}duplicate parameter`],
      [["dir", "/etc"], `${prefix("dir")}can't set protected config`],
      [["appendonly", "yes"], "LOADING Redis is loading the dataset in memory"],
    ];
    for (const [words, expected] of refusals) {
      expect(reply(configuration.set(words, { loading: true }))).toBe(expected);
      expect(configuration.get("timeout")).toBe(0);
    }
  });

  test("takes a name and its alias side by side, as Redis does", () => {
    const configuration = newConfiguration();
    const words = ["slave-read-only", "yes", "replica-read-only", "no"];
    expect(reply(configuration.set(words))).toBe("OK");
    expect(configuration.get("replica-read-only")).toBe(false);
  });
});

test("protected directives open for everyone, or for clients of this host", () => {
  const configuration = newConfiguration();
  configuration.overwrite("enable-protected-configs", "local");
  expect(reply(configuration.set(["dbfilename", "x"]))).toContain("can't set protected config");
  expect(reply(configuration.set(["dbfilename", "x"], { local: true }))).toBe("OK");
  expect(reply(configuration.set(["dir", "/nosuch"], { local: true }))).toBe(
    `${prefix("dir")}No such file or directory`,
  );
  expect(reply(configuration.set(["dir", "/etc"], { local: true }))).toBe("OK");
  expect(configuration.text("dir")).toBe("/etc");
});

test("a failed set of several leaves the working directory, too", () => {
  const configuration = newConfiguration();
  configuration.overwrite("enable-protected-configs", "yes");
  expect(configuration.set(["dir", "/etc", "timeout", "x"]).ok).toBe(false);
  expect(configuration.text("dir")).toBe("/data");
  expect(configuration.environment.changeDirectory("/data/nosuch").ok).toBe(false);
  expect(configuration.environment.readFile("x").ok).toBe(false);
});

test("listeners hear of their names once per command, after all are in place", () => {
  const configuration = newConfiguration();
  const heard: unknown[] = [];
  configuration.onChange(["maxclients", "timeout"], (names) => {
    heard.push([names, configuration.get("maxclients"), configuration.get("timeout")]);
    return undefined;
  });
  configuration.set(["timeout", "5", "maxclients", "7", "hz", "11"]);
  configuration.set(["hz", "12"]);
  configuration.set(["timeout", "5"]);
  expect(heard).toEqual([[["timeout", "maxclients"], 7, 5]]);
});

test("a listener that refuses undoes the whole set, for those told before as well", () => {
  const configuration = newConfiguration();
  const heard: string[] = [];
  configuration.onChange(["timeout"], () => {
    heard.push(`timeout ${configuration.get("timeout")}`);
    return undefined;
  });
  configuration.onChange(["port"], () => {
    heard.push(`port ${configuration.get("port")}`);
    return configuration.get("port") === 1 ? "Unable to listen on this port." : undefined;
  });
  expect(reply(configuration.set(["port", "1", "timeout", "5"]))).toBe(
    `${prefix("port")}Unable to listen on this port.`,
  );
  expect(heard).toEqual(["timeout 5", "port 1", "timeout 0", "port 6379"]);
  expect(configuration.get("port")).toBe(6379);
});

test("overwrite checks its value and reaches immutable directives", () => {
  const configuration = newConfiguration();
  expect(configuration.overwrite("replicaof", { host: "h", port: 3 }).ok).toBe(true);
  expect(configuration.text("replicaof")).toBe("h 3");
  expect(configuration.overwrite("replicaof", undefined).ok).toBe(true);
  expect(configuration.overwrite("port", 70000n).ok).toBe(false);
  expect(configuration.get("port")).toBe(6379);
});

test("passwords are marked for redaction", () => {
  for (const name of ["requirepass", "masterauth", "MASTERUSER"]) {
    expect(findDirective(name)?.directive.flags.sensitive).toBe(true);
  }
});

test("CONFIG SET splits at each space, a file at blanks", () => {
  const configuration = newConfiguration({ "/etc/c": 'save "1  2"' });
  expect(loadConfiguration(configuration, { path: "/etc/c" })).toBeUndefined();
  expect(configuration.text("save")).toBe("1 2");
  expect(reply(configuration.set(["save", "1  2"]))).toBe(
    `${prefix("save")}Invalid save parameters`,
  );
});
