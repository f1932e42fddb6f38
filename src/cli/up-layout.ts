/**
 * The directory of an `atoll up` cluster: `atoll-up.json` says what it is, and each node has a directory named
 * after its port with `redis.conf`, `nodes.conf`, `atoll.log` and `atoll.pid`.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { layoutProblem, type UpOptions } from "./up-options.ts";

export interface Layout {
  readonly nodes: number;
  readonly replicas: number;
  readonly port: number;
  readonly host: string;
  /** False from the first file written until the cluster was seen whole. */
  readonly formed: boolean;
}

export type LayoutResult =
  | {
      readonly ok: true;
      /** Absolute. */
      readonly directory: string;
      readonly layout: Layout;
      /** Files of an earlier start that did not get as far as a cluster. */
      readonly isUnfinished: boolean;
    }
  | { readonly ok: false; readonly reason: string };

const RECORD = "atoll-up.json";

/**
 * What to start: the cluster that the directory holds, or a new one. Options that were given must agree with
 * what is there; options that were not are taken from it. Writes nothing but a probe of the disk.
 */
export function readLayout(options: UpOptions): LayoutResult {
  const directory = resolve(options.directory);
  const unwritable = probeDisk(directory);
  if (unwritable !== undefined) return { ok: false, reason: unwritable };

  const { nodes, replicas, port, host } = options;
  const asked: Layout = { nodes, replicas, port, host, formed: false };
  const path = join(directory, RECORD);
  if (!existsSync(path)) {
    const stranger = portsOf(asked).find((each) => existsSync(join(directory, String(each))));
    if (stranger === undefined) return { ok: true, directory, layout: asked, isUnfinished: false };
    return {
      ok: false,
      reason: `${join(directory, String(stranger))} is there, but no ${path}: not a directory of atoll up`,
    };
  }
  const found = parseRecord(readFileSync(path, "utf8"));
  if (found === undefined) return { ok: false, reason: `${path} is damaged` };
  if (!found.formed) return { ok: true, directory, layout: asked, isUnfinished: true };

  const differing = [...options.given].filter((name) => found[name] !== asked[name]);
  if (differing.length > 0) {
    const was = differing.map((name) => `--${name} ${found[name]}`).join(" ");
    const wanted = differing.map((name) => `--${name} ${asked[name]}`).join(" ");
    return {
      ok: false,
      reason: `${directory} holds a cluster made with ${was}, not ${wanted}; leave that out, or take another --dir`,
    };
  }
  const gone = portsOf(found).find((each) => !existsSync(join(directory, String(each))));
  if (gone !== undefined) {
    return { ok: false, reason: `${directory} holds a cluster, but its node ${gone} is gone` };
  }
  return { ok: true, directory, layout: found, isUnfinished: false };
}

/** Ports of the nodes, in order. */
export function portsOf(layout: Pick<Layout, "port" | "nodes">): number[] {
  return Array.from({ length: layout.nodes }, (_, index) => layout.port + index);
}

/** Directory of the node at this port. */
export function nodeDirectory(directory: string, port: number): string {
  return join(directory, String(port));
}

/** Writes the record and the nodes' configuration files. Throws what the file system says. */
export function writeLayout(directory: string, layout: Layout, nodeTimeoutMs: number): void {
  saveRecord(directory, layout);
  for (const port of portsOf(layout)) {
    const own = nodeDirectory(directory, port);
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, "redis.conf"), configText(layout, port, nodeTimeoutMs));
  }
}

/** Whole or not at all, so that a crash leaves a record that can be read. */
export function saveRecord(directory: string, layout: Layout): void {
  const path = join(directory, RECORD);
  writeFileSync(`${path}.tmp`, `${JSON.stringify(layout, null, 2)}\n`);
  renameSync(`${path}.tmp`, path);
}

/** Removes the nodes of a cluster that was never formed, and so never held data. */
export function clearUnfinished(directory: string): void {
  const path = join(directory, RECORD);
  const found = parseRecord(readFileSync(path, "utf8"));
  if (found === undefined || found.formed) return;
  for (const port of portsOf(found)) {
    rmSync(nodeDirectory(directory, port), { recursive: true, force: true });
  }
  rmSync(path, { force: true });
}

function configText(layout: Layout, port: number, nodeTimeoutMs: number): string {
  const isLoopback = layout.host === "127.0.0.1" || layout.host === "::1";
  const lines = [
    "# Written once by atoll up; edit it as you like, it is read at every start.",
    `port ${port}`,
    `bind ${layout.host}`,
    // Protected mode would turn away whoever is not on the loopback interface.
    ...(isLoopback ? [] : ["protected-mode no"]),
    "cluster-enabled yes",
    "cluster-config-file nodes.conf",
    `cluster-node-timeout ${nodeTimeoutMs}`,
    "# A replica that never synchronized cannot take over: do it at once, there is one for each primary.",
    "repl-diskless-sync-delay 0",
  ];
  return `${lines.join("\n")}\n`;
}

function parseRecord(text: string): Layout | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { nodes, replicas, port, host, formed } = value as Record<string, unknown>;
  if (!isCount(nodes) || !isCount(replicas) || !isCount(port)) return undefined;
  if (typeof host !== "string" || typeof formed !== "boolean") return undefined;
  if (layoutProblem({ nodes, replicas, port }) !== undefined) return undefined;
  return { nodes, replicas, port, host, formed };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Creates the directory and writes a page into it; the reason when that does not work. */
function probeDisk(directory: string): string | undefined {
  const probe = join(directory, `.atoll-probe-${process.pid}`);
  try {
    mkdirSync(directory, { recursive: true });
    writeFileSync(probe, Buffer.alloc(4096), { flush: true });
    rmSync(probe);
    return undefined;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return `cannot write to ${directory}: ${WRITE_ERRORS[code ?? ""] ?? message}`;
  }
}

const WRITE_ERRORS: Record<string, string> = {
  EACCES: "permission denied",
  EDQUOT: "the quota is used up",
  EEXIST: "a file is in the way",
  ENOSPC: "no space left on the device",
  ENOTDIR: "a part of the path is not a directory",
  EPERM: "operation not permitted",
  EROFS: "the file system is read-only",
};
