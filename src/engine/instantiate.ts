import type { EngineExports } from "./exports.ts";

/** Compiles and instantiates the engine from its bytes; synchronous, as start-up time counts. */
export function instantiate(bytes: Uint8Array): EngineExports {
  const module = new WebAssembly.Module(bytes as unknown as ArrayBuffer);
  return new WebAssembly.Instance(module).exports as unknown as EngineExports;
}
