/** What the tests of lists share: settings and random commands. */
import { Setting } from "../../assembly/settings.ts";
import type { Instance } from "../engine/harness.ts";

export function limit(instance: Instance, fill: number, packedThreshold = 0): void {
  instance.engine.set(Setting.ListMaxListpackSize, fill);
  instance.engine.set(Setting.QuicklistPackedThreshold, packedThreshold);
}

export const words = [
  "a",
  "b",
  "1",
  "-5",
  "70000",
  "",
  "12345678901",
  "x".repeat(25),
  "y".repeat(90),
];

export function randomWord(random: () => number): string {
  const kind = random() % 20;
  if (kind < 14) return words[random() % words.length]!;
  if (kind < 17) return String((random() | 0) >> (random() % 32));
  return "abc"[random() % 3]!.repeat(random() % (kind === 19 ? 3000 : 100));
}

export function randomCommand(random: () => number): string[] {
  const key = `l${random() % 3}`;
  const index = String((random() % 30) - 15);
  const word = (): string => randomWord(random);
  const side = (): string => (random() % 2 === 0 ? "left" : "right");
  const name = ["rpush", "lpush", "rpush", "lpush", "lpop", "rpop", "llen", "lindex", "lrange"];
  name.push("ltrim", "lset", "linsert", "linsert", "linsert", "lrem", "lpos", "lmove", "lmove");
  const chosen = name[random() % name.length]!;
  switch (chosen) {
    case "rpush":
    case "lpush":
      return [chosen, key, ...Array.from({ length: 1 + (random() % 5) }, word)];
    case "lpop":
    case "rpop":
      return random() % 2 === 0 ? [chosen, key] : [chosen, key, String(random() % 8)];
    case "llen":
      return [chosen, key];
    case "lindex":
      return [chosen, key, index];
    case "lrange":
      return [chosen, key, index, String((random() % 30) - 15)];
    case "ltrim":
      return [chosen, key, String(random() % 3), String(-1 - (random() % 3))];
    case "lset":
    case "lrem":
      return [chosen, key, index, word()];
    case "linsert":
      return [chosen, key, random() % 2 === 0 ? "after" : "before", word(), word()];
    case "lpos":
      return [chosen, key, word(), String(random() % 2 === 0 ? 1 + (random() % 3) : -1)];
    default:
      return [chosen, key, `l${random() % 3}`, side(), side()];
  }
}

/** LPOS answers all from its rank on. */
export function asSent(args: readonly string[]): string[] {
  if (args[0] !== "lpos") return [...args];
  return [args[0], args[1]!, args[2]!, "rank", args[3]!, "count", "0"];
}

export const limits = [
  [-2, 0],
  [-1, 0],
  [1, 0],
  [3, 0],
  [5, 20],
  [-2, 60],
  [0, 0],
] as const;
