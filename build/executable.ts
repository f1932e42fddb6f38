/**
 * Builds the executable: engine, host and runtime in one file.
 *
 *   build/out/atoll            for this system
 *   build/out/atoll-<target>   with --all, or for the targets named
 *
 * An output that is newer than every source is left as it is.
 */
import { mkdirSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { fetchRuntime, hostTarget, TARGETS, type Target } from "./targets.ts";
import { buildStale, outputDirectory, root } from "./wasm.ts";

type Say = (line: string) => void;

const quiet: Say = () => {};

/** Path of the executable, built or not; without a target the one for this system. */
export function executablePath(target?: Target): string {
  return join(outputDirectory, target === undefined ? "atoll" : `atoll-${target}`);
}

/** Builds the executable if a source is newer; without a target the one for this system. */
export async function buildExecutable(target?: Target, say: Say = quiet): Promise<string> {
  const output = executablePath(target);
  await buildStale(["engine"]);
  const builtAt = modifiedAt(output);
  if (builtAt > newestInput()) return output;

  const startedAt = new Date();
  mkdirSync(outputDirectory, { recursive: true });
  const flags =
    target === undefined
      ? HOST_FLAGS
      : [`--target=bun-${target}`, `--compile-executable-path=${await fetchRuntime(target, say)}`];
  const fresh = `${output}.${process.pid}.tmp`;
  try {
    await compile(fresh, flags);
    // As old as its sources, so that an edit during the build counts as newer.
    utimesSync(fresh, startedAt, startedAt);
    renameSync(fresh, output);
  } finally {
    rmSync(fresh, { force: true });
  }
  const megabytes = (statSync(output).size / 1e6).toFixed(1);
  const seconds = ((Date.now() - startedAt.getTime()) / 1000).toFixed(1);
  say(`${output.slice(root.length + 1)}  ${megabytes} MB in ${seconds} s`);
  return output;
}

/** Bytecode is for the runtime that runs right now, so never for another target. */
const HOST_FLAGS = ["--bytecode"];

const SHARED_FLAGS = [
  "--compile",
  "--minify",
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
];

async function compile(output: string, flags: readonly string[]): Promise<void> {
  const main = join(root, "src", "main.ts");
  const child = Bun.spawn(
    [process.execPath, "build", main, ...SHARED_FLAGS, ...flags, "--outfile", output],
    { cwd: root, stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [text, errors, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (status !== 0) throw new Error(`bun build failed:\n${text}${errors}`.trim());
}

/** Milliseconds since 1970, or 0 when there is no such file. */
function modifiedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function newestInput(): number {
  const inputs = ["package-lock.json", "tsconfig.json", "build/targets.ts", "build/executable.ts"];
  for (const name of new Bun.Glob("src/**/*").scanSync(root)) inputs.push(name);
  const times = inputs.map((name) => modifiedAt(join(root, name)));
  return Math.max(modifiedAt(join(outputDirectory, "engine.wasm")), ...times);
}

/** `--all`, or names of targets; none means this system alone. */
async function main(args: readonly string[]): Promise<number> {
  const say: Say = (line) => process.stdout.write(`atoll: ${line}\n`);
  const wanted = args.includes("--all") ? TARGETS.filter((each) => each !== hostTarget()) : [];
  for (const arg of args) {
    if (arg === "--all") continue;
    const target = TARGETS.find((each) => each === arg);
    if (target === undefined) {
      process.stderr.write(`atoll: no target "${arg}"; there are ${TARGETS.join(", ")}\n`);
      return 1;
    }
    wanted.push(target);
  }
  try {
    if (modifiedAt(executablePath()) === 0) say("compiling the engine and the executable...");
    await buildExecutable(undefined, say);
    for (const target of wanted) await buildExecutable(target, say);
    return 0;
  } catch (error) {
    process.stderr.write(`atoll: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)));
