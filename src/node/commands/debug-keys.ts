/** DEBUG OBJECT and DEBUG DIGEST-VALUE: what they say about single keys. */
import { array, error, type ReplyValue, simple } from "../../base/reply.ts";
import type { ListFacts } from "../../engine/key-facts.ts";
import type { HostCall } from "../call.ts";

export function debugObject(call: HostCall): ReplyValue {
  const facts = call.node.engine.inspect(2, { serialize: true });
  if (facts === undefined) return error("ERR no such key");
  const clock = (Math.floor(call.nowMs / 1000) - facts.idleSeconds) & 0xffffff;
  return simple(
    `Value at:0x${facts.address.toString(16).padStart(12, "0")} refcount:${facts.references} ` +
      `encoding:${facts.encoding} serializedlength:${facts.serializedLength} ` +
      `lru:${clock} lru_seconds_idle:${facts.idleSeconds}${listText(call, facts.list)}`,
  );
}

function listText(call: HostCall, list: ListFacts | undefined): string {
  if (list === undefined) return "";
  const compressed = call.node.configuration.get("list-compress-depth") > 0 ? 1 : 0;
  return (
    ` ql_nodes:${list.nodes} ql_avg_node:${(list.elements / list.nodes).toFixed(2)} ` +
    `ql_listpack_max:${list.fill} ql_compressed:${compressed} ql_uncompressed_size:${list.bytes}`
  );
}

/** DEBUG LISTPACK, and below DEBUG QUICKLIST: what Redis prints in full stands in the log here, in a line. */
export function debugListpack(call: HostCall): ReplyValue {
  const facts = call.node.engine.inspect(2, { serialize: true, counts: true });
  if (facts === undefined) return error("ERR no such key");
  const { encoding } = facts;
  if (encoding !== "listpack" && encoding !== "listpackex") {
    return error("ERR Not a listpack encoded object.");
  }
  call.node.log.notice(`DEBUG LISTPACK: ${facts.serializedLength} bytes in a snapshot`);
  return simple("Listpack structure printed on stdout");
}

export function debugQuicklist(call: HostCall): ReplyValue {
  const facts = call.node.engine.inspect(2, { serialize: true, counts: true });
  if (facts === undefined) return error("ERR no such key");
  if (facts.encoding !== "quicklist") return error("ERR Not a quicklist encoded object.");
  call.node.log.notice(`DEBUG QUICKLIST:${listText(call, facts.list)}`);
  return simple("Quicklist structure printed on stdout");
}

export function debugDigestValue(call: HostCall): ReplyValue {
  const digests: ReplyValue[] = [];
  for (let at = 2; at < call.count; at++) {
    digests.push(simple(call.node.engine.digestValue(call.database, at)));
  }
  return array(digests);
}
