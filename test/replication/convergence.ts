/** Random writes of all types to a primary; an Atoll and a redis-server replica must come to hold the same data. */
import { Prng } from "../../src/base/prng.ts";
import { genericCommands, stringCommands, withoutSoon } from "../compat/differential-commands.ts";
import { choose } from "../compat/differential-generate.ts";
import { ask, offset } from "../compat/differential-replicas.ts";
import { encodeStep } from "../compat/differential-step.ts";
import { typeCommands } from "../compat/differential-types.ts";
import { Values } from "../compat/differential-values.ts";
import { Wire } from "../compat/differential-wire.ts";
import { startServer, type TestServer } from "../support/server.ts";

export interface ConvergenceOptions {
  readonly seed: number;
  readonly commands: number;
  /** Digests are compared after so many commands each. */
  readonly every: number;
  /** The primary is redis-server instead of Atoll. */
  readonly realPrimary?: boolean;
}

export interface ConvergenceResult {
  /** Commands sent when the digests differed first; undefined: they never did. */
  readonly differedAfter: number | undefined;
  readonly digests: readonly string[];
  /** Of the primary at the end. */
  readonly dirty: number;
}

const PIPELINE = 100;
const CAUGHT_UP_WITHIN_MS = 60_000;

export async function runConvergence(options: ConvergenceOptions): Promise<ConvergenceResult> {
  const debug = ["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"];
  const real = options.realPrimary === true;
  const servers: TestServer[] = [await startServer({ real, args: debug })];
  const wires: Wire[] = [];
  try {
    const follow = ["--replicaof", "127.0.0.1", String(servers[0]?.port)];
    servers.push(await startServer({ args: [...debug, ...follow] }));
    servers.push(await startServer({ real: true, args: [...debug, ...follow] }));
    for (const server of servers) wires.push(await Wire.open(server.port));
    return await write(wires, options);
  } finally {
    for (const wire of wires) wire.close();
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function write(
  wires: readonly Wire[],
  options: ConvergenceOptions,
): Promise<ConvergenceResult> {
  const [primary] = wires as [Wire];
  const prng = new Prng(options.seed);
  const source = { prng, values: new Values(prng, false) };
  const families = [stringCommands, typeCommands, typeCommands, genericCommands];
  let digests = await digestsOf(wires);
  for (let sent = 0; sent < options.commands; ) {
    const until = Math.min(sent + options.every, options.commands);
    while (sent < until) {
      const count = Math.min(PIPELINE, until - sent);
      for (let index = 0; index < count; index += 1) {
        const args = withoutSoon(choose(prng.pick(families), source));
        const skip = args.length === 0 || partly(args) || (emptying(args) && prng.chance(0.95));
        primary.send(encodeStep(skip ? ["PING"] : apart(args)));
      }
      const { length } = await primary.replies(count);
      if (length < count) throw new Error(`${count} commands were answered by ${length} replies`);
      sent += count;
    }
    digests = await digestsOf(wires);
    if (new Set(digests).size > 1) return { differedAfter: sent, digests, dirty: 0 };
  }
  const text = String(await ask(primary, "INFO", "persistence"));
  const dirty = Number(/rdb_changes_since_last_save:(\d+)/.exec(text)?.[1] ?? 0);
  return { differedAfter: undefined, digests, dirty };
}

/** BITFIELD makes the string longer even for what OVERFLOW FAIL then does not write; in Redis neither is that replicated. */
function partly(args: readonly string[]): boolean {
  return /^bitfield$/i.test(args[0] ?? "") && args.some((each) => /^fail$/i.test(each));
}

/** Data should grow old enough to be changed in many ways before it goes. */
function emptying(args: readonly string[]): boolean {
  return /^(flushall|flushdb|swapdb)$/i.test(args[0] ?? "");
}

/**
 * HyperLogLogs under keys that nothing else writes to: PFADD on a damaged one changes some of it before it finds the
 * damage, and what ends with an error is not replicated (in Redis neither).
 */
function apart(args: readonly string[]): string[] {
  const [name = "", ...rest] = args;
  if (!/^pf/i.test(name)) return [...args];
  const keys = /^pfadd$/i.test(name) ? 1 : rest.length;
  return [name, ...rest.map((each, at) => (at < keys ? `hll:${each}` : each))];
}

/** DEBUG DIGEST of all, once the replicas have all that the primary sent. */
async function digestsOf(wires: readonly Wire[]): Promise<string[]> {
  const [primary, ...replicas] = wires as [Wire, ...Wire[]];
  const deadline = Date.now() + CAUGHT_UP_WITHIN_MS;
  for (const replica of replicas) {
    for (;;) {
      const wanted = await offset(primary, "master_repl_offset");
      if ((await offset(replica, "slave_repl_offset")) === wanted) break;
      if (Date.now() > deadline) return ["(a replica does not catch up)", ""];
      await Bun.sleep(5);
    }
  }
  return await Promise.all(wires.map(async (wire) => String(await ask(wire, "DEBUG", "DIGEST"))));
}
