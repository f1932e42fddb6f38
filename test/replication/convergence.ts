/** Random writes of all types to a primary; an Atoll and a redis-server replica must come to hold the same data. */
import { Prng } from "../../src/base/prng.ts";
import { genericCommands, stringCommands, withoutSoon } from "../compat/differential-commands.ts";
import { choose } from "../compat/differential-generate.ts";
import { ask, offset } from "../compat/differential-replicas.ts";
import { encodeStep, showText } from "../compat/differential-step.ts";
import { typeCommands } from "../compat/differential-types.ts";
import { Values } from "../compat/differential-values.ts";
import { Wire } from "../compat/differential-wire.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { Recent, showDifference } from "./difference.ts";

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
  /** The keys that differ and the last commands on them; empty while nothing differs. */
  readonly difference: string;
  /** Of the primary at the end. */
  readonly dirty: number;
}

const PIPELINE = 100;
/** Characters of the primary's log, after a failure. */
const LOG_SHOWN = 4000;
const ANSWERED_WITHIN_MS = 30_000;
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
    // Redis looks for clients whose time is over when its clock ticks.
    if (real) await ask(wires[0] as Wire, "CONFIG", "SET", "hz", "500");
    const names = [real ? "redis-server" : "Atoll", "Atoll as replica", "redis-server as replica"];
    return await write(wires, names, options);
  } catch (reason) {
    throw new Error(`${reason}\nthe primary's log: ${servers[0]?.log.slice(-LOG_SHOWN)}`);
  } finally {
    for (const wire of wires) wire.close();
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function write(
  wires: readonly Wire[],
  names: readonly string[],
  options: ConvergenceOptions,
): Promise<ConvergenceResult> {
  const [primary] = wires as [Wire];
  const prng = new Prng(options.seed);
  const source = { prng, values: new Values(prng, false) };
  const families = [stringCommands, typeCommands, typeCommands, genericCommands];
  const recent = new Recent();
  let digests = await digestsOf(wires);
  for (let sent = 0; sent < options.commands; ) {
    const until = Math.min(sent + options.every, options.commands);
    while (sent < until) {
      const count = Math.min(PIPELINE, until - sent);
      const batch: string[][] = [];
      while (batch.length < count) {
        const args = withoutSoon(choose(prng.pick(families), source));
        const skip =
          args.length === 0 ||
          testing(args) ||
          partly(args) ||
          (options.realPrimary === true && computing(args)) ||
          (emptying(args) && prng.chance(0.95));
        batch.push(skip ? ["PING"] : apart(impatient(args)));
      }
      primary.send(Buffer.concat(batch.map(encodeStep)));
      const replies = await primary.replies(count, ANSWERED_WITHIN_MS);
      for (const [at, reply] of replies.entries()) recent.add(sent + at, batch[at] ?? [], reply);
      if (replies.length < count) {
        const words = (batch[replies.length] ?? []).map((word) => showText(word)).join(" ");
        throw new Error(`no reply to command ${sent + replies.length}: ${words}`);
      }
      sent += count;
    }
    digests = await digestsOf(wires);
    if (new Set(digests).size > 1) {
      const difference = await showDifference(wires, names, recent);
      return { differedAfter: sent, digests, difference, dirty: 0 };
    }
    recent.forget();
  }
  const text = String(await ask(primary, "INFO", "persistence"));
  const dirty = Number(/rdb_changes_since_last_save:(\d+)/.exec(text)?.[1] ?? 0);
  return { differedAfter: undefined, digests, difference: "", dirty };
}

/** BITFIELD makes the string longer even for what OVERFLOW FAIL then does not write; in Redis neither is that replicated. */
function partly(args: readonly string[]): boolean {
  return /^bitfield$/i.test(args[0] ?? "") && args.some((each) => /^fail$/i.test(each));
}

/** PFSELFTEST writes nothing, and takes redis-server most of a second. */
function testing(args: readonly string[]): boolean {
  return /^pfselftest$/i.test(args[0] ?? "");
}

/** A command that blocks should wait no longer than it has to: nobody comes to serve it. */
function impatient(args: readonly string[]): readonly string[] {
  return /^b[lrz]/i.test(args[0] ?? "")
    ? args.map((arg) => (arg === "0.01" ? "0.001" : arg))
    : args;
}

/** Redis lets its replicas compute distances again, and another C library computes other last bits. */
function computing(args: readonly string[]): boolean {
  return /^geo/i.test(args[0] ?? "") && args.some((each) => /^storedist$/i.test(each));
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
