/** What the tests of snapshot, load, DUMP and RESTORE share. */
import { LoadStatus } from "../../assembly/abi.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { Session } from "./harness.ts";

export const NOW = 1_700_000_000_000;

/** Signature and one auxiliary field, `test` = `1`. */
export const header = Buffer.from("REDIS0010\xfa\x04test\xc0\x01", "latin1");

/** Takes all that waits, in a copy. */
export function takeSnapshotBytes(engine: Engine): Buffer {
  const bytes = Buffer.from(engine.snapshot.view());
  engine.snapshot.taken();
  return bytes;
}

/** A whole snapshot; `between` runs after each slice. */
export function snapshotOf(engine: Engine, budget = 1000, between?: () => void): Buffer {
  if (!engine.snapshot.begin(header, NOW)) throw new Error("no snapshot");
  const parts: Buffer[] = [];
  for (;;) {
    const more = engine.snapshot.next(budget);
    if (engine.snapshot.failed) throw new Error("the snapshot failed");
    parts.push(takeSnapshotBytes(engine));
    if (!more) break;
    between?.();
  }
  engine.snapshot.end();
  return Buffer.concat(parts);
}

/** Loads a file in chunks of `size`; the databases are emptied before. */
export function loadAll(engine: Engine, file: Uint8Array, size = 65536, nowMs = NOW): LoadStatus {
  engine.flush(-1, false);
  engine.imageReader.begin(nowMs);
  let status = LoadStatus.More;
  for (let at = 0; at < file.length && status === LoadStatus.More; at += size) {
    status = engine.imageReader.push(file.subarray(at, at + size));
  }
  engine.imageReader.end();
  return status;
}

/** Strings of every encoding and size class. */
export function randomValue(random: () => number): Uint8Array {
  const pick = random() % 8;
  if (pick === 0) return Buffer.from(String((random() % 2001) - 1000));
  if (pick === 1) return Buffer.from(String(random() * 4 - 2 ** 33));
  if (pick === 2) return Buffer.from(`${BigInt(random()) * BigInt(random())}`);
  if (pick === 3) return Buffer.from("x".repeat(random() % 3000));
  if (pick === 4) return Buffer.from(`0${random() % 100}`);
  const length = pick === 5 ? random() % 20000 : random() % 60;
  return Uint8Array.from({ length }, () => (random() % 3 === 0 ? random() : 97));
}

/** A few thousand keys, some with an expiry, in databases 0, 1, 9. */
export function fill(session: Session, random: () => number, count: number): void {
  for (let i = 0; i < count; i++) {
    session.call("SELECT", [0, 0, 1, 9][random() % 4]!);
    const key = random() % 7 === 0 ? String(random() % 5000) : `key:${random() % 5000}`;
    const value = randomValue(random);
    if (random() % 4 !== 0) session.call("SET", key, value);
    else session.call("SET", key, value, "PX", String(1 + (random() % 1_000_000)));
  }
  session.call("SELECT", 0);
}
