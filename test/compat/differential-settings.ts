/** What the runs set, and what is put back between two of them. */

type Directive = readonly [directive: string, value: string];

/** Thresholds so low that values change their encoding all the time. */
export const tinyEncodings: readonly Directive[] = [
  ["hash-max-listpack-entries", "4"],
  ["hash-max-listpack-value", "8"],
  ["list-max-listpack-size", "3"],
  ["set-max-intset-entries", "4"],
  ["zset-max-listpack-entries", "4"],
  ["zset-max-listpack-value", "8"],
  ["stream-node-max-entries", "3"],
  ["hll-sparse-max-bytes", "100"],
];

export const usualEncodings: readonly Directive[] = [
  ["hash-max-listpack-entries", "128"],
  ["hash-max-listpack-value", "64"],
  ["list-max-listpack-size", "-2"],
  ["set-max-intset-entries", "512"],
  ["zset-max-listpack-entries", "128"],
  ["zset-max-listpack-value", "64"],
  ["stream-node-max-entries", "100"],
  ["hll-sparse-max-bytes", "3000"],
];

/** The largest element of a list that shares a node with others: DEBUG QUICKLIST-PACKED-THRESHOLD. */
export const packedThreshold = { tiny: "50", usual: "0" };

/**
 * What keys count: nothing, how often they are used (without chance: no decay, and each use counts), how long they are
 * not. Where memory has a bound, integers are not shared.
 */
export const memoryPolicies: readonly (readonly string[])[] = [
  ["maxmemory", "0", "maxmemory-policy", "noeviction"],
  ["maxmemory", "0", "maxmemory-policy", "noeviction"],
  ["maxmemory", "3gb", "maxmemory-policy", "volatile-lru"],
  [
    "maxmemory",
    "3gb",
    "maxmemory-policy",
    "allkeys-lfu",
    "lfu-log-factor",
    "0",
    "lfu-decay-time",
    "0",
  ],
];

/** Every directive above. */
export const changedDirectives: readonly string[] = [
  ...new Set([
    ...[...tinyEncodings, ...usualEncodings].map(([directive]) => directive),
    ...memoryPolicies.flatMap((words) => words.filter((_, at) => at % 2 === 0)),
  ]),
];
