/**
 * Runs a scenario under several seeds. A failure prints the seed and what happened last; replay it
 * with
 * SIM_SEED=<seed> npx bun test test/simulator -t "<scenario>"; SIM_RUNS=<n> tries n seeds each.
 */
import { test } from "bun:test";
import { Simulation, type SimulationOptions } from "./simulation.ts";

export interface ScenarioOptions extends Omit<SimulationOptions, "seed"> {
  /** How many seeds the committed run tries. */
  readonly runs: number;
}

export function scenario(
  name: string,
  options: ScenarioOptions,
  body: (simulation: Simulation) => void,
): void {
  test(name, () => {
    for (const seed of seeds(options.runs)) {
      const simulation = new Simulation({ ...options, seed });
      try {
        body(simulation);
      } catch (error) {
        console.error(`${simulation.lines.slice(-120).join("\n")}\n${report(name, seed)}`);
        throw error;
      }
    }
  }, 120_000);
}

/** The seed to replay, or the first so many. */
export function seeds(runs: number): number[] {
  const { SIM_SEED, SIM_RUNS } = process.env;
  if (SIM_SEED !== undefined) return [Number(SIM_SEED)];
  const count = SIM_RUNS === undefined ? runs : Number(SIM_RUNS);
  return Array.from({ length: count }, (_, i) => i + 1);
}

function report(name: string, seed: number): string {
  return `seed ${seed}: SIM_SEED=${seed} npx bun test test/simulator -t ${JSON.stringify(name)}`;
}
