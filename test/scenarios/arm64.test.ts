/** The arm64 build, run by an emulator: that it starts, and that the engine works there. */
import { expect } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildExecutable } from "../../build/executable.ts";
import { RespClient } from "../../src/cli/resp-client.ts";
import { requireTool, testWithTools } from "../support/oracle.ts";
import { freePort } from "../support/ports.ts";

const LIBRARIES = "/usr/aarch64-linux-gnu";
/** An emulated runtime takes seconds to start, and the first build fetches that runtime. */
const READY_WITHIN_MS = 90_000;
const TEST_TIMEOUT_MS = 300_000;

testWithTools(
  ["qemu-aarch64-static"],
  "the arm64 executable serves SET and GET under qemu",
  async () => {
    if (!existsSync(LIBRARIES)) throw new Error(`${LIBRARIES} is missing (libc6-arm64-cross)`);
    const executable = await buildExecutable("linux-arm64");
    const directory = mkdtempSync(join(tmpdir(), "atoll-arm64-"));
    const log = join(directory, "log");
    const port = freePort();
    const child = Bun.spawn(
      [
        ...[requireTool("qemu-aarch64-static"), "-L", LIBRARIES, executable, "server"],
        ...["--port", String(port), "--bind", "127.0.0.1", "--dir", directory, "--save", ""],
      ],
      { cwd: directory, stdin: "ignore", stdout: Bun.file(log), stderr: "inherit" },
    );
    try {
      const client = await connectWhenReady(port, child, log);
      expect(await client.call("SET", "reef", "äöü", "PX", "100000")).toBe("OK");
      expect(await client.call("GET", "reef")).toBe("äöü");
      expect(await client.call("INCR", "count")).toBe(1);
      expect(await client.text("INFO", "server")).toMatch(/arch_bits:64/);
      expect(await client.text("INFO", "server")).toMatch(/os:Linux .* (?:aarch64|arm64)/);
      client.close();
      child.kill("SIGTERM");
      expect(await child.exited).toBe(0);
    } finally {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(directory, { recursive: true, force: true });
    }
  },
  TEST_TIMEOUT_MS,
);

async function connectWhenReady(
  port: number,
  child: Bun.Subprocess,
  log: string,
): Promise<RespClient> {
  const deadline = Date.now() + READY_WITHIN_MS;
  while (child.exitCode === null && child.signalCode === null && Date.now() < deadline) {
    try {
      return await RespClient.connect({ host: "127.0.0.1", port, timeoutMs: 20_000 });
    } catch {
      await Bun.sleep(100);
    }
  }
  throw new Error(`the arm64 server does not answer:\n${readFileSync(log, "utf8")}`);
}
