/**
 * The two connections between each pair of nodes: we send on the one we opened, the peer sends on
 * the one it opened (only PONGs answer on the link that the PING came over).
 */
import type { BusMessage } from "./bus-message.ts";
import type { ClusterContext } from "./context.ts";
import type { LinkId } from "./effects.ts";
import type { ClusterNode, Link } from "./state.ts";

export function openLink(context: ClusterContext, node: ClusterNode): void {
  const link: Link = {
    id: context.freshLinkId(),
    inbound: false,
    createdMs: context.nowMs,
    node,
    open: false,
    localIp: "",
    remoteIp: node.ip,
  };
  node.link = link;
  context.state.links.set(link.id, link);
  const { ip, busPort } = node;
  context.tell({ kind: "openLink", linkId: link.id, nodeId: node.id, ip, busPort });
}

export function closeLink(context: ClusterContext, link: Link): void {
  detachLink(context, link);
  context.tell({ kind: "closeLink", linkId: link.id });
}

function detachLink(context: ClusterContext, link: Link): void {
  context.state.links.delete(link.id);
  if (link.node?.link === link) link.node.link = null;
  if (link.node?.inboundLink === link) link.node.inboundLink = null;
  link.node = null;
}

export function onInboundOpened(
  context: ClusterContext,
  linkId: LinkId,
  localIp: string,
  remoteIp: string,
): void {
  context.state.links.set(linkId, {
    id: linkId,
    inbound: true,
    createdMs: context.nowMs,
    node: null,
    open: true,
    localIp,
    remoteIp,
  });
}

export function onLinkClosed(context: ClusterContext, linkId: LinkId, reason: string): void {
  const link = context.state.links.get(linkId);
  if (link === undefined) return;
  const { node } = link;
  if (!link.inbound && !link.open && node !== null) {
    const address = `${node.ip}:${node.busPort}`;
    context.log("verbose", `Connection with Node ${node.id} at ${address} failed: ${reason}`);
    // Without a ping under way a node that refuses connections would never be suspected.
    if (node.pingSentMs === 0) node.pingSentMs = context.nowMs;
  }
  detachLink(context, link);
}

export function onSendBufferExceeded(context: ClusterContext, linkId: LinkId, bytes: number): void {
  const link = context.state.links.get(linkId);
  if (link === undefined) return;
  const direction = link.inbound ? "from" : "to";
  context.log(
    "warning",
    `Freeing cluster link(${direction} node ${link.node?.id ?? ""}, used memory: ${bytes}) ` +
      "due to exceeding send buffer memory limit.",
  );
  context.stats.sendBuffersExceeded++;
  closeLink(context, link);
}

/**
 * Who sent this message. A link of a known node vouches for the sender (its ID is checked on each
 * PONG); otherwise the header's ID is looked up, and an inbound link is bound to the node found.
 */
export function senderOf(
  context: ClusterContext,
  link: Link,
  message: BusMessage,
): ClusterNode | null {
  if (link.node !== null && !link.node.inHandshake) return link.node;
  const sender = context.state.find(message.sender);
  if (sender !== null && link.node === null) {
    const old = sender.inboundLink;
    if (old !== null) {
      context.log(
        "debug",
        `Replacing inbound link ${old.id} from node ${sender.id} with ${link.id}`,
      );
      closeLink(context, old);
    }
    sender.inboundLink = link;
    link.node = sender;
  }
  return sender;
}
