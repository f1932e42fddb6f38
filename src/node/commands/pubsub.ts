import { Command } from "../../../assembly/command-ids.ts";
import { latin1 } from "../../base/bytes.ts";
import {
  array,
  bulk,
  bulks,
  encodeReply,
  error,
  integer,
  type ReplyValue,
} from "../../base/reply.ts";
import { helpReply } from "../../commands/introspect.ts";
import {
  container,
  type Handler,
  type HostCall,
  subcommandSyntaxError,
  syntaxError,
} from "../call.ts";
import { type HostReply, silent } from "../host-reply.ts";
import type { TopicKind } from "../pubsub.ts";

/** Messages and who listens to them. Behaviour: Redis 7.0 pubsub.c. */
export const pubSubHandlers: ReadonlyMap<Command, Handler> = new Map<Command, Handler>([
  [Command.Subscribe, (call) => subscribe(call, "channel")],
  [Command.PSubscribe, (call) => subscribe(call, "pattern")],
  [Command.SSubscribe, sSubscribe],
  [Command.Unsubscribe, (call) => unsubscribe(call, "channel")],
  [Command.PUnsubscribe, (call) => unsubscribe(call, "pattern")],
  [Command.SUnsubscribe, (call) => unsubscribe(call, "shardChannel")],
  [Command.Publish, (call) => publish(call, false)],
  [Command.SPublish, (call) => publish(call, true)],
  [
    Command.PubSub,
    container({
      channels: (call) => names(call, "channel"),
      shardchannels: (call) => names(call, "shardChannel"),
      numsub: (call) => listenerCounts(call, "channel"),
      shardnumsub: (call) => listenerCounts(call, "shardChannel"),
      numpat: (call) => integer(call.node.publisher.patterns.size),
      help: (call) => helpReply(call.node.modules.commands.lookup("pubsub")!) ?? syntaxError,
    }),
  ],
]);

function subscribe(call: HostCall, kind: TopicKind): HostReply {
  for (const name of call.argv.slice(1)) call.node.publisher.subscribe(call.client, kind, name);
  return silent;
}

/** Newer than transactions, and so not allowed there, where SUBSCRIBE always was. */
function sSubscribe(call: HostCall): HostReply {
  if (call.insideExec) {
    return error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
  }
  return subscribe(call, "shardChannel");
}

function unsubscribe(call: HostCall, kind: TopicKind): HostReply {
  const { client, node } = call;
  if (call.count === 1) node.publisher.unsubscribeAll(client, kind);
  for (const name of call.argv.slice(1)) node.publisher.unsubscribe(client, kind, name);
  return silent;
}

/** In a cluster the bus carries the message to the other nodes, else the replication stream to the replicas. */
function publish(call: HostCall, sharded: boolean): ReplyValue {
  const { node } = call;
  const [channel, message] = [call.bytes(1), call.bytes(2)];
  const receivers = sharded
    ? node.publisher.publishToShard(channel, message)
    : node.publisher.publish(channel, message);
  if (node.cluster !== undefined) node.cluster.publish(channel, message, sharded);
  else if (node.engine.journals) {
    node.engine.journalAppend(call.database, encodeReply(bulks(call.argv), 2));
  }
  return integer(receivers);
}

function names(call: HostCall, kind: TopicKind): ReplyValue {
  if (call.count > 3) return subcommandSyntaxError(call);
  const found = call.node.publisher.topics(kind).names(call.count === 3 ? call.text(2) : undefined);
  return array(found.map((name) => bulk(latin1(name))));
}

function listenerCounts(call: HostCall, kind: TopicKind): ReplyValue {
  const topics = call.node.publisher.topics(kind);
  const items: ReplyValue[] = [];
  for (let at = 2; at < call.count; at++) {
    items.push(bulk(call.bytes(at)), integer(topics.listenerCount(call.text(at))));
  }
  return array(items);
}
