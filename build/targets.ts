/**
 * The systems Atoll is built for. The runtime of another system than this one is a package of the @oven scope,
 * fetched with npm (so its registry, proxy and cache settings hold) and checked against the hash pinned here.
 */
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { outputDirectory } from "./wasm.ts";

export type Target =
  | "linux-x64"
  | "linux-x64-baseline"
  | "linux-arm64"
  | "linux-x64-musl"
  | "linux-x64-musl-baseline"
  | "linux-arm64-musl";

/** The runtime's version. Hashes below are of this version alone: change them together. */
export const RUNTIME_VERSION = "1.4.5";

interface Runtime {
  /** The package, without its scope. */
  readonly name: string;
  /** Subresource integrity of the package's archive, as in package-lock.json. */
  readonly integrity: string;
}

export const RUNTIMES: Record<Target, Runtime> = {
  "linux-x64": {
    name: "bun-linux-x64",
    integrity:
      "sha512-IWX9BELoGHAUtMonkeSaNaZwXzRk+oDw6Mk+HBFXd3KHYIBNBsIGRupMZPcgNoDbJpLu6gAJjIoIVPZtt1aJ1g==",
  },
  "linux-x64-baseline": {
    name: "bun-linux-x64-baseline",
    integrity:
      "sha512-s8yMwYcFnnrA178gji0gZbkE2WVDej/Ti1x770oPfihxyRxSMNhGhiAQNXV53aDeraZxksdvKV/RAdQBCd0qPA==",
  },
  "linux-arm64": {
    name: "bun-linux-aarch64",
    integrity:
      "sha512-4BXmsSKnjOrlGWqZV4x/oWa7AVoR+B6lCXddMzOAXBIm3t50eslg9wb66gmtW1AamEQ1l1CDvmmruysEhqOWMg==",
  },
  "linux-x64-musl": {
    name: "bun-linux-x64-musl",
    integrity:
      "sha512-10QoW/YfTgnURaGEaHpJCiXjLI2e5iTtfVDaA5JKcyUzaa1cq6cVUY9/Uq5XkYzvtRjHLRe9Oj/lTDIQcxy8HQ==",
  },
  "linux-x64-musl-baseline": {
    name: "bun-linux-x64-musl-baseline",
    integrity:
      "sha512-cWJhU8h0+MiUgpSt99sQhjxLIIosKEcKYdtKddohokUvAuN6jKOy7g7+QDTZTXtwHxz93wL3BX+L6wXVPDUH3A==",
  },
  "linux-arm64-musl": {
    name: "bun-linux-aarch64-musl",
    integrity:
      "sha512-XCNc+WvvMAdNNb+OWTogpy+N9wm62fkVeEVLb6how0RZhW5LPi6c7BlkeVCuWps7XjEl2saFpHFa20/1E+PAHg==",
  },
};

export const TARGETS = Object.keys(RUNTIMES) as Target[];

/** The target that the Bun which runs this script was itself built for. */
export function hostTarget(): Target {
  const arch = process.arch === "arm64" ? "arm64" : "x64";
  return existsSync("/etc/alpine-release") ? `linux-${arch}-musl` : `linux-${arch}`;
}

/** Path of the target's Bun program, fetched if it is not in build/out/runtimes yet. */
export async function fetchRuntime(target: Target, say: (line: string) => void): Promise<string> {
  if (Bun.version !== RUNTIME_VERSION) {
    throw new Error(`build/targets.ts pins Bun ${RUNTIME_VERSION}, but this is ${Bun.version}`);
  }
  const { name, integrity } = RUNTIMES[target];
  const directory = join(outputDirectory, "runtimes", `${name}-${RUNTIME_VERSION}`);
  const program = join(directory, "package", "bin", "bun");
  if (existsSync(program)) return program;

  say(`fetching the runtime @oven/${name}@${RUNTIME_VERSION} (some 50 MB)...`);
  const fresh = `${directory}.${process.pid}.tmp`;
  rmSync(fresh, { recursive: true, force: true });
  mkdirSync(fresh, { recursive: true });
  try {
    const archive = await pack(`@oven/${name}@${RUNTIME_VERSION}`, fresh);
    const hash = new Bun.CryptoHasher("sha512").update(archive).digest("base64");
    if (`sha512-${hash}` !== integrity) {
      throw new Error(`@oven/${name}@${RUNTIME_VERSION} is not what build/targets.ts pins`);
    }
    await new Bun.Archive(archive).extract(fresh);
    chmodSync(join(fresh, "package", "bin", "bun"), 0o755);
    rmSync(directory, { recursive: true, force: true });
    renameSync(fresh, directory);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
  return program;
}

/** Downloads a package's archive into `directory` and returns its bytes. */
async function pack(specification: string, directory: string): Promise<Uint8Array<ArrayBuffer>> {
  const child = Bun.spawn(
    ["npm", "pack", specification, "--pack-destination", directory, "--loglevel=error"],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [, errors, status] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  if (status !== 0) throw new Error(`npm pack ${specification} failed:\n${errors.trim()}`);
  const [file] = [...new Bun.Glob("*.tgz").scanSync(directory)];
  if (file === undefined) throw new Error(`npm pack ${specification} left no archive`);
  return new Uint8Array(await Bun.file(join(directory, file)).arrayBuffer());
}
