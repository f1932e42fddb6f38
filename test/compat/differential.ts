/**
 * The differential run: random commands from a seed to redis-server 7.0.15 and to Atoll, replies compared
 * byte for byte. A mismatch is narrowed down to the shortest list of commands that shows it.
 *
 *   bun test/compat/differential.ts [--seed N] [--commands N] [--protocol 2|3] [--cluster] [--replicas]
 *     [--keep-going] [--without name,name] [--config "--directive value"]
 *   bun test/compat/differential.ts --replay FILE
 */
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generateSteps } from "./differential-generate.ts";
import { type Mismatch, Pair } from "./differential-pair.ts";
import { shrink } from "./differential-shrink.ts";
import { nameOfStep, type Step, showStep, showText } from "./differential-step.ts";

export interface RunOptions {
  readonly seed: number;
  readonly commands: number;
  readonly protocol: 2 | 3;
  readonly cluster: boolean;
  /** Names of commands, and kinds of steps, that are left out. */
  readonly without?: readonly string[];
}

export interface Failure {
  /** Everything there is to know, to be printed. */
  readonly report: string;
}

/** Commands between two resets: a list this long is still narrowed down in seconds. */
const EPISODE_COMMANDS = 2000;

/** Runs episodes of consecutive seeds; undefined when all replies agreed. */
export async function runDifferential(
  pair: Pair,
  options: RunOptions,
): Promise<Failure | undefined> {
  const { protocol, cluster } = options;
  for (let done = 0, seed = options.seed; done < options.commands; seed++) {
    const count = Math.min(EPISODE_COMMANDS, options.commands - done);
    const without = options.without ?? [];
    const steps = generateSteps(seed, { count, protocol, cluster }).filter(
      (step) => !without.includes(nameOfStep(step)),
    );
    await pair.reset(protocol);
    const mismatch = await pair.run(steps);
    if (mismatch !== undefined) return failure(pair, { ...options, seed }, steps, mismatch);
    done += count;
  }
  return undefined;
}

async function failure(
  pair: Pair,
  options: RunOptions,
  steps: readonly Step[],
  first: Mismatch,
): Promise<Failure> {
  const { protocol, seed, cluster } = options;
  const shrunk = await shrink(pair, protocol, steps, first);
  const { steps: shortest, mismatch } = shrunk ?? {
    steps: steps.slice(0, first.at + 1),
    mismatch: first,
  };
  const file = join(tmpdir(), `atoll-differential-${seed}-resp${protocol}.json`);
  const { args, replicas } = pair.options;
  await Bun.write(file, JSON.stringify({ protocol, cluster, replicas, args, steps: shortest }));
  const shown = shrunk === undefined ? shortest.slice(-10) : shortest;
  const lines = [
    `seed ${seed}, RESP${protocol}${cluster ? ", cluster mode" : ""}:`,
    ...(shrunk === undefined ? ["it did not show again; the last steps were"] : []),
    ...shown.map((step) => `  ${showStep(step)}`),
    `redis-server: ${showText(mismatch.real, 600)}`,
    `atoll:        ${showText(mismatch.atoll, 600)}`,
    `again: ATOLL_SEED=${seed} bun test/compat/differential.ts --protocol ${protocol}${cluster ? " --cluster" : ""}`,
    `the shortest only: bun test/compat/differential.ts --replay ${file}`,
  ];
  return { report: lines.join("\n") };
}

/** The value behind `--name`, or undefined. */
function option(name: string): string | undefined {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? undefined : process.argv[at + 1];
}

/** Further directives for both servers, each with `--` in front of its name. */
function configuration(): string[] {
  return (option("config") ?? "").split(" ").filter((word) => word !== "");
}

async function main(): Promise<number> {
  const replay = option("replay");
  if (replay !== undefined) return replayFile(replay);
  const seed = Number(
    option("seed") ?? process.env["ATOLL_SEED"] ?? Math.floor(Math.random() * 1e9),
  );
  const commands = Number(option("commands") ?? EPISODE_COMMANDS);
  const cluster = process.argv.includes("--cluster");
  const keepGoing = process.argv.includes("--keep-going");
  const without = (option("without") ?? "").split(",");
  const protocols = option("protocol") === undefined ? [2, 3] : [Number(option("protocol"))];
  const replicas = process.argv.includes("--replicas");
  const pair = await Pair.start({ cluster, replicas, args: configuration() });
  let failures = 0;
  try {
    for (const protocol of protocols as (2 | 3)[]) {
      const episode = keepGoing ? EPISODE_COMMANDS : commands;
      for (let done = 0, next = seed; done < commands; done += episode, next++) {
        const failed = await runDifferential(pair, {
          seed: next,
          commands: episode,
          protocol,
          cluster,
          without,
        });
        if (failed === undefined) continue;
        console.log(`${failed.report}\n`);
        failures++;
        if (!keepGoing) return 1;
      }
      console.log(
        `RESP${protocol}: ${commands} steps from seed ${seed}, ${failures} mismatches, ${pair.sent} commands so far`,
      );
    }
    console.log(`without a reply that is no error: ${pair.coverage.missing("data").join(" ")}`);
  } finally {
    await pair.stop();
  }
  return failures === 0 ? 0 : 1;
}

async function replayFile(file: string): Promise<number> {
  const { protocol, cluster, replicas, args = [], steps } = await Bun.file(file).json();
  const pair = await Pair.start({ cluster, replicas, args: [...args, ...configuration()] });
  try {
    await pair.reset(protocol);
    const mismatch = await pair.run(steps);
    for (const step of steps) console.log(showStep(step));
    console.log(mismatch ?? "no mismatch");
    return mismatch === undefined ? 0 : 1;
  } finally {
    await pair.stop();
  }
}

if (import.meta.main) process.exit(await main());
