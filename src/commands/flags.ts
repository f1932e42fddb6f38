/**
 * Command flags and ACL categories: their names on the wire, in the order of COMMAND INFO (the bit
 * order of Redis 7.0's server.h), and how categories follow from flags (acl.c).
 */
import { CommandFlag } from "../../assembly/command-ids.ts";
import { assert } from "../base/assert.ts";

const flagBits = {
  write: CommandFlag.Write,
  readonly: CommandFlag.ReadOnly,
  denyoom: CommandFlag.DenyOom,
  admin: CommandFlag.Admin,
  pubsub: CommandFlag.PubSub,
  noscript: CommandFlag.NoScript,
  blocking: CommandFlag.Blocking,
  loading: CommandFlag.Loading,
  stale: CommandFlag.Stale,
  skip_monitor: CommandFlag.SkipMonitor,
  skip_slowlog: CommandFlag.SkipSlowlog,
  asking: CommandFlag.Asking,
  fast: CommandFlag.Fast,
  no_auth: CommandFlag.NoAuth,
  no_mandatory_keys: CommandFlag.NoMandatoryKeys,
  no_async_loading: CommandFlag.NoAsyncLoading,
  no_multi: CommandFlag.NoMulti,
  movablekeys: CommandFlag.MovableKeys,
  allow_busy: CommandFlag.AllowBusy,
} as const;

/** Flags that Redis keeps to itself or that only Atoll has. */
const innerFlagBits = {
  may_replicate: CommandFlag.MayReplicate,
  protected: CommandFlag.Protected,
  not_queued: CommandFlag.NotQueued,
  subscriber: CommandFlag.Subscriber,
} as const;

export const categoryNames = [
  "keyspace",
  "read",
  "write",
  "set",
  "sortedset",
  "list",
  "hash",
  "string",
  "bitmap",
  "hyperloglog",
  "geo",
  "stream",
  "pubsub",
  "admin",
  "fast",
  "slow",
  "blocking",
  "dangerous",
  "connection",
  "transaction",
  "scripting",
] as const;

export type Category = (typeof categoryNames)[number];

/** The `CommandFlag` sum of space-separated flag names; an unknown name is our own mistake. */
export function parseFlags(names: string): number {
  const known: Readonly<Record<string, number>> = { ...flagBits, ...innerFlagBits };
  let bits = 0;
  for (const name of words(names)) {
    const bit = known[name];
    assert(bit !== undefined, `unknown command flag "${name}"`);
    bits |= bit;
  }
  return bits;
}

/** What COMMAND INFO lists, in its order. */
export function flagNames(bits: number): string[] {
  return Object.entries(flagBits)
    .filter(([, bit]) => (bits & bit) !== 0)
    .map(([name]) => name);
}

/** Explicit categories and those that the flags imply, in Redis's order. */
export function categoriesOf(explicit: string, bits: number): Category[] {
  const has = (bit: CommandFlag): boolean => (bits & bit) !== 0;
  const chosen = new Set<string>(words(explicit));
  for (const name of chosen) {
    assert((categoryNames as readonly string[]).includes(name), `unknown ACL category "${name}"`);
  }
  if (has(CommandFlag.Write)) chosen.add("write");
  // Scripts only pass keys on: that EVAL_RO reads is not a property of EVAL_RO (acl.c).
  if (has(CommandFlag.ReadOnly) && !chosen.has("scripting")) chosen.add("read");
  if (has(CommandFlag.Admin)) chosen.add("admin").add("dangerous");
  if (has(CommandFlag.PubSub)) chosen.add("pubsub");
  if (has(CommandFlag.Blocking)) chosen.add("blocking");
  chosen.add(has(CommandFlag.Fast) ? "fast" : "slow");
  return categoryNames.filter((name) => chosen.has(name));
}

export function words(text: string): string[] {
  return text.split(" ").filter((word) => word !== "");
}
