/**
 * Compiles the engine. Three modules come from one source:
 *   engine.wasm         what ships: `assembly/index.ts` alone
 *   engine-release.wasm the same code with the test exports of `assembly/verify.ts`
 *   engine-verify.wasm  that, with invariant walks and assertions on
 * The `.wat` text is checked: no import, and no trace of AssemblyScript's managed runtime.
 */
import { mkdirSync, readFileSync, renameSync, statSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const outputDirectory = join(root, "build", "out");

type Flavour = "engine" | "engine-release" | "engine-verify";

const sharedFlags = [
  "--runtime",
  "stub",
  "--enable",
  "simd",
  "--enable",
  "bulk-memory",
  "--initialMemory",
  "1024",
  "--maximumMemory",
  "65536",
];

function flagsOf(flavour: Flavour): string[] {
  const index = join(root, "assembly", "index.ts");
  const verify = join(root, "assembly", "verify.ts");
  const release = ["-O3", "--converge", "--noAssert"];
  switch (flavour) {
    case "engine":
      return [index, ...release];
    case "engine-release":
      return [index, verify, ...release];
    case "engine-verify":
      return [index, verify, "-O2", "--use", "ATOLL_VERIFY=1"];
  }
}

/** Compiles one flavour; throws with the compiler's own messages. */
export async function buildWasm(flavour: Flavour): Promise<string> {
  mkdirSync(outputDirectory, { recursive: true });
  const wasm = join(outputDirectory, `${flavour}.wasm`);
  // Under another name until it is whole: a test may be reading the old one.
  const wat = join(outputDirectory, `${flavour}.wat`);
  const fresh = join(outputDirectory, `${flavour}.${process.pid}.tmp.wasm`);
  const startedAt = new Date();
  const asc = join(root, "node_modules", "assemblyscript", "bin", "asc.js");

  const child = Bun.spawn(
    ["node", asc, ...flagsOf(flavour), ...sharedFlags, "--use", "abort=", "-o", fresh, "-t", wat],
    { stdout: "pipe", stderr: "pipe" },
  );
  const [output, errors, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (status !== 0) throw new Error(`asc failed for ${flavour}:\n${output}${errors}`);
  if (errors.includes("WARNING")) process.stderr.write(errors);
  checkText(flavour, readFileSync(wat, "utf8"));
  // As old as the sources it was made of, so that an edit during the build counts as newer.
  utimesSync(fresh, startedAt, startedAt);
  renameSync(fresh, wasm);
  return wasm;
}

/** The engine must be free of imports and of the managed runtime (`__new`, `__pin`, ...). */
function checkText(flavour: Flavour, text: string): void {
  const found = text.match(/\(import |\$~lib\/rt\/[a-z]+\/__(?:new|pin|collect|link|renew)/);
  if (found) throw new Error(`${flavour}.wat holds "${found[0]}": the engine must stand alone`);
}

/** Builds the flavours whose output is older than the newest source file. */
export async function buildStale(flavours: readonly Flavour[]): Promise<void> {
  const newest = newestSource(join(root, "assembly"));
  await Promise.all(
    flavours.map(async (flavour) => {
      const output = join(outputDirectory, `${flavour}.wasm`);
      let builtAt = 0;
      try {
        builtAt = statSync(output).mtimeMs;
      } catch {
        // Not built yet.
      }
      if (builtAt < newest) await buildWasm(flavour);
    }),
  );
}

function newestSource(directory: string): number {
  let newest = statSync(fileURLToPath(import.meta.url)).mtimeMs;
  for (const name of new Bun.Glob("**/*.ts").scanSync(directory)) {
    newest = Math.max(newest, statSync(join(directory, name)).mtimeMs);
  }
  return newest;
}

if (import.meta.main) {
  const wanted = process.argv.slice(2) as Flavour[];
  const flavours: Flavour[] = wanted.length > 0 ? wanted : ["engine"];
  try {
    for (const flavour of flavours) await buildWasm(flavour);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
