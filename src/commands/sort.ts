/** SORT, over lists, sets and sorted sets. */
import { latin1Text } from "../base/bytes.ts";
import { type FoundKey, key, unknownKeys } from "./key-specs.ts";
import { family } from "./row.ts";

const complexity = "O(N+M*log(M)) for N elements of which M are answered; O(N) without sorting";
const patternKeys = unknownKeys("RO access", "For `BY` and `GET`: the elements decide");
const syntax = `key#0 [BY pattern#1:pattern] [LIMIT offset_count(offset:integer count:integer)]
  [GET pattern#1:pattern....] [order(ASC | DESC)] [ALPHA=sorting]`;

export const sortCommands = family(
  { group: "generic", categories: "set sortedset list dangerous", host: false },
  [
    {
      name: "sort",
      arity: -2,
      flags: "write denyoom",
      keys: [
        key(1, "RO access"),
        patternKeys,
        unknownKeys("OW update", "For `STORE`, which may stand anywhere"),
      ],
      moreKeys: storeKey,
      since: "1.0.0",
      complexity,
      summary: "Sorts the elements of a list, set or sorted set, and may store them as a list",
      syntax: `${syntax} [STORE destination#2]`,
    },
    {
      name: "sort_ro",
      arity: -2,
      flags: "readonly",
      keys: [key(1, "RO access"), patternKeys],
      since: "7.0.0",
      complexity,
      summary: "Sorts the elements of a list, set or sorted set",
      syntax,
    },
  ],
);

/** How many arguments follow the options that take any (sortGetKeys in db.c). */
const optionArguments: ReadonlyMap<string, number> = new Map([
  ["limit", 2],
  ["get", 1],
  ["by", 1],
]);

/** The key behind the last STORE. */
function storeKey(argv: readonly Uint8Array[]): readonly FoundKey[] {
  let found: readonly FoundKey[] = [];
  for (let at = 2; at < argv.length; at++) {
    const word = latin1Text(argv[at] ?? new Uint8Array()).toLowerCase();
    if (word === "store" && at + 1 < argv.length) {
      found = [{ at: at + 1, flags: ["OW", "update"] }];
      at++;
    } else at += optionArguments.get(word) ?? 0;
  }
  return found;
}
