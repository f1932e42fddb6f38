import { describe, expect, test } from "bun:test";
import { loadFailureText } from "../../src/config/errors.ts";
import { loadConfiguration } from "../../src/config/load.ts";
import { newConfiguration } from "./fake-environment.ts";

/** Texts that redis-server 7.0.15 refused, and what it wrote to standard error behind the headline. */
const refused: { config: string; fatal: string }[] = await Bun.file(
  new URL("redis-7.0.15-fatal.json", import.meta.url),
).json();

const headline = "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\n";

describe("fatal errors are Redis's, word for word", () => {
  for (const { config, fatal } of refused) {
    test(JSON.stringify(config), () => {
      const failed = loadConfiguration(newConfiguration({ "/etc/c": config }), { path: "/etc/c" });
      expect(failed).toBeDefined();
      expect(loadFailureText(failed!)).toEqual({ sink: "stderr", text: headline + fatal });
    });
  }
});

function loaded(config: string, files: Readonly<Record<string, string>> = {}) {
  const configuration = newConfiguration({ ...files, "/etc/c": config });
  expect(loadConfiguration(configuration, { path: "/etc/c" })).toBeUndefined();
  return configuration;
}

test("the last line of a directive counts, names in any case, by any name", () => {
  const configuration = loaded("PORT 1\nport 2\nslave-read-only no\nlua-time-limit 7\n");
  expect(configuration.get("port")).toBe(2);
  expect(configuration.get("replica-read-only")).toBe(false);
  expect(configuration.get("busy-reply-threshold")).toBe(7);
});

test("save lines: the first replaces the defaults, later ones add, an empty one clears", () => {
  expect(loaded("port 1").text("save")).toBe("3600 1 300 100 60 10000");
  expect(loaded("save 900 1\nsave 300 10").text("save")).toBe("900 1 300 10");
  expect(loaded("save 900 1 300 10").text("save")).toBe("900 1 300 10");
  expect(loaded('save "900 1 300 10"').text("save")).toBe("900 1 300 10");
  expect(loaded('save 900 1\nsave ""').text("save")).toBe("");
  expect(loaded('save 900 1\nsave ""\nsave 5 6').text("save")).toBe("5 6");
});

test("several words, or one quoted word that holds them", () => {
  expect(loaded("bind 127.0.0.1 -::1").get("bind")).toEqual(["127.0.0.1", "-::1"]);
  expect(loaded('bind "127.0.0.1  -::1"').get("bind")).toEqual(["127.0.0.1", "-::1"]);
  expect(loaded('bind ""').get("bind")).toEqual([]);
  expect(loaded("replicaof h 1").get("replicaof")).toEqual({ host: "h", port: 1 });
  expect(loaded("replicaof h 1\nslaveof NO one").get("replicaof")).toBeUndefined();
  expect(loaded("oom-score-adj-values 1 2 3").get("oom-score-adj-values")).toEqual([1, 2, 3]);
});

test("client-output-buffer-limit changes the classes it names", () => {
  const configuration = loaded("client-output-buffer-limit replica 1mb 2k 3\n");
  expect(configuration.text("client-output-buffer-limit")).toBe(
    "normal 0 0 0 slave 1048576 2000 3 pubsub 33554432 8388608 60",
  );
});

test("units, quotes, comments and blanks", () => {
  const configuration = loaded(
    "# comment\n\n  maxmemory\t1gb \r\nrequirepass \"a\\x00 b\\\"\\n\"\nmasterauth 'x\\'y\\n'\n",
  );
  expect(configuration.get("maxmemory")).toBe(2 ** 30);
  expect(configuration.get("requirepass")).toBe('a\0 b"\n');
  expect(configuration.get("masterauth")).toBe("x'y\\n");
});

test("hz is cut to 1..500 and bytes keep all 64 bits", () => {
  expect(loaded("hz 0").get("hz")).toBe(1);
  expect(loaded("hz 1000").text("hz")).toBe("500");
  expect(loaded("maxmemory 18446744073709551615").text("maxmemory")).toBe("18446744073709551615");
});

test("include takes patterns, and reads in the directory of the moment", () => {
  const files = { "/etc/conf.d/b.conf": "timeout 2\n", "/etc/conf.d/a.conf": "timeout 1\nhz 11\n" };
  const configuration = loaded("timeout 0\ninclude /etc/conf.d/*.conf\n", files);
  expect(configuration.get("timeout")).toBe(2);
  expect(configuration.get("hz")).toBe(11);
  expect(loaded("include /etc/nosuch/*.conf\nport 1\n").get("port")).toBe(1);
  expect(loaded("dir /etc\ninclude more\n", { "/etc/more": "port 9" }).get("port")).toBe(9);
  expect(loaded("dir /etc\n").text("dir")).toBe("/etc");
});

test("an error in an included file names that file's line", () => {
  const configuration = newConfiguration({ "/etc/c": "\n\ninclude /etc/d", "/etc/d": "port x" });
  expect(loadConfiguration(configuration, { path: "/etc/c" })).toEqual({
    code: "line",
    lineNumber: 1,
    line: "port x",
    error: { code: "not-an-integer" },
  });
});

test("a file that cannot be read is a log line, a file that includes itself an error", () => {
  const failed = loadConfiguration(newConfiguration(), { path: "/etc/none" })!;
  expect(loadFailureText(failed)).toEqual({
    sink: "log",
    text: "Fatal error, can't open config file '/etc/none': No such file or directory",
  });
  const configuration = newConfiguration({ "/etc/c": "include /etc/c" });
  expect(loadConfiguration(configuration, { path: "/etc/c" })).toMatchObject({
    error: { code: "include-depth" },
  });
});

test("file, standard input and options are one text, the options on lines of their own", () => {
  const configuration = newConfiguration({ "/etc/c": "port 1\ntimeout 3" });
  const sources = { path: "/etc/c", standardInput: "4\nhz 20", options: "port 5 " };
  expect(loadConfiguration(configuration, sources)).toBeUndefined();
  expect(configuration.get("timeout")).toBe(34);
  expect([configuration.get("port"), configuration.get("hz")]).toEqual([5, 20]);
});

test("lines that only a file can have are kept", () => {
  const { fileOnly } = loaded(
    'user a on >x ~*\nloadmodule /m.so 1 2\nm.limit 3\nrename-command FLUSHALL ""\nrename-command get fetch\n',
  );
  expect(fileOnly.users).toEqual([["a", "on", ">x", "~*"]]);
  expect(fileOnly.modules).toEqual([["/m.so", "1", "2"]]);
  expect([...fileOnly.moduleSettings]).toEqual([["m.limit", "3"]]);
  expect(fileOnly.renames).toEqual([
    { source: "FLUSHALL", target: "" },
    { source: "get", target: "fetch" },
  ]);
});

test("sentinel lines are kept in sentinel mode", () => {
  const configuration = newConfiguration({ "/etc/c": "\nsentinel monitor m ::1 1 2\n" });
  expect(loadConfiguration(configuration, { path: "/etc/c" }, { sentinel: true })).toBeUndefined();
  expect(configuration.fileOnly.sentinel).toEqual([
    { words: ["monitor", "m", "::1", "1", "2"], lineNumber: 2, line: "sentinel monitor m ::1 1 2" },
  ]);
});
