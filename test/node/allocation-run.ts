/**
 * Runs the hot path in one process, for `allocation.test.ts`: a node with a client whose transport takes everything.
 * Between the lines BEGIN and END only commands run; between END and CANARY the loop allocates on purpose.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Logger } from "../../src/base/log.ts";
import { CommandTable } from "../../src/commands/table.ts";
import { Configuration } from "../../src/config/configuration.ts";
import { Engine } from "../../src/engine/engine.ts";
import { instantiate } from "../../src/engine/instantiate.ts";
import { SystemClock } from "../../src/io/clock.ts";
import { configEnvironment } from "../../src/io/disk.ts";
import { runtimeLoop } from "../../src/io/event-loop.ts";
import { nodeSystem } from "../../src/io/process.ts";
import type { ClientLink } from "../../src/node/client.ts";
import { Node } from "../../src/node/node.ts";
import { applySettings } from "../../src/node/settings.ts";

const commandCount = Number(process.argv[2]);
const wasm = readFileSync(join(import.meta.dir, "../../build/out/engine.wasm"));
const environment = configEnvironment(() => true);
const node = new Node({
  engine: new Engine({ databases: 16, seed: [1, 2] }, { wasm: instantiate(wasm) }),
  configuration: new Configuration({ directory: process.cwd() }, { environment }),
  commands: new CommandTable(),
  log: new Logger({ pid: process.pid }, { nowMs: () => 0, write: () => undefined }),
  clock: new SystemClock(),
  system: nodeSystem({ executable: process.execPath, configFile: "", loop: runtimeLoop }),
});
applySettings(node);

let sentBytes = 0;
const link: ClientLink = {
  remoteAddress: "127.0.0.1:1",
  localAddress: "127.0.0.1:2",
  unixSocket: false,
  fileDescriptor: -1,
  pendingBytes: 0,
  pendingCount: 0,
  send: (_memory, _offset, length) => {
    sentBytes += length;
  },
  pauseReading: () => undefined,
  resumeReading: () => undefined,
  closeAfterSending: () => undefined,
  destroy: () => undefined,
} as ClientLink;

const chunks = [
  ["SET", "key:1", "value"],
  ["GET", "key:1"],
  ["INCR", "counter"],
  ["EXPIRE", "key:1", "100"],
  ["DEL", "key:1"],
].map((words) =>
  Buffer.from(`*${words.length}\r\n${words.map((w) => `$${w.length}\r\n${w}\r\n`).join("")}`),
);
const client = node.openClient(link);
if (client === undefined) throw new Error("no memory for a client");

const run = (count: number): void => {
  for (let i = 0; i < count; i++) node.receive(client, chunks[i % chunks.length] as Buffer);
};
run(200_000); // Until the compiler has settled.
Bun.gc(true);
process.stderr.write("BEGIN\n");
run(commandCount);
process.stderr.write("END\n");
const kept: unknown[] = [];
for (let i = 0; i < commandCount; i++) kept[0] = [i, sentBytes];
process.stderr.write("CANARY\n");
process.exit(kept.length === 1 && sentBytes > 0 ? 0 : 1);
