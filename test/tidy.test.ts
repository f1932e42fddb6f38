/** The rules of the tree that a compiler does not see: who imports whom, and what the cores may touch. */
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

const root = dirname(import.meta.dir);

/** Leftmost first. A file may import from its own rank's folder and from any rank before it, never after. */
const HOST_ORDER: readonly (readonly string[])[] = [
  ["base"],
  ["config", "commands"],
  ["engine"],
  ["cluster", "replication", "persistence", "sentinel"],
  ["node"],
  ["io", "http", "cli"],
  ["main"],
];

const ENGINE_ORDER: readonly (readonly string[])[] = [
  ["abi", "command-ids", "config", "settings"],
  ["base"],
  ["protocol"],
  ["structures"],
  ["commands", "keyspace", "journal", "snapshot"],
  ["types"],
  ["keys", "slices"],
  ["awaiting"],
  ["gates", "input", "refusals", "room", "run"],
  ["after", "ownership"],
  ["checks"],
  ["dispatch"],
  ["host"],
  ["index", "verify"],
];

/** Folders of one rank that are sealed off from each other. */
const CORES = ["cluster", "replication", "persistence", "sentinel"];

/** What would let the outside world into a core, and how it shows in the source. */
const FORBIDDEN_IN_CORES: readonly (readonly [name: string, pattern: RegExp])[] = [
  ["Bun", /\bBun\b/],
  ["node:* or bun:*", /["'](?:node|bun):/],
  ["Date", /\bDate\b/],
  ["Math.random", /\bMath\.random\b/],
  ["a timer", /\b(?:setTimeout|setInterval|setImmediate|queueMicrotask|performance)\b/],
  ["await", /\bawait\b/],
  ["async", /\basync\b/],
  ["Promise", /\bPromise\b/],
  ["console", /\bconsole\b/],
  ["process", /\bprocess\b[.[]/],
  ["Buffer", /\bBuffer\b/],
  ["crypto", /\bcrypto\./],
];

/** Above the first a file is named in the output; above the second the test fails. */
const LINES_WANTED = 500;
const LINES_MAX = 800;

interface Source {
  /** From the root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The text without comments and with the insides of strings kept. */
  readonly code: string;
}

function sources(pattern: string): Source[] {
  const paths = [...new Bun.Glob(pattern).scanSync(root)].filter((path) => !path.endsWith(".d.ts"));
  return paths.sort().map((path) => {
    const text = readFileSync(join(root, path), "utf8");
    return { path, text, code: withoutComments(text) };
  });
}

/** Blanks comments out; strings, templates and regular expressions that hold `//` survive well enough. */
function withoutComments(text: string): string {
  const token =
    /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(token, (found) =>
    found.startsWith("/*") || found.startsWith("//") ? found.replace(/[^\n]/g, " ") : found,
  );
}

function withoutStrings(code: string): string {
  return code.replace(/"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\$])*`/g, '""');
}

/** Specifiers of every import and re-export. */
function imports(code: string): string[] {
  const patterns = [
    /^(?:import|export)\b[^"';]*?\bfrom\s*["']([^"']+)["']/gm,
    /^import\s*["']([^"']+)["']/gm,
    /\bimport\(\s*["']([^"']+)["']/g,
  ];
  return patterns.flatMap((pattern) =>
    [...code.matchAll(pattern)].map(([, specifier = ""]) => specifier),
  );
}

/** Folder or file name (without extension) right under `top` that a path belongs to. */
function areaOf(path: string, top: string): string {
  const [first = ""] = path.slice(top.length + 1).split("/");
  return first.replace(/\.ts$/, "");
}

function rankOf(area: string, order: readonly (readonly string[])[]): number {
  return order.findIndex((rank) => rank.includes(area));
}

function resolveFrom(path: string, specifier: string): string {
  return normalize(join(dirname(path), specifier));
}

function orderViolations(top: string, order: readonly (readonly string[])[]): string[] {
  const violations: string[] = [];
  for (const { path, code } of sources(`${top}/**/*.ts`)) {
    const area = areaOf(path, top);
    const rank = rankOf(area, order);
    if (rank < 0) {
      violations.push(`${path}: "${area}" has no place in the order`);
      continue;
    }
    for (const specifier of imports(code)) {
      if (!specifier.startsWith(".")) continue;
      const target = resolveFrom(path, specifier);
      if (!target.startsWith(`${top}/`)) {
        if (!mayLeave(top, target)) violations.push(`${path}: imports ${target}`);
        continue;
      }
      const targetArea = areaOf(target, top);
      const targetRank = rankOf(targetArea, order);
      if (targetRank > rank) violations.push(`${path}: imports rightwards, ${target}`);
      if (targetArea !== area && CORES.includes(area) && CORES.includes(targetArea)) {
        violations.push(`${path}: a core imports another core, ${target}`);
      }
    }
  }
  return violations;
}

/** The shortest way on which a file imports itself; empty: there is none. */
function circle(pattern: string): string[] {
  const graph = new Map<string, string[]>();
  for (const { path, code } of sources(pattern)) {
    const relative = imports(code).filter((specifier) => specifier.startsWith("."));
    const targets = relative.map((specifier) => resolveFrom(path, specifier));
    graph.set(
      path,
      targets.map((target) => (/\.[a-z]+$/.test(target) ? target : `${target}.ts`)),
    );
  }
  const ways = [...graph.keys()].map((path) => wayBack(path, graph));
  const found = ways.filter((way) => way.length > 0);
  return found.sort((left, right) => left.length - right.length)[0] ?? [];
}

function wayBack(path: string, graph: ReadonlyMap<string, readonly string[]>): string[] {
  const seen = new Set<string>();
  const ways = [[path]];
  for (const way of ways) {
    for (const target of graph.get(way[way.length - 1] ?? "") ?? []) {
      if (target === path) return [...way, path];
      if (seen.has(target)) continue;
      seen.add(target);
      ways.push([...way, target]);
    }
  }
  return [];
}

/** The host may reach out of src/ for the shared constants and the built engine; the engine for nothing. */
function mayLeave(top: string, target: string): boolean {
  if (top !== "src") return false;
  return (
    /^assembly\/(?:abi|command-ids|settings)(\.ts)?$/.test(target) ||
    target.startsWith("build/out/") ||
    target === "package.json"
  );
}

const coreFiles = CORES.flatMap((core) => sources(`src/${core}/**/*.ts`));
const everyFile = ["src", "assembly", "test", "build"].flatMap((top) =>
  sources(`${top}/**/*.{ts,mjs}`).filter(({ path }) => !path.startsWith("build/out/")),
);

describe("imports go leftwards only", () => {
  test("in src/", () => expect(orderViolations("src", HOST_ORDER)).toEqual([]));
  test("in assembly/", () => expect(orderViolations("assembly", ENGINE_ORDER)).toEqual([]));
});

describe("no file imports itself round about, not even for a type", () => {
  for (const top of ["src", "assembly", "test", "build"]) {
    test(`in ${top}/`, () => expect(circle(`${top}/**/*.{ts,mjs}`)).toEqual([]));
  }
});

describe("cores are sans-io", () => {
  for (const [name, pattern] of FORBIDDEN_IN_CORES) {
    test(`they use no ${name}`, () => {
      const inImports = name.includes(":");
      const found = coreFiles.filter(({ code }) =>
        pattern.test(inImports ? code : withoutStrings(code)),
      );
      expect(found.map(({ path }) => path)).toEqual([]);
    });
  }

  test("they import no package", () => {
    const found = coreFiles.flatMap(({ path, code }) =>
      imports(code)
        .filter((specifier) => !specifier.startsWith("."))
        .map((specifier) => `${path}: ${specifier}`),
    );
    expect(found).toEqual([]);
  });
});

test("timers are those of the event loop", () => {
  // The runtime's do not wake the loop that clients' sockets are in: docs/engine.md, "Sockets".
  const loops = ["src/io/event-loop.ts", "src/io/polled-loop.ts"];
  const servers = ["node", "io", "replication", "cluster", "persistence", "engine"];
  const found = servers
    .flatMap((folder) => sources(`src/${folder}/**/*.ts`))
    .filter(
      ({ path, code }) =>
        !loops.includes(path) &&
        /\b(?:setTimeout|setInterval|setImmediate|Bun\.sleep|(?:node:)?timers)\b(?!Sync)/.test(
          withoutStrings(code),
        ),
    );
  expect(found.map(({ path }) => path)).toEqual([]);
});

describe("shape of files", () => {
  test("named exports only", () => {
    const found = everyFile.filter(({ code }) =>
      /^export default\b|\bas default\b/m.test(withoutStrings(code)),
    );
    expect(found.map(({ path }) => path)).toEqual([]);
  });

  test("no file only re-exports others", () => {
    const found = sources("src/**/*.ts").filter(({ code }) => {
      const statements = code.split(";").map((each) => each.trim());
      const written = statements.filter((each) => each !== "");
      return written.length > 0 && written.every((each) => /^export\b[^=(]*\bfrom\b/.test(each));
    });
    expect(found.map(({ path }) => path)).toEqual([]);
  });

  test("host imports name the file with its extension", () => {
    const found = sources("src/**/*.ts").flatMap(({ path, code }) =>
      imports(code)
        .filter((each) => each.startsWith(".") && !/\.(?:ts|wasm|json)$/.test(each))
        .map((each) => `${path}: ${each}`),
    );
    expect(found).toEqual([]);
  });

  test(`no file is longer than ${LINES_MAX} lines`, () => {
    const lengths = [...sources("src/**/*.ts"), ...sources("assembly/**/*.ts")].map(
      ({ path, text }) => ({ path, lines: text.split("\n").length - 1 }),
    );
    for (const { path, lines } of lengths) {
      if (lines > LINES_WANTED) process.stderr.write(`${path} is long: ${lines} lines\n`);
    }
    expect(lengths.filter(({ lines }) => lines > LINES_MAX)).toEqual([]);
  });

  test("nothing names a machine's own paths", () => {
    const machinePath = /(?:["'`\s(=])\/(?:work|home|root|Users)\/[A-Za-z]/;
    const documents = ["README.md", "Dockerfile", "docs/*.md", ".ci/run", "package.json"];
    const files = [...everyFile, ...documents.flatMap((pattern) => sources(pattern))];
    const found = files.filter(
      ({ path, text }) => path !== "test/tidy.test.ts" && machinePath.test(text),
    );
    expect(found.map(({ path }) => path)).toEqual([]);
  });

  test("nothing is left to do", () => {
    const found = everyFile.filter(
      ({ path, text }) => path !== "test/tidy.test.ts" && /\b(?:TODO|FIXME|XXX|HACK)\b/.test(text),
    );
    expect(found.map(({ path }) => path)).toEqual([]);
  });
});
