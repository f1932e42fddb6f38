/**
 * A cluster of virtual machines under one virtual clock; all that happens follows from the seed.
 */
import { Prng } from "../../src/base/prng.ts";
import type { ClusterOptions } from "../../src/cluster/options.ts";
import { BrokenInvariant, Invariants, viewOf } from "./checks.ts";
import { Network } from "./network.ts";
import { type Sabotage, SimNode, type World } from "./sim-node.ts";

export interface SimulationOptions {
  readonly seed: number;
  /** See Invariants. */
  readonly strict?: boolean;
  readonly sabotage?: Sabotage;
  readonly directives?: Partial<ClusterOptions>;
}

const keptLines = 400;

export class Simulation implements World {
  nowMs = 1_700_000_000_000;
  readonly prng: Prng;
  readonly network: Network;
  readonly invariants: Invariants;
  readonly nodes: SimNode[] = [];
  readonly sabotage: Sabotage;
  readonly seed: number;
  crashBetweenEffects = 0;
  onVote: (voter: SimNode) => void = () => {};
  /** What happened last, for the report of a failure. */
  readonly lines: string[] = [];
  steps = 0;
  private readonly queue: { at: number; order: number; run: () => void }[] = [];
  private order = 0;

  constructor(private readonly options: SimulationOptions) {
    this.seed = options.seed;
    this.prng = new Prng(options.seed);
    this.network = new Network(this, this.prng);
    this.invariants = new Invariants(options.strict ?? true);
    this.sabotage = options.sabotage ?? ((effects) => effects);
  }

  add(name: string): SimNode {
    const directives = { nodeTimeoutMs: 2000, ...this.options.directives };
    const node = new SimNode(name, this.nodes.length, this, directives);
    this.nodes.push(node);
    this.network.add(node);
    node.start();
    return node;
  }

  node(name: string): SimNode {
    const node = this.nodes.find((candidate) => candidate.name === name);
    if (node === undefined) throw new Error(`no node ${name}`);
    return node;
  }

  note(line: string): void {
    this.lines.push(`${String(this.nowMs % 10_000_000).padStart(7)} ${line}`);
    if (this.lines.length > keptLines) this.lines.shift();
  }

  after(delayMs: number, run: () => void): void {
    const item = { at: this.nowMs + delayMs, order: this.order++, run };
    // A binary heap by time, then by order of making.
    let i = this.queue.push(item) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(item, this.queue[parent])) break;
      this.queue[i] = this.queue[parent] as typeof item;
      i = parent;
    }
    this.queue[i] = item;
  }

  step(): void {
    const first = this.queue[0];
    const last = this.queue.pop();
    if (first === undefined || last === undefined) throw new Error("nothing is left to happen");
    if (this.queue.length > 0) this.sink(last);
    this.nowMs = first.at;
    this.steps++;
    first.run();
  }

  run(durationMs: number): void {
    const endMs = this.nowMs + durationMs;
    while ((this.queue[0]?.at ?? endMs) < endMs) this.step();
    this.nowMs = endMs;
  }

  /** Runs until the condition holds (looked at each 50 ms); throws when it takes too long. */
  until(what: string, limitMs: number, condition: () => boolean): number {
    const startMs = this.nowMs;
    while (!condition()) {
      if (this.nowMs - startMs > limitMs) {
        throw new BrokenInvariant(`after ${limitMs} ms still not: ${what}\n${this.describe()}`);
      }
      this.run(50);
    }
    return this.nowMs - startMs;
  }

  /** All that run see the same owners, epochs and roles, nobody as down, and the cluster as ok. */
  agreed(): boolean {
    const views = new Set<string>();
    for (const { up, core } of this.nodes) {
      if (!up) continue;
      if (core.queries.state !== "ok") return false;
      views.add(viewOf(core.queries.config()));
    }
    const [view = ""] = views;
    return views.size === 1 && !view.includes(" down ");
  }

  /** Mends everything, and waits until all agree. */
  healAndAgree(limitMs = 60_000): void {
    this.network.heal();
    this.network.delayMaxMs = 20;
    this.crashBetweenEffects = 0;
    this.onVote = () => {};
    for (const node of this.nodes) if (!node.up) node.start();
    this.until("all agree", limitMs, () => this.agreed());
    this.run(3000);
    this.until("all still agree", limitMs, () => this.agreed());
  }

  describe(): string {
    return this.nodes
      .map(({ name, up, core }) => {
        const state = up ? core.queries.state : "down";
        return `${name} ${state}\n${core.queries.nodes(false)}`;
      })
      .join("");
  }

  private sink(item: { at: number; order: number; run: () => void }): void {
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= this.queue.length) break;
      if (before(this.queue[child + 1], this.queue[child])) child++;
      if (!before(this.queue[child], item)) break;
      this.queue[i] = this.queue[child] as typeof item;
      i = child;
    }
    this.queue[i] = item;
  }
}

interface Timed {
  readonly at: number;
  readonly order: number;
}

function before(left: Timed | undefined, right: Timed | undefined): boolean {
  if (left === undefined) return false;
  if (right === undefined) return true;
  return left.at < right.at || (left.at === right.at && left.order < right.order);
}
