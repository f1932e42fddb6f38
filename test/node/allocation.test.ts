import { expect, test } from "bun:test";
import { join } from "node:path";

const commandCount = 500_000;

/** Collections that the log between two marks tells of: one is asked for after each megabyte of allocation (`gcMaxHeapSize`). */
function collections(log: string, from: string, to: string): number {
  const part = log.slice(log.indexOf(from), log.indexOf(to));
  return part.split("Requesting GC").length - 1;
}

test("GET, SET, INCR, EXPIRE and DEL allocate no JavaScript object per command", async () => {
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, "allocation-run.ts"), String(commandCount)],
    {
      env: { ...process.env, BUN_JSC_logGC: "1", BUN_JSC_gcMaxHeapSize: "1000000" },
      stdout: "ignore",
      stderr: "pipe",
    },
  );
  const log = await new Response(child.stderr).text();
  expect(await child.exited).toBe(0);
  // One 16-byte object per command would be 8 MB, eight collections.
  expect(collections(log, "BEGIN", "END")).toBe(0);
  expect(collections(log, "END", "CANARY")).toBeGreaterThan(3);
}, 30_000);
