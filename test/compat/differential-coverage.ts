/** Which commands a differential run has to ask for, and which it has asked for with success. */
import { CommandTable } from "../../src/commands/table.ts";
import type { Step } from "./differential-step.ts";

/** Rows that Redis 7.0 has too and that no run asks for, with the reason. Commands of later versions follow below. */
const leftOut: Readonly<Record<string, string>> = {
  subscribe: "its replies are pushes: test/server/pubsub.test.ts",
  unsubscribe: "as subscribe",
  punsubscribe: "as subscribe",
  sunsubscribe: "as subscribe",
  bgsave: "what it answers depends on the save before: test/server/server-commands.test.ts",
  psync: "makes the client a replica: test/replication",
  sync: "as psync",
  replconf: "as psync",
  slaveof: "another name of replicaof",
  "slowlog|len": "how many calls are slow is chance",
  "memory|doctor": "words of our own: docs/differences.md",
  "memory|malloc-stats": "words of our own: docs/differences.md",
  "memory|stats": "what allocators hold: docs/differences.md",
  "memory|purge": "has no reply worth comparing",
  "memory|help": "HELP names the subcommands that there are: docs/differences.md",
  "client|help": "as memory|help",
  "cluster|bumpepoch": "epochs follow from when pings come: test/cluster",
};

/** Steps that are a command of their own. */
const stepCommands: Readonly<Record<string, readonly string[]>> = {
  scan: ["scan"],
  randomkey: ["keys", "randomkey"],
  dump: ["dump", "restore"],
  digest: ["debug"],
  counters: ["info"],
};

export class Coverage {
  private readonly table = new CommandTable();
  private readonly met = new Set<string>();

  /** The step is asked, or was answered. */
  note(step: Step): void {
    if (step.kind === "command" || step.kind === "inline") {
      const row = this.table.lookupLine(step.args.map((arg) => Buffer.from(arg, "latin1")));
      if (row !== undefined) this.met.add(row.fullName);
    } else for (const name of stepCommands[step.kind] ?? []) this.met.add(name);
  }

  /** Names that were not met: of all commands, or of those that the engine runs. */
  missing(of: "all" | "data"): string[] {
    const rows = this.table.rows.flatMap((row) =>
      row.subcommands.length > 0 ? row.subcommands : [row],
    );
    return rows
      .filter(({ since }) => isOf70(since))
      .filter(({ host, group }) => of === "all" || (!host && group !== "cluster"))
      .map(({ fullName }) => fullName)
      .filter((name) => leftOut[name] === undefined && !this.met.has(name));
  }

  /** Exceptions that are none any more. */
  needless(): string[] {
    return Object.keys(leftOut).filter(
      (name) => this.met.has(name) || this.table.lookup(name) === undefined,
    );
  }
}

function isOf70(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < 7 || (major === 7 && minor === 0);
}
