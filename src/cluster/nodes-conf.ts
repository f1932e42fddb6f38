/**
 * `nodes.conf`, the cluster as this node knew it last: one line for each node (`node-line.ts`), then
 * `vars currentEpoch N lastVoteEpoch N`. Format and reading follow clusterLoadConfig and
 * clusterSaveConfig of Redis 7.0: either server loads what the other wrote.
 *
 * A file that is not whole is refused. Redis loads one without its last lines, and so forgets for
 * whom it voted; here the vars line and the last line feed must be there.
 */
import { latin1, latin1Text } from "../base/bytes.ts";
import { NodeFlag } from "./bus-message.ts";
import { type NodeRecord, nodeLine, parseNodeLine, wholeNumber } from "./node-line.ts";
import { hasSlot, slotRanges } from "./slot-bitmap.ts";

export interface ClusterConfig {
  /** Exactly one has `NodeFlag.myself`. Nodes in handshake are not written. */
  nodes: NodeRecord[];
  currentEpoch: number;
  lastVoteEpoch: number;
}

/** `line` counts from 1: where the damage shows. */
export type ParsedConfig = { config: ClusterConfig } | { reason: string; line: number };

/** The whole file. */
export function serializeClusterConfig(config: ClusterConfig): Uint8Array {
  let text = "";
  for (const node of config.nodes) {
    if ((node.flags & NodeFlag.handshake) === 0) text += `${nodeLine(node)}\n`;
  }
  text += `vars currentEpoch ${config.currentEpoch} lastVoteEpoch ${config.lastVoteEpoch}\n`;
  return latin1(text);
}

/**
 * The cluster a file tells of, or why it cannot be trusted. An empty file is no configuration yet
 * (Redis makes one to lock it): ask for its length first. A current epoch below that of some primary
 * is raised to it, as Redis does.
 */
export function parseClusterConfig(bytes: Uint8Array): ParsedConfig {
  const lines = latin1Text(bytes).split("\n");
  const reading = new Reading();
  const lineCount = lines.length - 1;
  if (lines[lineCount] !== "") return { reason: "the last line is cut off", line: lines.length };
  for (let i = 0; i < lineCount; i++) {
    // Blank lines come from a write that was cut short before the file was truncated.
    const reason = reading.take(lines[i] ?? "");
    if (reason !== "") return { reason, line: i + 1 };
  }
  const reason = reading.missing();
  if (reason !== "") return { reason, line: Math.max(lineCount, 1) };
  return { config: reading.config };
}

/** What the lines so far told. */
class Reading {
  readonly config: ClusterConfig = { nodes: [], currentEpoch: 0, lastVoteEpoch: 0 };
  private readonly ids = new Set<string>();
  private readonly taken = new Uint8Array(2048);
  private hasMyself = false;
  private hasVars = false;

  /** Answers what is wrong with the line, or "". */
  take(line: string): string {
    if (/[^\t\r -~]/.test(line)) return "a character that is not plain text";
    const fields = line.split(/[ \t\r]+/).filter((field) => field !== "");
    if (fields.length === 0) return "";
    if (fields[0]?.toLowerCase() === "vars") return this.takeVars(fields.slice(1));
    const node = parseNodeLine(fields);
    return typeof node === "string" ? node : this.takeNode(node);
  }

  /** Answers what the file lacks, or "". */
  missing(): string {
    if (!this.hasMyself) return "no node is marked myself";
    if (!this.hasVars) return "no vars line";
    for (const node of this.config.nodes) {
      if ((node.flags & NodeFlag.replica) !== 0 && node.primaryId !== "") continue;
      this.config.currentEpoch = Math.max(this.config.currentEpoch, node.configEpoch);
    }
    return "";
  }

  private takeNode(node: NodeRecord): string {
    if (this.ids.has(node.id)) return "a node named twice";
    this.ids.add(node.id);
    if ((node.flags & NodeFlag.myself) !== 0) {
      if (this.hasMyself) return "two nodes are marked myself";
      this.hasMyself = true;
    }
    for (const [first, last] of slotRanges(node.slots)) {
      for (let slot = first; slot <= last; slot++) {
        if (hasSlot(this.taken, slot)) return `slot ${slot} has two owners`;
      }
    }
    for (let i = 0; i < this.taken.length; i++) {
      this.taken[i] = (this.taken[i] ?? 0) | (node.slots[i] ?? 0);
    }
    this.config.nodes.push(node);
    return "";
  }

  /** Unknown variables are passed over, as in Redis. */
  private takeVars(fields: readonly string[]): string {
    if (this.hasVars) return "a second vars line";
    if (fields.length % 2 !== 0) return "a variable without a value";
    const values = new Map<string, number>();
    for (let i = 0; i < fields.length; i += 2) {
      const name = fields[i]?.toLowerCase() ?? "";
      if (name !== "currentepoch" && name !== "lastvoteepoch") continue;
      const value = wholeNumber(fields[i + 1] ?? "");
      if (value === undefined) return `a malformed ${fields[i]}`;
      values.set(name, value);
    }
    const currentEpoch = values.get("currentepoch");
    const lastVoteEpoch = values.get("lastvoteepoch");
    if (currentEpoch === undefined) return "no currentEpoch";
    if (lastVoteEpoch === undefined) return "no lastVoteEpoch";
    this.config.currentEpoch = currentEpoch;
    this.config.lastVoteEpoch = lastVoteEpoch;
    this.hasVars = true;
    return "";
  }
}
