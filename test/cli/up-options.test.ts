import { describe, expect, test } from "bun:test";
import { parseUpArguments, passwordOf, type UpArguments } from "../../src/cli/up-options.ts";

function reasonOf(...argv: string[]): string {
  const parsed: UpArguments = parseUpArguments(argv);
  return parsed.kind === "error" ? parsed.reason : `no error: ${parsed.kind}`;
}

test("without arguments there are six nodes from port 7000 on", () => {
  expect(parseUpArguments([])).toEqual({
    kind: "options",
    options: {
      nodes: 6,
      replicas: 1,
      port: 7000,
      host: "127.0.0.1",
      directory: "atoll-data",
      nodeTimeoutMs: 5000,
      serverArguments: [],
      given: new Set(),
    },
  });
});

test("what was given is known, and what follows -- goes to the servers", () => {
  const parsed = parseUpArguments(["--nodes=9", "--replicas", "2", "--", "--maxmemory", "1mb"]);
  expect(parsed).toMatchObject({
    kind: "options",
    options: {
      nodes: 9,
      replicas: 2,
      serverArguments: ["--maxmemory", "1mb"],
      given: new Set(["nodes", "replicas"]),
    },
  });
});

test("--help wins", () => expect(parseUpArguments(["--help"])).toEqual({ kind: "help" }));

describe("one clear line for", () => {
  test.each([
    [["--node", "6"], "unknown option --node; see atoll up --help"],
    [["--nodes", "six"], '--nodes takes a whole number from 1 to 100, not "six"'],
    [["--nodes", "101"], '--nodes takes a whole number from 1 to 100, not "101"'],
    [["--port", "0"], '--port takes a whole number from 1 to 55535, not "0"'],
    [["--port", "60000"], '--port takes a whole number from 1 to 55535, not "60000"'],
    [["--host", "localhost"], '--host takes an IP address, not "localhost"'],
    [
      ["--host", "0.0.0.0"],
      "--host takes an address that nodes and clients connect to, not 0.0.0.0",
    ],
    [
      ["--port", "55535"],
      "6 nodes from port 55535 on need bus ports up to 65540; the last port is 65535",
    ],
    [
      ["--nodes", "4"],
      "4 nodes with 1 replicas for each primary make 2 primaries; a cluster needs 3, so at least 6 nodes",
    ],
  ])("%j", (argv, reason) => expect(reasonOf(...argv)).toBe(reason));

  test("a stray word and a missing value", () => {
    expect(reasonOf("start")).toContain("start");
    expect(reasonOf("--nodes")).toContain("--nodes");
  });
});

test("a password of the servers is the replicas' and the launcher's too", () => {
  const parsed = parseUpArguments(["--", "--requirepass", "first", "--requirepass", "last"]);
  if (parsed.kind !== "options") throw new Error(parsed.kind);
  const { serverArguments } = parsed.options;
  expect(serverArguments.slice(-2)).toEqual(["--masterauth", "last"]);
  expect(passwordOf(serverArguments)).toBe("last");
  expect(passwordOf(["--maxmemory", "1mb"])).toBeUndefined();
});
