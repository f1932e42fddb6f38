import { LoadStatus } from "../../assembly/abi.ts";
import { latin1Text } from "../base/bytes.ts";
import type { EngineExports } from "./exports.ts";
import type { EngineMemory } from "./memory.ts";
import type { OutputRegion } from "./output.ts";

/** Reads an RDB image, cut anywhere. */
export class ImageReader {
  constructor(
    private readonly modules: {
      readonly wasm: EngineExports;
      readonly memory: EngineMemory;
      readonly output: OutputRegion;
    },
  ) {}

  /** `merging`: what is in the image replaces keys that are there; else the databases must be empty. */
  begin(nowMs: number, merging = false): void {
    this.modules.wasm.loadBegin(nowMs, merging ? 1 : 0);
  }

  /** Decodes as many whole records as the bytes so far allow. Chunks of at most 64 MiB. */
  push(chunk: Uint8Array): LoadStatus {
    const { wasm, memory } = this.modules;
    const target = wasm.loadReserve(chunk.length) >>> 0;
    if (target === 0) return LoadStatus.OutOfMemory;
    memory.bytes.set(chunk, target);
    return wasm.loadChunk(chunk.length);
  }

  /** Auxiliary fields (`repl-id`, `redis-ver` ...) met so far. */
  aux(): Map<string, string> {
    this.modules.wasm.loadAux();
    const texts = this.modules.output.strings().map(latin1Text);
    const fields = new Map<string, string>();
    for (let at = 0; at + 1 < texts.length; at += 2) {
      fields.set(texts[at] as string, texts[at + 1] as string);
    }
    return fields;
  }

  end(): void {
    this.modules.wasm.loadEnd();
  }

  /** Keys read so far. */
  get keys(): number {
    return this.modules.wasm.loadedKeys();
  }

  /** Keys left out because they had expired. */
  get expiredKeys(): number {
    return this.modules.wasm.loadedExpiredKeys();
  }

  /** Bytes that have been decoded; after `Done` the length of the image. */
  get bytes(): number {
    return this.modules.wasm.loadedBytes();
  }
}
