/** Messages that pass through the bus: PUBLISH to all, SPUBLISH to our shard, module messages. */
import { busMessageBytesMax } from "./bus-framer.ts";
import { HEADER_BYTES, PUBLISH_HEADER_BYTES } from "./bus-layout.ts";
import type { PublishBody } from "./bus-message.ts";
import type { ClusterContext } from "./context.ts";
import type { ClusterEvent } from "./events.ts";

type Publish = Extract<ClusterEvent, { kind: "publish" }>;
type SendModule = Extract<ClusterEvent, { kind: "sendModule" }>;

export function publish(context: ClusterContext, event: Publish): void {
  const { channel, message, sharded } = event;
  const bytes = HEADER_BYTES + PUBLISH_HEADER_BYTES + channel.length + message.length;
  if (bytes > busMessageBytesMax) {
    // Its receivers would close the link, and lose what else was on the way.
    context.log("warning", `A published message of ${bytes} bytes is not sent to other nodes.`);
    return;
  }
  const body: PublishBody = { type: sharded ? "publishShard" : "publish", channel, message };
  if (!sharded) {
    context.broadcast(context.message(body));
    return;
  }
  const { myself } = context;
  const shardPrimary = myself.isPrimary ? myself : myself.primary;
  if (shardPrimary === null) return;
  const whole = context.message(body);
  for (const node of [shardPrimary, ...shardPrimary.replicas]) {
    if (node === myself || node.link === null) continue;
    context.send(node.link, whole);
  }
}

/** A target that is unknown or has no link gets nothing. */
export function sendModule(context: ClusterContext, event: SendModule): void {
  const { targetId, moduleId, type, payload } = event;
  const message = context.message({ type: "module", moduleId, moduleType: type, payload });
  if (targetId === null) {
    context.broadcast(message);
    return;
  }
  const link = context.state.find(targetId)?.link ?? null;
  if (link !== null) context.send(link, message);
}
