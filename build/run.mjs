/**
 * What stands behind every npm script. It needs Node.js and npm alone: it brings node_modules in step with
 * package-lock.json when it is not, then hands over to Bun from there.
 *
 *   node build/run.mjs <task> [arguments]
 */
import { spawn } from "node:child_process";
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { constants as osConstants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, "node_modules");
const nodeMajorMin = 20;
const progressEveryMs = 5_000;
/** The real program has some 100 MB; what stands in for it until it is moved, a few hundred bytes. */
const bunBytesMin = 1_000_000;

const tasks = {
  start: {
    what: "build all, then start a cluster (atoll up)",
    run: (args) => bun("build/executable.ts").then(() => run(executable(), ["up", ...args])),
  },
  test: { what: "every check and every test", run: (args) => bun("build/test.ts", ...args) },
  build: {
    what: "build/out/atoll; with --all every target",
    run: (args) => bun("build/executable.ts", ...args),
  },
  bench: {
    what: "compare with redis-server",
    run: (args) => bun("build/executable.ts").then(() => bun("test/bench/main.ts", ...args)),
  },
  soak: {
    what: "the long tests, *.soak.ts",
    run: (args) => bun("build/executable.ts").then(() => bun("test", ...soaks(), ...args)),
  },
  check: {
    what: "types and lint, without the tests",
    run: (args) => bun("build/test.ts", "--checks", ...args),
  },
  types: {
    what: "type-check src, test and build",
    run: (args) => tool("typescript", "tsc", ...args),
  },
  lint: { what: "biome check", run: (args) => biome("check", ".", ...args) },
  format: { what: "biome check --write", run: (args) => biome("check", "--write", ".", ...args) },
  bun: { what: "run Bun itself", run: (args) => bun(...args) },
};

await main(process.argv[2], process.argv.slice(3));

async function main(name, args) {
  const task = Object.hasOwn(tasks, name ?? "") ? tasks[name] : undefined;
  if (task === undefined) {
    const list = Object.entries(tasks).map(([each, { what }]) => `  ${each.padEnd(8)}${what}`);
    fail(`which task? One of:\n${list.join("\n")}`);
  }
  try {
    checkHost();
    if (!isInstalled()) await install();
    await task.run(args);
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error));
  }
}

/** One line that says what is wrong, and exit code 1. */
function fail(message) {
  process.stderr.write(`atoll: ${message}\n`);
  process.exit(1);
}

function checkHost() {
  const major = Number(process.versions.node.split(".")[0]);
  if (major < nodeMajorMin) {
    throw new Error(`Node.js ${nodeMajorMin} or newer is needed; this is ${process.version}`);
  }
  if (process.platform !== "linux" || !["x64", "arm64"].includes(process.arch)) {
    throw new Error(`Linux on x64 or arm64 is needed; this is ${process.platform} ${process.arch}`);
  }
  try {
    accessSync(root, constants.W_OK);
  } catch {
    throw new Error(`cannot write to ${root}`);
  }
}

/**
 * True when what npm wrote down at the last install (node_modules/.package-lock.json) is what the lock file
 * asks for. Packages for other platforms are in the lock file alone.
 */
function isInstalled() {
  const wanted = packagesOf(join(root, "package-lock.json"));
  const present = packagesOf(join(modules, ".package-lock.json"));
  if (wanted === undefined) throw new Error("package-lock.json is missing or damaged");
  if (present === undefined) return false;
  const same = (path) =>
    wanted[path]?.version === present[path]?.version &&
    wanted[path]?.integrity === present[path]?.integrity;
  const complete = Object.entries(wanted).every(
    ([path, { optional }]) => path === "" || same(path) || (optional && !(path in present)),
  );
  return complete && Object.keys(present).every(same) && bunPath() !== undefined;
}

function packagesOf(path) {
  try {
    return JSON.parse(readFileSync(path, "utf8")).packages;
  } catch {
    return undefined;
  }
}

async function install() {
  const count = Object.keys(packagesOf(join(root, "package-lock.json")) ?? {}).length - 1;
  const startedAt = Date.now();
  const seconds = () => `${Math.round((Date.now() - startedAt) / 1000)} s`;
  say(`installing the pinned packages from the npm registry (npm ci, up to ${count} packages)...`);
  const progress = setInterval(() => say(`still installing, ${seconds()}`), progressEveryMs);
  const output = [];
  try {
    const npm = process.env.npm_execpath;
    const [program, args] = npm?.endsWith(".js")
      ? [process.execPath, [npm, "ci"]]
      : ["npm", ["ci"]];
    await run(program, [...args, "--no-audit", "--no-fund", "--loglevel=error"], output);
  } catch (error) {
    process.stderr.write(output.join(""));
    const where = output.length > 0 ? "; the lines above say why" : "";
    throw new Error(`npm ci failed: ${error.message}${where}`);
  } finally {
    clearInterval(progress);
  }
  if (bunPath() === undefined) throw new Error("the bun package holds no program for this system");
  say(`installed in ${seconds()}`);
}

function say(message) {
  process.stdout.write(`atoll: ${message}\n`);
}

/**
 * Bun's program comes in a package of its own per platform, and a script of the `bun` package moves it from
 * there to bun/bin/bun.exe. npm may be told not to run scripts, so it is looked for in both places.
 */
function bunPath() {
  const arch = process.arch === "arm64" ? "aarch64" : "x64";
  const names = [`bun-linux-${arch}`, `bun-linux-${arch}-musl`];
  if (existsSync("/etc/alpine-release")) names.reverse();
  return [
    join(modules, "bun", "bin", "bun.exe"),
    ...names.map((name) => join(modules, "@oven", name, "bin", "bun")),
  ].find((path) => existsSync(path) && statSync(path).size > bunBytesMin);
}

function executable() {
  return join(root, "build", "out", "atoll");
}

function soaks() {
  const found = readdirSync(join(root, "test"), { recursive: true }).filter((path) =>
    path.endsWith(".soak.ts"),
  );
  if (found.length === 0) throw new Error("there is no test/**/*.soak.ts");
  return ["--timeout", "7200000", ...found.map((path) => `./test/${path}`)];
}

function bun(...args) {
  return run(bunPath(), args);
}

function biome(...args) {
  return tool("@biomejs/biome", "biome", ...args);
}

/** A program of an installed package that is plain JavaScript. */
function tool(name, binary, ...args) {
  return run(process.execPath, [join(modules, name, "bin", binary), ...args]);
}

/**
 * Runs a program to its end. Signals go on to it, and it decides when to stop: on Ctrl-C the terminal has told
 * it too, and an answer with exit code 0 is a success. With `output`, its text is kept there instead of shown.
 * A program that fails ends this one with the same code, unless `output` is given.
 */
function run(program, args, output) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      stdio: output === undefined ? "inherit" : ["ignore", "pipe", "pipe"],
    });
    child.stdout?.on("data", (chunk) => output.push(chunk.toString()));
    child.stderr?.on("data", (chunk) => output.push(chunk.toString()));
    const forward = (signal) => child.kill(signal);
    const stay = () => {};
    process.on("SIGINT", stay);
    process.on("SIGTERM", forward);
    process.on("SIGHUP", forward);
    child.on("error", (error) => {
      reject(new Error(error.code === "ENOENT" ? `${program} is not installed` : error.message));
    });
    child.on("close", (code, signal) => {
      process.off("SIGINT", stay);
      process.off("SIGTERM", forward);
      process.off("SIGHUP", forward);
      const status = code ?? 128 + (osConstants.signals[signal] ?? 0);
      if (status === 0) resolve();
      else if (output !== undefined) reject(new Error(`exit code ${status}`));
      else process.exit(status);
    });
  });
}
