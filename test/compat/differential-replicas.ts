/** A replica of the other kind behind each server: what was replicated must make the same data. */
import { startServer, type TestServer } from "../support/server.ts";
import { encodeStep } from "./differential-step.ts";
import { bulkOf, Wire } from "./differential-wire.ts";

export class Replicas {
  private constructor(
    private readonly replicas: readonly TestServer[],
    private readonly wires: readonly (readonly [main: Wire, replica: Wire])[],
  ) {}

  /** An Atoll behind redis-server, and a redis-server behind Atoll. */
  static async start(mains: readonly TestServer[]): Promise<Replicas> {
    const replicas = await Promise.all(
      mains.map((main, side) =>
        startServer({
          real: side === 1,
          args: ["--enable-debug-command", "yes", "--replicaof", "127.0.0.1", String(main.port)],
        }),
      ),
    );
    const wires = await Promise.all(
      mains.map(async (main, side) => {
        const replica = replicas[side] as TestServer;
        return [await Wire.open(main.port), await Wire.open(replica.port)] as const;
      }),
    );
    await Promise.all(wires.map(([main]) => untilSynced(main)));
    return new Replicas(replicas, wires);
  }

  /** DEBUG DIGEST of both replicas, each once it has all that its primary sent. */
  digests(): Promise<string[]> {
    return Promise.all(this.wires.map(([main, replica]) => this.digest(main, replica)));
  }

  private async digest(main: Wire, replica: Wire): Promise<string> {
    const deadline = Date.now() + 20_000;
    while (
      (await offset(main, "master_repl_offset")) !== (await offset(replica, "slave_repl_offset"))
    ) {
      if (Date.now() > deadline) return "(the replica does not catch up)";
      await Bun.sleep(2);
    }
    return String(await ask(replica, "DEBUG", "DIGEST"));
  }

  async stop(): Promise<void> {
    for (const wire of this.wires.flat()) wire.close();
    await Promise.all(this.replicas.map((server) => server.stop()));
  }
}

/** While a child saves the file for its replica, redis-server does not count uses of keys (OBJECT FREQ). */
async function untilSynced(main: Wire): Promise<void> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const info = String(bulkOf(await ask(main, "INFO", "everything")) ?? "");
    if (/^slave0:.*state=online/m.test(info) && info.includes("rdb_bgsave_in_progress:0")) return;
    if (Date.now() > deadline) throw new Error("a replica is not in sync in time");
    await Bun.sleep(10);
  }
}

/** The one reply to a command that nothing else is under way with. */
export async function ask(wire: Wire, ...args: string[]): Promise<Buffer> {
  wire.send(encodeStep(args));
  return (await wire.replies(1))[0] ?? Buffer.from("(no reply)");
}

/** The field of INFO replication, where the link is up; else a text that no offset equals. */
export async function offset(wire: Wire, field: string): Promise<string> {
  const info = String(bulkOf(await ask(wire, "INFO", "replication")) ?? "");
  const linked = !info.includes("role:slave") || info.includes("master_link_status:up");
  return linked ? (new RegExp(`${field}:(\\d+)`).exec(info)?.[1] ?? field) : "not linked";
}
