/** What to tell when a replica does not hold what its primary holds: the keys, and what was last done to them. */
import { ask } from "../compat/differential-replicas.ts";
import { nameOf, showText } from "../compat/differential-step.ts";
import { bulkOf, itemsOf, type Wire } from "../compat/differential-wire.ts";

/** Of each differing key, as many of its last commands are told; and of so many keys. */
const COMMANDS_SHOWN = 30;
const KEYS_SHOWN = 5;
const DATABASES = 16;
const TEXT_MAX = 160;

interface Done {
  readonly at: number;
  readonly database: number;
  readonly args: readonly string[];
  readonly reply: string;
}

/** The commands since the servers agreed last, with the database each was for. */
export class Recent {
  private done: Done[] = [];
  private database = 0;

  add(at: number, args: readonly string[], reply: Buffer): void {
    const name = nameOf(args);
    if (name === "select" && reply[0] === 0x2b) this.database = Number(args[1]);
    if (name === "ping") return;
    const { database } = this;
    this.done.push({ at, database, args, reply: reply.toString("latin1", 0, TEXT_MAX) });
  }

  /** All servers agree: what was done before is of no more interest. */
  forget(): void {
    this.done = [];
  }

  /** The last commands that name the key, from any database (COPY, MOVE and SWAPDB reach across), oldest first. */
  of(key: string): string[] {
    const named = this.done.filter(({ args }) => args.includes(key) || reachesAll(args));
    return named.slice(-COMMANDS_SHOWN).map(showDone);
  }
}

function reachesAll(args: readonly string[]): boolean {
  return /^(flushall|flushdb|swapdb)$/.test(nameOf(args));
}

function showDone({ at, database, args, reply }: Done): string {
  const words = args.map((arg) => showText(arg, TEXT_MAX)).join(" ");
  return `    ${at} db ${database}: ${words} -> ${showText(reply, TEXT_MAX)}`;
}

interface Held {
  readonly digest: string;
  readonly expiry: string;
}

/** The keys that some server holds otherwise than the first, with their last commands. */
export async function showDifference(
  wires: readonly Wire[],
  names: readonly string[],
  recent: Recent,
): Promise<string> {
  const lines: string[] = [];
  let shown = 0;
  for (let database = 0; database < DATABASES; database += 1) {
    const held = await Promise.all(wires.map((wire) => keysOf(wire, database)));
    const every = [...new Set(held.flatMap((keys) => [...keys.keys()]))].sort();
    for (const key of every) {
      const one = held.map((keys) => keys.get(key) ?? { digest: "(none)", expiry: "" });
      if (new Set(one.map(({ digest, expiry }) => digest + expiry)).size === 1) continue;
      shown += 1;
      if (shown > KEYS_SHOWN) continue;
      lines.push(`database ${database}, key ${showText(key)}`);
      for (const [index, { digest, expiry }] of one.entries()) {
        const value = await dumpOf(wires[index] as Wire, database, key);
        lines.push(`  ${names[index]}: digest ${digest}, expires ${expiry}, DUMP ${value}`);
      }
      lines.push(...recent.of(key));
    }
  }
  if (shown > KEYS_SHOWN) lines.push(`and ${shown - KEYS_SHOWN} more keys`);
  return lines.length === 0 ? "no single key differs" : lines.join("\n");
}

/** Each key of the database with DEBUG DIGEST-VALUE and the time it expires. */
async function keysOf(wire: Wire, database: number): Promise<Map<string, Held>> {
  await ask(wire, "SELECT", String(database));
  const found = new Map<string, Held>();
  for (const item of itemsOf(await ask(wire, "KEYS", "*")) ?? []) {
    const key = (bulkOf(item) ?? Buffer.alloc(0)).toString("latin1");
    const [digest] = itemsOf(await ask(wire, "DEBUG", "DIGEST-VALUE", key)) ?? [];
    const expiry = String(await ask(wire, "PEXPIRETIME", key)).trim();
    found.set(key, { digest: String(digest).trim(), expiry });
  }
  return found;
}

async function dumpOf(wire: Wire, database: number, key: string): Promise<string> {
  await ask(wire, "SELECT", String(database));
  const payload = bulkOf(await ask(wire, "DUMP", key));
  return payload === undefined ? "(nil)" : showText(payload.toString("latin1"), 600);
}
