/**
 * Everything that must hold before a change goes in: types, engine builds, lint, the executable, then every
 * test. Ends with a line of its own, `N passed, N failed` (`, N skipped` when so), where each of the four
 * checks counts as one. Exit code 1 when anything failed.
 *
 *   --checks    the checks without the tests
 *   <pattern>   only test files whose path holds it; what the checks do not depend on
 */
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { buildExecutable, executablePath } from "./executable.ts";
import { buildStale, outputDirectory, root } from "./wasm.ts";

/** For a test that names no bound of its own. */
const TEST_TIMEOUT_MS = 30_000;
/** A run that takes longer hangs somewhere. */
const RUN_MINUTES_MAX = 60;
/** Of one failure, in the list at the end. */
const REASON_LINES_MAX = 60;

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface Check {
  readonly name: string;
  /** Resolves when all is well; throws with what to show when not. */
  readonly run: () => Promise<unknown>;
}

const CHECKS: readonly Check[] = [
  { name: "types of src, test and build (tsc)", run: () => node("typescript", "tsc", "-p", ".") },
  {
    name: "the engine in all its builds (asc)",
    run: () => buildStale(["engine", "engine-release", "engine-verify"]),
  },
  {
    name: "format and lint (biome)",
    run: () =>
      node("@biomejs/biome", "biome", "ci", ".", "--colors=off", "--diagnostic-level=error"),
  },
  { name: "the executable (bun build)", run: () => buildExecutable() },
];

/** Runs a JavaScript program of an installed package under Node.js. */
async function node(name: string, binary: string, ...args: readonly string[]): Promise<void> {
  const program = join(root, "node_modules", name, "bin", binary);
  const child = Bun.spawn(["node", program, ...args], {
    cwd: root,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, errors, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (status !== 0) throw new Error(`${output}${errors}`.trim() || `exit code ${status}`);
}

async function runCheck(check: Check, counts: Counts, failures: string[]): Promise<void> {
  const startedAt = performance.now();
  say(`${check.name}...`);
  try {
    await check.run();
    counts.passed += 1;
    say(`(pass) ${check.name} [${((performance.now() - startedAt) / 1000).toFixed(1)} s]`);
  } catch (error) {
    counts.failed += 1;
    failures.push(check.name);
    say(error instanceof Error ? error.message : String(error));
    say(`(fail) ${check.name}`);
  }
}

/** Runs `bun test` with its output passed through, and counts from its report. */
async function runTests(
  patterns: readonly string[],
  counts: Counts,
  failures: string[],
): Promise<void> {
  const report = join(outputDirectory, `tests.${process.pid}.xml`);
  mkdirSync(outputDirectory, { recursive: true });
  const child = Bun.spawn(
    [
      process.execPath,
      "test",
      `--timeout=${TEST_TIMEOUT_MS}`,
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      ...(patterns.length > 0 ? patterns : ["./test"]),
    ],
    {
      cwd: root,
      // Tests drive the program that is shipped.
      env: { ATOLL_BINARY: executablePath(), ...process.env },
      stdin: "ignore",
      stdout: "inherit",
      stderr: "pipe",
    },
  );
  const bound = setTimeout(() => child.kill("SIGKILL"), RUN_MINUTES_MAX * 60_000);
  const stop = (): void => child.kill("SIGTERM");
  process.on("SIGTERM", stop);
  const [status, { failed: failedByName, reasons }] = await Promise.all([
    child.exited,
    passThrough(child.stderr),
  ]);
  clearTimeout(bound);
  process.off("SIGTERM", stop);

  const found = countReport(report);
  rmSync(report, { force: true });
  // Once more at the end, where whoever sees only the last lines of a long run finds it.
  for (const reason of reasons) say(`\n${reason}`);
  counts.passed += found.passed;
  counts.failed += found.failed;
  counts.skipped += found.skipped;
  failures.push(...found.failures);
  // A file that does not load, a crash and a hang are in no report; the first is in Bun's own count.
  const unreported = Math.max(
    failedByName - found.failed,
    status !== 0 && found.failed === 0 ? 1 : 0,
  );
  if (unreported > 0) {
    counts.failed += unreported;
    failures.push(`${unreported} outside any test: a file that does not load, a crash or a hang`);
  }
}

/** Shows Bun's output as it comes; returns the number of its ` N fail` line (0 without one), and why tests failed. */
async function passThrough(
  stream: ReadableStream<Uint8Array>,
): Promise<{ failed: number; reasons: string[] }> {
  const decoder = new TextDecoder();
  const reasons: string[] = [];
  let failed = 0;
  let rest = "";
  let block: string[] = [];
  for await (const chunk of stream) {
    process.stderr.write(chunk);
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      failed = Number(/^ *(\d+) fail$/.exec(line)?.[1] ?? failed);
      if (/^\((?:pass|skip|todo)\)/.test(line)) {
        block = [];
        continue;
      }
      block.push(line);
      // Bun says why before it says which; its summary repeats the names alone.
      if (!line.startsWith("(fail)")) continue;
      if (block.length > 1) reasons.push(block.slice(-REASON_LINES_MAX).join("\n"));
      block = [];
    }
  }
  return { failed, reasons };
}

/** Counts a JUnit report test by test: totals of nested suites would count twice. */
function countReport(path: string): Counts & { failures: string[] } {
  const counts = { passed: 0, failed: 0, skipped: 0, failures: [] as string[] };
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return counts;
  }
  for (const [, attributes = "", end, body = ""] of text.matchAll(
    /<testcase\b((?:[^>"]|"[^"]*")*?)(\/>|>([\s\S]*?)<\/testcase>)/g,
  )) {
    if (end !== "/>" && /<(?:failure|error)\b/.test(body)) {
      counts.failed += 1;
      counts.failures.push(`${attribute(attributes, "file")}: ${attribute(attributes, "name")}`);
    } else if (end !== "/>" && /<skipped\b/.test(body)) {
      counts.skipped += 1;
    } else {
      counts.passed += 1;
    }
  }
  return counts;
}

function attribute(text: string, name: string): string {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1] ?? "";
  return value
    .replace(/&(lt|gt|quot|apos|amp|#39);/g, (_, entity: string) => ENTITIES[entity] ?? "")
    .trim();
}

const ENTITIES: Record<string, string> = {
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  "#39": "'",
  amp: "&",
};

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(args: readonly string[]): Promise<number> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  const failures: string[] = [];
  for (const check of CHECKS) await runCheck(check, counts, failures);
  if (!args.includes("--checks")) {
    await runTests(
      args.filter((each) => each !== "--checks"),
      counts,
      failures,
    );
  }
  say("");
  for (const failure of failures) say(`failed: ${failure}`);
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : "";
  say(`${counts.passed} passed, ${counts.failed} failed${skipped}`);
  return counts.failed > 0 ? 1 : 0;
}

process.exit(await main(process.argv.slice(2)));
