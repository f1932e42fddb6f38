/** Sends a stream to both servers and compares everything that comes back, up to the close. */
import { Prng } from "../../src/base/prng.ts";
import type { TestServer } from "../support/server.ts";
import { showText } from "./differential-step.ts";
import { randomStream, type Stream } from "./differential-stream.ts";
import { Wire } from "./differential-wire.ts";

/** How long a server may stay silent before it counts as waiting for more; and when in doubt. */
const QUIET_MS = 150;
const QUIET_LONG_MS = 2000;
/** Streams on the way at once. */
const PARALLEL = 24;

interface Outcome {
  readonly bytes: Buffer;
  readonly closed: boolean;
}

/** What differs, to be printed; undefined when nothing does. */
export async function compareStream(
  real: TestServer,
  atoll: TestServer,
  stream: Stream,
  quietMs: number,
): Promise<string | undefined> {
  const [one, other] = await Promise.all([
    play(real.port, stream, quietMs),
    play(atoll.port, stream, quietMs),
  ]);
  if (one.closed === other.closed && withoutId(one.bytes) === withoutId(other.bytes)) {
    return undefined;
  }
  const show = ({ bytes, closed }: Outcome): string =>
    `${showText(bytes.toString("latin1"), 400)}${closed ? ", closed" : ", still open"}`;
  return [
    `stream ${showText(stream.bytes, 800)}, cut at [${stream.cuts.join(", ")}]`,
    `redis-server: ${show(one)}`,
    `atoll:        ${show(other)}`,
  ].join("\n");
}

/** HELLO tells the connection's number. */
function withoutId(bytes: Buffer): string {
  return bytes.toString("latin1").replace(/(\$2\r\nid\r\n):\d+/g, "$1");
}

async function play(port: number, stream: Stream, quietMs: number): Promise<Outcome> {
  const wire = await Wire.open(port);
  const bytes = Buffer.from(stream.bytes, "latin1");
  let from = 0;
  for (const cut of [...stream.cuts, bytes.length]) {
    wire.send(bytes.subarray(from, cut));
    from = cut;
    if (cut < bytes.length) await Bun.sleep(2);
  }
  const received = await wire.everything(quietMs);
  const { closed } = wire;
  wire.close();
  return { bytes: received, closed };
}

/** Compares the streams, many at once; the reports of those that differ, each tried again alone. */
export async function compareStreams(
  real: TestServer,
  atoll: TestServer,
  streams: readonly Stream[],
): Promise<string[]> {
  const reports: string[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < streams.length) {
      const stream = streams[next++] as Stream;
      // Silence on a busy machine may be slowness: what differs is looked at again, at leisure.
      if ((await compareStream(real, atoll, stream, QUIET_MS)) === undefined) continue;
      const report = await compareStream(real, atoll, stream, QUIET_LONG_MS);
      if (report !== undefined) reports.push(report);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return reports;
}

/** `count` random streams of one seed. Each has a key of its own, so that they may run side by side. */
export function randomStreams(seed: number, count: number): Stream[] {
  const prng = new Prng(seed);
  // Streams run side by side: damage to one's key must not make it another's.
  return Array.from({ length: count }, () => randomStream(prng, prng.hex(16)));
}
