import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  clearUnfinished,
  type LayoutResult,
  readLayout,
  saveRecord,
  writeLayout,
} from "../../src/cli/up-layout.ts";
import { tellingLine } from "../../src/cli/up-node.ts";
import { parseUpArguments } from "../../src/cli/up-options.ts";

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "atoll-layout-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function read(...argv: string[]): LayoutResult {
  const parsed = parseUpArguments(["--dir", directory, ...argv]);
  if (parsed.kind !== "options") throw new Error("bad arguments in the test");
  return readLayout(parsed.options);
}

/** As a start with these arguments leaves the directory; formed or broken off. */
function write(formed: boolean, ...argv: string[]): void {
  const found = read(...argv);
  if (!found.ok) throw new Error(found.reason);
  writeLayout(directory, found.layout, 5000);
  if (formed) saveRecord(directory, { ...found.layout, formed });
}

describe("the directory of a cluster", () => {
  test("that is new takes the options, and gets a configuration per node", () => {
    expect(read("--port", "7100")).toMatchObject({ ok: true, isUnfinished: false });
    write(true, "--port", "7100");
    const text = readFileSync(join(directory, "7105", "redis.conf"), "utf8");
    expect(text).toContain("port 7105\nbind 127.0.0.1\ncluster-enabled yes\n");
    expect(text).not.toContain("protected-mode");
  });

  test("comes back as it was, without naming it again", () => {
    write(true, "--nodes", "8", "--port", "7100");
    expect(read()).toMatchObject({ ok: true, layout: { nodes: 8, port: 7100, formed: true } });
    expect(read("--nodes", "8")).toMatchObject({ ok: true });
  });

  test("does not turn into another cluster", () => {
    write(true);
    expect(read("--nodes", "8")).toEqual({
      ok: false,
      reason: `${directory} holds a cluster made with --nodes 6, not --nodes 8; leave that out, or take another --dir`,
    });
  });

  test("that lost a node is refused", () => {
    write(true);
    rmSync(join(directory, "7003"), { recursive: true });
    expect(read()).toMatchObject({ ok: false, reason: expect.stringContaining("node 7003") });
  });

  test("that somebody else wrote is left alone", () => {
    mkdirSync(join(directory, "7002"));
    expect(read()).toMatchObject({ ok: false, reason: expect.stringContaining("7002") });
  });

  test("with a damaged record is refused", () => {
    write(true);
    writeFileSync(join(directory, "atoll-up.json"), '{"nodes": 6');
    expect(read()).toMatchObject({ ok: false, reason: expect.stringContaining("damaged") });
  });

  test("of a start that broke off is cleared, one of a cluster is not", () => {
    write(false);
    expect(read("--nodes", "9")).toMatchObject({ ok: true, isUnfinished: true });
    clearUnfinished(directory);
    expect(existsSync(join(directory, "7000"))).toBe(false);

    write(true);
    clearUnfinished(directory);
    expect(existsSync(join(directory, "7000"))).toBe(true);
  });

  test("that cannot be made says why", () => {
    writeFileSync(join(directory, "file"), "");
    expect(read("--dir", join(directory, "file", "deep"))).toEqual({
      ok: false,
      reason: `cannot write to ${join(directory, "file", "deep")}: a part of the path is not a directory`,
    });
  });
});

describe("why a node ended", () => {
  test("is in the complaint about its configuration", () => {
    const log = [
      "",
      "*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***",
      "Reading the configuration file, at line 9",
      ">>> 'bogus \"3\"'",
      "Bad directive or wrong number of arguments",
      "",
    ].join("\n");
    expect(tellingLine(log)).toBe(
      "Reading the configuration file, at line 9: >>> 'bogus \"3\"': Bad directive or wrong number of arguments",
    );
  });

  test("is in the last line that looks like an error, else in the last one", () => {
    expect(tellingLine("1:M # Could not create lock\n1:M # bye\n")).toBe(
      "1:M # Could not create lock",
    );
    expect(tellingLine("starting\nbye\n\n")).toBe("bye");
    expect(tellingLine("")).toBe("");
  });
});
