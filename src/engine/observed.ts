import type { EngineExports } from "./exports.ts";

/** Told after each call of one of the engine's functions, with its first argument and what the clock says it took. */
export type CallObserver = (name: string, first: unknown, elapsedMs: number) => void;

/** The same functions, each of which reports. */
export function observedExports(
  wasm: EngineExports,
  clockMs: () => number,
  observer: CallObserver,
): EngineExports {
  const observed: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(wasm)) {
    observed[name] = value;
    if (typeof value !== "function") continue;
    observed[name] = (...values: unknown[]): unknown => {
      const startedMs = clockMs();
      const result: unknown = value(...values);
      observer(name, values[0], clockMs() - startedMs);
      return result;
    };
  }
  return observed as unknown as EngineExports;
}
