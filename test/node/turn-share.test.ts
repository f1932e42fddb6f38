import { expect, test } from "bun:test";
import { inputSliceMs } from "../../src/base/limits.ts";
import type { Clock } from "../../src/node/clock.ts";
import { TurnShare } from "../../src/node/turn-share.ts";

/** Clients, each with so many pieces of work of half a millisecond; what a turn does is noted as `a a | b` and so on. */
class Bench {
  nowMs = 1000;
  readonly done: string[] = [];
  readonly left = new Map<string, number>();
  private turns: (() => void)[] = [];
  readonly share: TurnShare<string>;

  constructor() {
    const clock = { monotonicMs: () => this.nowMs } as Clock;
    const soon = (action: () => void): void => {
      this.turns.push(action);
    };
    this.share = new TurnShare({ clock, soon }, (client) => this.work(client));
  }

  /** Input of a client arrives. */
  receive(client: string, pieces: number): void {
    this.left.set(client, pieces);
    this.share.begin(this.nowMs);
    this.work(client);
  }

  private work(client: string): void {
    for (let left = this.left.get(client) ?? 0; left > 0; left--) {
      this.done.push(client);
      this.nowMs += 0.5;
      this.left.set(client, left - 1);
      if (left > 1 && this.share.isOver(this.nowMs)) {
        this.share.wait(client);
        return;
      }
    }
  }

  /** One turn of the loop; false: nothing was waiting for it. */
  turn(): boolean {
    this.done.push("|");
    const due = this.turns;
    this.turns = [];
    for (const action of due) action();
    return due.length > 0;
  }
}

test("a client that sends much works for its slice in each turn", () => {
  const bench = new Bench();
  bench.receive("a", 10);
  while (bench.turn());
  expect(inputSliceMs).toBe(2);
  expect(bench.done.join("")).toBe("aaaa|aaaa|aa|");
});

test("those who come while others wait do one piece, then take turns with them", () => {
  const bench = new Bench();
  bench.receive("a", 9);
  bench.receive("b", 3);
  bench.receive("c", 1);
  while (bench.turn());
  expect(bench.done.join("")).toBe("aaaabc|aaaa|bba|");
});

test("nobody waits longer than all the others' slices", () => {
  const bench = new Bench();
  for (const client of "abcdef") bench.receive(client, 9);
  while (bench.turn());
  const turns = bench.done.join("").split("|");
  expect(Math.max(...turns.slice(1).map((turn) => turn.length))).toBe(4);
  expect(turns.slice(1, 6).join("")).toBe("aaaabbbbccccddddeeee");
});

test("small input is not held up once nobody waits", () => {
  const bench = new Bench();
  bench.receive("a", 5);
  while (bench.turn());
  bench.nowMs += 100;
  bench.receive("b", 4);
  expect(bench.turn()).toBe(false);
});
