/** A real node beside each of the two servers, so that slots can be given away, imported and migrated. */
import { startServer, type TestServer, until } from "../support/server.ts";

export class Peers {
  private constructor(
    private readonly servers: readonly TestServer[],
    /** Per side: what is replaced by what in its replies, in this order. */
    private readonly names: readonly (readonly [name: string, text: string][])[],
  ) {}

  static async start(mains: readonly TestServer[]): Promise<Peers> {
    const servers = await Promise.all(
      mains.map(() => startServer({ real: true, cluster: true, args: ["--save", ""] })),
    );
    const names = await Promise.all(
      mains.map((main, side) => join(main, servers[side] as TestServer)),
    );
    return new Peers(servers, names);
  }

  /** `<self>` and `<peer>` become the node IDs of this side. */
  fill(arg: string, side: number): string {
    if (arg !== "<self>" && arg !== "<peer>") return arg;
    return this.names[side]?.find(([name]) => name.startsWith(arg))?.[1] ?? arg;
  }

  mask(reply: Buffer, side: number): Buffer {
    if (reply.length < 5) return reply;
    let text = reply.toString("latin1");
    // Five digits stand for a port only where an address is.
    const hasAddress = text.includes("127.0.0.1");
    for (const [name, own] of this.names[side] ?? []) {
      if (hasAddress || own.length === 40) text = text.replaceAll(own, name);
    }
    return Buffer.from(text, "latin1");
  }

  async stop(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}

/** Lets the two meet and the first own all slots; node IDs and ports under names of the same length. */
async function join(main: TestServer, peer: TestServer): Promise<[string, string][]> {
  const client = await main.connect();
  const other = await peer.connect();
  try {
    const names: [string, string][] = [
      ["<self>".padEnd(40, "-"), String(await client.must("CLUSTER", "MYID"))],
      ["<peer>".padEnd(40, "-"), String(await other.must("CLUSTER", "MYID"))],
      ["<bus>", String(main.port + 10_000)],
      ["<peb>", String(peer.port + 10_000)],
      ["<prt>", String(main.port)],
      ["<pep>", String(peer.port)],
    ];
    await client.must("CLUSTER", "ADDSLOTSRANGE", 0, 16_383);
    await client.must("CLUSTER", "MEET", "127.0.0.1", peer.port);
    const ready = async (): Promise<boolean> => {
      const info = String(await client.call("CLUSTER", "INFO"));
      const nodes = String(await client.call("CLUSTER", "NODES"));
      const met = nodes.includes(names[1]?.[1] ?? "") && !nodes.includes("handshake");
      return met && info.includes("cluster_state:ok") && info.includes("cluster_known_nodes:2");
    };
    await until(ready, 15_000, () => "the two nodes to meet");
    return names;
  } finally {
    client.close();
    other.close();
  }
}
