/** Cluster mode: slots that come and go, and what commands on their keys are told. */
import type { Prng } from "../../src/base/prng.ts";
import { keys } from "./differential-values.ts";

/** CRC16 (XMODEM) of the key or of what stands between its first braces; cluster specification, "Hash tags". */
export function slotOfKey(key: string): number {
  const open = key.indexOf("{");
  const close = open < 0 ? -1 : key.indexOf("}", open + 1);
  const hashed = close > open + 1 ? key.slice(open + 1, close) : key;
  let crc = 0;
  for (let at = 0; at < hashed.length; at++) {
    crc ^= hashed.charCodeAt(at) << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc % 16_384;
}

const keySlots = [...new Set(keys.map(slotOfKey))];

/** Every slot that a step may take from the node: those of the keys, and their neighbours. */
export const movingSlots: readonly number[] = [
  ...new Set(keySlots.flatMap((slot) => [slot, (slot + 1) % 16_384])),
].sort((left, right) => left - right);

/** `<self>` and `<peer>` stand for node IDs, which differ from server to server. */
export function slotChange(prng: Prng): string[] {
  // Most keys carry the same tag: its slot is where things should happen.
  const slot = prng.chance(0.6) ? slotOfKey("{t}1") : prng.pick(movingSlots);
  const text = String(slot);
  switch (prng.below(14)) {
    case 0:
      return ["CLUSTER", "DELSLOTS", text];
    case 1:
    case 2:
      return ["CLUSTER", "ADDSLOTS", text];
    case 3:
      return ["CLUSTER", "DELSLOTS", text, String(prng.pick(movingSlots))];
    case 4:
      return ["CLUSTER", "ADDSLOTSRANGE", text, text];
    case 5:
      return ["CLUSTER", "DELSLOTSRANGE", text, text];
    case 6:
    case 7:
      return ["CLUSTER", "SETSLOT", text, "MIGRATING", "<peer>"];
    case 8:
      return ["CLUSTER", "SETSLOT", text, "IMPORTING", "<peer>"];
    case 9:
    case 10:
      return ["CLUSTER", "SETSLOT", text, "STABLE"];
    case 11:
      return ["CLUSTER", "SETSLOT", text, "NODE", "<peer>"];
    default:
      return ["CLUSTER", "SETSLOT", text, "NODE", "<self>"];
  }
}

const tagSlot = String(slotOfKey("{t}1"));

/** The slots are this node's again, and nothing is under way with them. */
export function wholeAgain(slots: Iterable<string>): (readonly string[])[] {
  return [...slots].flatMap((slot) => [
    ["CLUSTER", "SETSLOT", slot, "NODE", "<self>"],
    ["CLUSTER", "SETSLOT", slot, "STABLE"],
  ]);
}

type Scene = readonly (readonly string[])[];

/** Keys that are there are served, for others and for some of several the client is sent away. */
const migrating: Scene = [["CLUSTER", "SETSLOT", tagSlot, "MIGRATING", "<peer>"]];
/** Only after ASKING, and several keys only when all are there. */
export const importing: Scene = [
  ["CLUSTER", "SETSLOT", tagSlot, "NODE", "<peer>"],
  ["CLUSTER", "SETSLOT", tagSlot, "IMPORTING", "<peer>"],
];
const gone: Scene = [["CLUSTER", "SETSLOT", tagSlot, "NODE", "<peer>"]];

export const scenes: readonly Scene[] = [migrating, migrating, importing, importing, gone, []];

/** Commands whose keys may lie in several slots, or be there only in part. */
const manyKeys =
  /^(?:[zs](?:union|inter|diff)(?:store|card)?|b?[lz]mpop|bz?[lr]?pop(?:min|max)?|b?lmove|b?rpoplpush|xread(?:group)?|sort(?:_ro)?|geosearchstore|georadius(?:bymember)?|zrangestore|bitop|pfmerge|pfcount|smove|m(?:get|set|setnx)|lcs|rename(?:nx)?|copy|del|unlink|exists|touch)$/;

export function hasManyKeys(args: readonly string[]): boolean {
  return manyKeys.test((args[0] ?? "").toLowerCase());
}

/** Questions and mistakes; they change nothing, so any client may ask, inside MULTI too. */
export function clusterQuestion(prng: Prng): string[] {
  const slot = String(prng.pick(movingSlots));
  switch (prng.below(12)) {
    case 0:
      return ["CLUSTER", "KEYSLOT", prng.pick(keys)];
    case 1:
    case 2:
      return ["CLUSTER", "COUNTKEYSINSLOT", slot];
    case 3:
      return ["CLUSTER", "GETKEYSINSLOT", slot, prng.pick(["100", "0", "-1", "x"])];
    case 4:
      return ["ASKING"];
    case 5:
      return ["READONLY"];
    case 6:
      return ["READWRITE"];
    default:
      return [...prng.pick(fixedQuestions)];
  }
}

const fixedQuestions: readonly (readonly string[])[] = [
  ["CLUSTER", "INFO"],
  ["CLUSTER", "INFO", "x"],
  ["CLUSTER", "MYID"],
  ["CLUSTER", "SLOTS"],
  ["CLUSTER", "SHARDS"],
  ["CLUSTER", "NODES"],
  ["CLUSTER", "ADDSLOTS"],
  ["CLUSTER", "ADDSLOTS", "x"],
  ["CLUSTER", "ADDSLOTS", "-1"],
  ["CLUSTER", "ADDSLOTS", "16384"],
  ["CLUSTER", "ADDSLOTS", "1", "1"],
  ["CLUSTER", "DELSLOTS", "16384"],
  ["CLUSTER", "DELSLOTS", "1", "1"],
  ["CLUSTER", "ADDSLOTSRANGE", "1"],
  ["CLUSTER", "ADDSLOTSRANGE", "1", "2", "3"],
  ["CLUSTER", "ADDSLOTSRANGE", "5", "4"],
  ["CLUSTER", "ADDSLOTSRANGE", "0", "16384"],
  ["CLUSTER", "ADDSLOTSRANGE", "1", "3"],
  ["CLUSTER", "DELSLOTSRANGE", "x", "4"],
  ["CLUSTER", "DELSLOTSRANGE", "5", "4"],
  ["CLUSTER", "DELSLOTSRANGE", "1", "3", "2", "4"],
  ["CLUSTER", "SETSLOT", "1"],
  ["CLUSTER", "SETSLOT", "x", "STABLE"],
  ["CLUSTER", "SETSLOT", "16384", "STABLE"],
  ["CLUSTER", "SETSLOT", "1", "STABLE", "x"],
  ["CLUSTER", "SETSLOT", "1", "MIGRATING"],
  ["CLUSTER", "SETSLOT", "1", "MIGRATING", "nosuch"],
  ["CLUSTER", "SETSLOT", "1", "MIGRATING", "<self>"],
  ["CLUSTER", "SETSLOT", "1", "IMPORTING", "nosuch"],
  ["CLUSTER", "SETSLOT", "1", "IMPORTING", "<peer>"],
  ["CLUSTER", "SETSLOT", "1", "NODE", "nosuch"],
  ["CLUSTER", "SETSLOT", "1", "NOSUCH", "<peer>"],
  ["CLUSTER", "COUNTKEYSINSLOT", "x"],
  ["CLUSTER", "COUNTKEYSINSLOT", "-1"],
  ["CLUSTER", "COUNTKEYSINSLOT", "16384"],
  ["CLUSTER", "GETKEYSINSLOT", "16384", "1"],
  ["CLUSTER", "GETKEYSINSLOT", "x", "1"],
  ["CLUSTER", "KEYSLOT"],
  ["CLUSTER", "FORGET", "nosuch"],
  ["CLUSTER", "FORGET", "<self>"],
  ["CLUSTER", "REPLICATE", "nosuch"],
  ["CLUSTER", "REPLICATE", "<self>"],
  ["CLUSTER", "REPLICAS", "nosuch"],
  ["CLUSTER", "REPLICAS", "<self>"],
  ["CLUSTER", "SLAVES", "<peer>"],
  ["CLUSTER", "COUNT-FAILURE-REPORTS", "nosuch"],
  ["CLUSTER", "COUNT-FAILURE-REPORTS", "<peer>"],
  ["CLUSTER", "FAILOVER"],
  ["CLUSTER", "FAILOVER", "FORCE"],
  ["CLUSTER", "FAILOVER", "NOSUCH"],
  ["CLUSTER", "FAILOVER", "FORCE", "x"],
  ["CLUSTER", "RESET", "NOSUCH"],
  ["CLUSTER", "RESET", "HARD", "x"],
  ["CLUSTER", "SET-CONFIG-EPOCH", "7"],
  ["CLUSTER", "SET-CONFIG-EPOCH", "x"],
  ["CLUSTER", "SET-CONFIG-EPOCH", "-1"],
  ["CLUSTER", "MEET", "nosuch", "1"],
  ["CLUSTER", "MEET", "127.0.0.1", "x"],
  ["CLUSTER", "MEET", "127.0.0.1", "0"],
  ["CLUSTER", "MEET", "127.0.0.1", "65536"],
  ["CLUSTER", "MEET", "127.0.0.1", "1", "x"],
  ["CLUSTER", "MEET", "127.0.0.1"],
  ["CLUSTER", "FLUSHSLOTS", "x"],
  ["CLUSTER", "LINKS", "x"],
  ["CLUSTER", "SAVECONFIG"],
  ["CLUSTER", "HELP"],
  ["CLUSTER", "NOSUCH"],
  ["CLUSTER"],
];
