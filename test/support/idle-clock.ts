/**
 * How long the machine takes a thread's time away and charges it for that: a program that does nothing but read its own
 * processor time, beside what is measured. Where the system counts interrupts as the time of whoever they interrupt, or a
 * virtual machine's processor is taken away unseen, the longest step between two of its readings is as long as that.
 *
 *   bun test/support/idle-clock.ts       writes each longest step so far to its output, milliseconds
 */
import { join } from "node:path";
import { loadThreadUsage } from "../../src/io/thread-usage.ts";

export interface IdleClock {
  /** Ends it; its longest step, milliseconds of processor time. */
  stop(): Promise<number>;
}

export function startIdleClock(): IdleClock {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "idle-clock.ts")], {
    stdout: "pipe",
    stderr: "inherit",
  });
  const output = new Response(child.stdout).text();
  return {
    stop: async () => {
      child.kill();
      await child.exited;
      return Number((await output).trim().split("\n").at(-1));
    },
  };
}

/** Its own compilation is not to count. */
const warmUpMs = 500;

function readClock(): never {
  const usage = loadThreadUsage();
  let before = usage.cpuMs();
  const end = before + warmUpMs;
  for (let longest = -1; ; ) {
    const now = usage.cpuMs();
    if (now > end && now - before > longest) {
      longest = now - before;
      process.stdout.write(`${longest}\n`);
      before = usage.cpuMs();
    } else before = now;
  }
}

if (import.meta.main) readClock();
