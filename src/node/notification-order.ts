/**
 * Some commands of Redis 7.0 tell of what happened to a key before they reply, others afterwards, or in between. Only a
 * client that hears of its own commands can tell, which needs RESP3.
 */
import { Command } from "../../assembly/command-ids.ts";

const pushes = ["lpush", "rpush"];
const pops = ["lpop", "rpop"];
const expiries = ["expire", "persist", "del"];

/** By command: the reply goes before the first of these events. */
const eventsBehindReply: ReadonlyMap<Command, readonly string[]> = new Map([
  [Command.GetSet, ["new", "set"]],
  [Command.GetEx, expiries],
  [Command.GetDel, ["del"]],
  [Command.BitField, ["setbit"]],
  [Command.Expire, ["expire"]],
  [Command.PExpire, ["expire"]],
  [Command.ExpireAt, ["expire"]],
  [Command.PExpireAt, ["expire"]],
  [Command.LPush, pushes],
  [Command.RPush, pushes],
  [Command.LPushX, pushes],
  [Command.RPushX, pushes],
  [Command.LSet, ["lset"]],
  [Command.LPop, pops],
  [Command.RPop, pops],
  [Command.LMPop, pops],
  [Command.BLPop, pops],
  [Command.BRPop, pops],
  [Command.BLMPop, pops],
  [Command.LMove, pops],
  [Command.RPopLPush, pops],
  [Command.BLMove, pops],
  [Command.BRPopLPush, pops],
  [Command.SPop, ["del"]],
  [Command.SInterStore, ["sinterstore"]],
  [Command.SUnionStore, ["sunionstore"]],
  [Command.SDiffStore, ["sdiffstore"]],
  [Command.HSet, ["hset"]],
  [Command.HMSet, ["hset"]],
  [Command.HSetNx, ["hset"]],
  [Command.HIncrBy, ["hincrby"]],
  [Command.HIncrByFloat, ["hincrbyfloat"]],
  [Command.ZAdd, ["zadd", "zincr"]],
  [Command.ZIncrBy, ["zincr"]],
  [Command.GeoAdd, ["zadd"]],
  [Command.ZUnionStore, ["zunionstore", "del"]],
  [Command.ZInterStore, ["zinterstore", "del"]],
  [Command.ZDiffStore, ["zdiffstore", "del"]],
  [Command.ZRangeStore, ["zrangestore", "del"]],
  [Command.XAdd, ["xadd"]],
  [Command.XGroup, ["xgroup-create", "xgroup-setid", "xgroup-destroy"]],
  [Command.XSetId, ["xsetid"]],
]);

/** `firstByte`: of the reply, which tells SET with GET. */
export function isBehindReply(command: Command, event: string, firstByte: number): boolean {
  if (command === Command.Set) return firstByte !== plus && (event === "new" || event === "set");
  return eventsBehindReply.get(command)?.includes(event) === true;
}

const plus = 0x2b;
