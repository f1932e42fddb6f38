/**
 * The two test builds of the engine, for suites that call its functions directly. Builds them first if
 * a source is newer. Every call gives fresh instances.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildStale, outputDirectory } from "../../build/wasm.ts";

/** Results of 64 bits arrive as bigint, all others as number; booleans as 0 and 1. */
type Exported = (...args: (number | bigint)[]) => number;
type ExportedWide = (...args: (number | bigint)[]) => bigint;

export interface Build {
  readonly name: "engine-release" | "engine-verify";
  readonly exports: Record<string, Exported | undefined>;
  readonly memory: WebAssembly.Memory;
  /** Start of `SCRATCH_BYTES` of zeroed memory which an engine that was not started leaves alone. */
  readonly scratch: number;
}

/** An exported function that returns at most 32 bits, or a double. */
export function entry(build: Build, name: string): Exported {
  const found = build.exports[name];
  if (found === undefined) throw new Error(`${build.name} does not export ${name}`);
  return found;
}

/** An exported function that returns 64 bits. */
export function wideEntry(build: Build, name: string): ExportedWide {
  return entry(build, name) as unknown as ExportedWide;
}

/** A text or the bytes themselves, put at `at` in the build's memory; returns the length in bytes. */
export function put(build: Build, at: number, data: string | Uint8Array): number {
  const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
  new Uint8Array(build.memory.buffer).set(bytes, at);
  return bytes.length;
}

/** A copy of `length` bytes of the build's memory. */
export function take(build: Build, at: number, length: number): Uint8Array {
  return new Uint8Array(build.memory.buffer).slice(at, at + length);
}

/** Like `take`, as a text with one character per byte. */
export function takeText(build: Build, at: number, length: number): string {
  return Buffer.from(build.memory.buffer, at, length).toString("latin1");
}

/** Bytes of linear memory, at its end, that a test may scribble on. */
export const SCRATCH_BYTES = 16 * 1024 * 1024;

/** Fresh instances of `engine-release` and `engine-verify`. */
export async function loadBuilds(): Promise<Build[]> {
  await buildStale(["engine-release", "engine-verify"]);
  const builds: Build[] = [];
  for (const name of ["engine-release", "engine-verify"] as const) {
    const code = await readFile(join(outputDirectory, `${name}.wasm`));
    const { instance } = await WebAssembly.instantiate(code, {});
    const memory = instance.exports["memory"] as WebAssembly.Memory;
    builds.push({
      name,
      exports: instance.exports as Record<string, Exported>,
      memory,
      scratch: memory.buffer.byteLength - SCRATCH_BYTES,
    });
  }
  return builds;
}

/** Pages that bring the memory past 2 GiB, so that addresses no longer fit a signed integer. */
export function growPastTwoGib(build: Build): number {
  const pages = build.memory.buffer.byteLength / 65536;
  build.memory.grow(32768 + 64 - pages);
  return 32768 * 65536;
}

/** A seeded generator of unsigned 32-bit integers (splitmix-like); the seed belongs in failure messages. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
    return (mixed ^ (mixed >>> 16)) >>> 0;
  };
}
