/** `atoll up` as a newcomer uses it: the built executable forms a cluster, stops it, and brings it back. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildExecutable } from "../../build/executable.ts";
import { parseClusterNodes } from "../../src/cli/cluster-nodes.ts";
import { RespClient } from "../../src/cli/resp-client.ts";
import { ReplyError } from "../../src/cli/resp-decode.ts";
import { freePorts } from "../support/ports.ts";

const NODES = 6;
const UP_WITHIN_MS = 60_000;
const TIMEOUT_MS = 120_000;

/** One `atoll up`, with everything it prints. */
class Up {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #drained: Promise<unknown>;
  text = "";
  errors = "";

  constructor(executable: string, cwd: string, ...args: readonly string[]) {
    this.#child = Bun.spawn([executable, "up", ...args], {
      cwd,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const decoder = new TextDecoder();
    const drain = async (
      stream: ReadableStream<Uint8Array>,
      keep: (text: string) => void,
    ): Promise<void> => {
      for await (const chunk of stream) keep(decoder.decode(chunk));
    };
    this.#drained = Promise.all([
      drain(this.#child.stdout, (text) => {
        this.text += text;
      }),
      drain(this.#child.stderr, (text) => {
        this.errors += text;
      }),
    ]);
  }

  async prints(wanted: string | RegExp, withinMs = UP_WITHIN_MS): Promise<void> {
    const deadline = Date.now() + withinMs;
    while (!(typeof wanted === "string" ? this.text.includes(wanted) : wanted.test(this.text))) {
      if (this.#child.exitCode !== null || Date.now() > deadline) {
        await this.stop("SIGTERM");
        throw new Error(`atoll up never printed ${wanted}:\n${this.text}\n${this.errors}`);
      }
      await Bun.sleep(50);
    }
  }

  async stop(signal: "SIGINT" | "SIGTERM"): Promise<number> {
    this.#child.kill(signal);
    return await this.ended();
  }

  async ended(): Promise<number> {
    const code = await this.#child.exited;
    await this.#drained;
    return code;
  }
}

describe("atoll up", () => {
  let executable: string;
  let directory: string;
  let port: number;

  beforeAll(async () => {
    executable = await buildExecutable();
    directory = mkdtempSync(join(tmpdir(), "atoll-up-"));
    port = freePorts(NODES);
  }, TIMEOUT_MS);

  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  function start(...args: readonly string[]): Up {
    return new Up(executable, directory, "--dir", "data", ...args);
  }

  async function clusterNodes(at: number): Promise<ReturnType<typeof parseClusterNodes>> {
    const client = await RespClient.connect({ host: "127.0.0.1", port: at });
    const text = await client.text("CLUSTER", "NODES");
    client.close();
    return parseClusterNodes(text);
  }

  /** Like a cluster client: goes where MOVED points. */
  async function follow(...args: readonly string[]): Promise<unknown> {
    let target = port;
    for (let hop = 0; hop < 5; hop += 1) {
      const client = await RespClient.connect({ host: "127.0.0.1", port: target });
      const reply = await client.send(args);
      client.close();
      if (!(reply instanceof ReplyError)) return reply;
      if (reply.code !== "MOVED") throw reply;
      target = Number(reply.message.split(":").at(-1));
    }
    throw new Error("redirected in circles");
  }

  function nodePid(at: number): number {
    return Number(readFileSync(join(directory, "data", String(at), "atoll.pid"), "utf8"));
  }

  async function isListening(at: number): Promise<boolean> {
    try {
      (await RespClient.connect({ host: "127.0.0.1", port: at, timeoutMs: 500 })).close();
      return true;
    } catch {
      return false;
    }
  }

  async function expectNothingRuns(): Promise<void> {
    for (let at = port; at < port + NODES; at += 1) expect(await isListening(at)).toBe(false);
  }

  test(
    "forms a cluster, reports a dead node, stops all and brings the same cluster back",
    async () => {
      const first = start("--port", String(port), "--node-timeout", "2000");
      await first.prints(/^cluster ok \| 3 primaries, 3 replicas \| 16384 slots/m);
      for (const line of [
        `>>> Performing hash slots allocation on ${NODES} nodes...`,
        "Master[0] -> Slots 0 - 5460",
        "Master[1] -> Slots 5461 - 10922",
        "Master[2] -> Slots 10923 - 16383",
        "[OK] All nodes agree about slots configuration.",
        ">>> Check for open slots...",
        ">>> Check slots coverage...",
        "[OK] All 16384 slots covered.",
        `redis-cli -c -p ${port}`,
      ]) {
        expect(first.text).toContain(line);
      }
      expect(await follow("SET", "k1", "v1")).toBe("OK");
      expect(await follow("GET", "k1")).toBe("v1");
      const ids = (await clusterNodes(port)).map(({ id }) => id).sort();

      const second = start();
      expect(await second.ended()).toBe(1);
      expect(second.errors).toBe(
        `atoll up: port ${port} on 127.0.0.1 is in use by process ${nodePid(port)}, a node of this directory: another atoll up runs, or left it behind\n`,
      );

      process.kill(nodePid(port + 5), "SIGKILL");
      await first.prints(`Node 127.0.0.1:${port + 5} died (killed by SIGKILL)`);
      await first.prints(", 1 down |");
      expect(await first.stop("SIGINT")).toBe(0);
      expect(first.text).toEndWith("Stopping 5 nodes...\nAll nodes are stopped.\n");
      expect(first.errors).toBe("");
      await expectNothingRuns();

      const again = start();
      await again.prints(/^cluster ok \| 3 primaries, 3 replicas \| 16384 slots/m);
      expect(again.text).toContain("come back from their files");
      expect(again.text).toContain("[OK] All 16384 slots covered.");
      expect((await clusterNodes(port)).map(({ id }) => id).sort()).toEqual(ids);
      expect(await follow("GET", "k1")).toBe("v1");
      expect(await again.stop("SIGTERM")).toBe(0);
      await expectNothingRuns();

      const other = start("--nodes", "8");
      expect(await other.ended()).toBe(1);
      expect(other.errors).toContain("holds a cluster made with --nodes 6, not --nodes 8");
    },
    TIMEOUT_MS,
  );

  test(
    "names a busy port and leaves nothing running",
    async () => {
      const taken = freePorts(NODES);
      const listener = Bun.listen({
        hostname: "127.0.0.1",
        port: taken + 3 + 10_000,
        socket: { data() {} },
      });
      const up = new Up(executable, directory, "--dir", "busy", "--port", String(taken));
      expect(await up.ended()).toBe(1);
      expect(up.errors).toBe(
        `atoll up: port ${taken + 10_003} (cluster bus of ${taken + 3}) on 127.0.0.1 is in use; stop what listens there or choose another --port\n`,
      );
      listener.stop(true);
      expect(await isListening(taken)).toBe(false);
    },
    TIMEOUT_MS,
  );

  test(
    "shows why a node does not start",
    async () => {
      const bad = freePorts(NODES);
      const up = new Up(
        executable,
        directory,
        ...["--dir", "bad", "--port", String(bad), "--", "--no-such-directive", "1"],
      );
      expect(await up.ended()).toBe(1);
      expect(up.errors).toStartWith(`atoll up: node 127.0.0.1:`);
      expect(up.errors).toContain("no-such-directive");
      expect(up.errors.trimEnd().split("\n")).toHaveLength(1);
      expect(await isListening(bad)).toBe(false);
    },
    TIMEOUT_MS,
  );
});
