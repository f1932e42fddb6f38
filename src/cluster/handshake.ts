/**
 * How nodes get to know each other. CLUSTER MEET connects to an address under a made-up node ID and
 * sends MEET; the PONG tells the true ID. The node that is met does the same back, for it trusts a
 * MEET. Everybody else is introduced by gossip of nodes that are members already.
 * Source: Redis Cluster Specification, "Nodes handshake".
 */
import { type BusMessage, NodeFlag } from "./bus-message.ts";
import type { ClusterContext } from "./context.ts";
import type { LinkId } from "./effects.ts";
import { sendPing } from "./gossip.ts";
import { normalIp } from "./ip.ts";
import { busPortIncrement, handshakeTimeoutMinMs, nodesMax } from "./limits.ts";
import { closeLink } from "./links.ts";
import { deleteNode } from "./members.ts";
import { replicate } from "./roles.ts";
import { ClusterNode, type Link, roleFlag } from "./state.ts";

/** False when the address is no address; true as well when a handshake with it is under way. */
export function startHandshake(
  context: ClusterContext,
  ip: string,
  port: number,
  busPort: number,
): boolean {
  const address = normalIp(ip);
  const valid = (number: number): boolean => number > 0 && number <= 65_535;
  if (address === null || !valid(port) || !valid(busPort)) return false;
  const node = addHandshakeNode(context, { ip: address, port, plainPort: 0, busPort });
  if (node !== null) node.flags |= NodeFlag.meet;
  return true;
}

type Address = Pick<ClusterNode, "ip" | "port" | "plainPort" | "busPort">;

function addHandshakeNode(context: ClusterContext, address: Address): ClusterNode | null {
  const { nodes } = context.state;
  if (nodes.size >= nodesMax) return null;
  for (const { inHandshake, ip, port, busPort } of nodes.values()) {
    const same = ip === address.ip && port === address.port && busPort === address.busPort;
    if (inHandshake && same) return null;
  }
  const node = new ClusterNode(context.makeNodeId(), NodeFlag.handshake, context.nowMs);
  Object.assign(node, address);
  context.state.add(node);
  return node;
}

/** A stranger's MEET: get to know it in turn. */
export function onMeetOfStranger(context: ClusterContext, link: Link, message: BusMessage): void {
  addHandshakeNode(context, announcedAddress(link, message));
  context.due.save = true;
}

function announcedAddress(link: Link, message: BusMessage): Address {
  const { port, plainPort } = message;
  const busPort = message.busPort || port + busPortIncrement;
  return { ip: message.myIp || link.remoteIp, port, plainPort, busPort };
}

/** A handshake that nobody answered in time is over. */
export function handshakeExpired(context: ClusterContext, node: ClusterNode): boolean {
  const timeoutMs = Math.max(context.options.nodeTimeoutMs, handshakeTimeoutMinMs);
  return node.inHandshake && context.nowMs - node.createdMs > timeoutMs;
}

/**
 * The first message over a fresh link is a PING (or the MEET of CLUSTER MEET), at once. A ping that
 * was under way when the old link broke keeps its time: a link that flaps does not hide a failure.
 */
export function onLinkOpened(
  context: ClusterContext,
  linkId: LinkId,
  localIp: string,
  remoteIp: string,
): void {
  const link = context.state.links.get(linkId);
  const node = link?.node ?? null;
  if (link === undefined || link.inbound || node === null) return;
  link.open = true;
  link.localIp = localIp;
  link.remoteIp = remoteIp;
  const oldPingSentMs = node.pingSentMs;
  sendPing(context, link, node.is(NodeFlag.meet) ? "meet" : "ping");
  if (oldPingSentMs !== 0) node.pingSentMs = oldPingSentMs;
  node.flags &= ~NodeFlag.meet;
  context.log("debug", `Connecting with Node ${node.id} at ${node.ip}:${node.busPort}`);
}

/**
 * A message came over the link that we opened to a node in handshake: now we know its ID. False
 * when the node was known already under that ID, so that the made-up one is gone, and the link with
 * it.
 */
export function completeHandshake(
  context: ClusterContext,
  link: Link,
  node: ClusterNode,
  sender: ClusterNode | null,
  message: BusMessage,
): boolean {
  context.due.save = true;
  if (sender !== null) {
    context.log(
      "verbose",
      `Handshake: we already know node ${sender.id}, updating the address if needed.`,
    );
    if (sender !== context.myself) updateAddress(context, sender, link, message);
    deleteNode(context, node);
    return false;
  }
  context.log("debug", `Renaming node ${node.id} into ${message.sender}`);
  context.state.rename(node, message.sender);
  context.log("debug", `Handshake with node ${node.id} completed.`);
  node.flags &= ~NodeFlag.handshake;
  node.flags |= roleFlag(message.flags);
  return true;
}

/** Another node answers at a peer's address: we no longer know where the peer is. */
export function onWrongNode(context: ClusterContext, link: Link, node: ClusterNode): void {
  const ageMs = context.nowMs - node.createdMs;
  context.log(
    "debug",
    `PONG contains mismatching sender ID. About node ${node.id} added ${ageMs} ms ago, ` +
      `having flags ${node.flags}`,
  );
  node.flags |= NodeFlag.noAddress;
  Object.assign(node, { ip: "", port: 0, plainPort: 0, busPort: 0 } satisfies Address);
  closeLink(context, link);
  context.due.save = true;
}

/** Follows a peer that announces, or shows by its connection, another address. */
export function updateAddress(
  context: ClusterContext,
  node: ClusterNode,
  link: Link,
  message: BusMessage,
): void {
  // The link that we opened shows only what we believe already.
  if (link === node.link) return;
  const { ip, port, plainPort, busPort } = announcedAddress(link, message);
  const same =
    node.ip === ip &&
    node.port === port &&
    node.plainPort === plainPort &&
    node.busPort === busPort;
  if (same) return;
  Object.assign(node, { ip, port, plainPort, busPort } satisfies Address);
  if (node.link !== null) closeLink(context, node.link);
  node.flags &= ~NodeFlag.noAddress;
  context.log("warning", `Address updated for node ${node.id}, now ${ip}:${port}`);
  if (context.myself.primary === node) replicate(context, node);
  context.due.save = true;
  context.due.updateHealth = true;
}

/**
 * Our own address, as peers see it: a MEET was sent to an address that works, so that one is ours.
 * Without any address, a PING's will do.
 */
export function learnOwnAddress(context: ClusterContext, link: Link, isMeet: boolean): void {
  const { myself, options } = context;
  if (options.announceIp !== "" || (!isMeet && myself.ip !== "")) return;
  if (link.localIp === "" || link.localIp === myself.ip) return;
  myself.ip = link.localIp;
  context.log("warning", `IP address for this node updated to ${myself.ip}`);
  context.due.save = true;
}
