/** Forms a cluster out of empty nodes, and checks one that exists; prints what redis-cli prints. */
import {
  countSlots,
  type NodeLine,
  parseClusterNodes,
  rangesText,
  slotSignature,
} from "./cluster-nodes.ts";
import { type ClusterPlan, SLOT_COUNT } from "./create-plan.ts";
import type { RespClient } from "./resp-client.ts";
import { ReplyError } from "./resp-decode.ts";

export interface Member {
  readonly host: string;
  readonly port: number;
  readonly client: RespClient;
}

type Print = (text: string) => void;

const JOIN_POLL_MS = 100;
const LOADED_WITHIN_MS = 600_000;
/** A dot is printed for each so many polls. */
const POLLS_PER_DOT = 10;

/** Sends everything that makes `members` the cluster of `plan`. Throws with the node's words when one refuses. */
export async function createCluster(
  members: readonly Member[],
  plan: ClusterPlan,
  print: Print,
  withinMs: number,
): Promise<void> {
  print(`>>> Performing hash slots allocation on ${members.length} nodes...\n`);
  const ids = await Promise.all(members.map(({ client }) => client.text("CLUSTER", "MYID")));
  printPlan(members, ids, plan, print);

  for (const { node, firstSlot, lastSlot } of plan.primaries) {
    const { client } = memberAt(members, node);
    await client.call("CLUSTER", "ADDSLOTSRANGE", String(firstSlot), String(lastSlot));
  }
  print(">>> Nodes configuration updated\n>>> Assign a different config epoch to each node\n");
  for (const [index, { client }] of members.entries()) {
    await client.call("CLUSTER", "SET-CONFIG-EPOCH", String(index + 1));
  }
  print(">>> Sending CLUSTER MEET messages to join the cluster\n");
  const [first, ...others] = members;
  for (const { client } of others) {
    await client.call("CLUSTER", "MEET", first?.host ?? "", String(first?.port));
  }
  print("Waiting for the cluster to join\n");
  await waitUntil(members, hasJoined, print, withinMs, "the nodes did not all join");

  for (const { node, primary } of plan.replicas) {
    await memberAt(members, node).client.call("CLUSTER", "REPLICATE", ids[primary] ?? "");
  }
  const isDone = (views: readonly NodeLine[][]): boolean => isWhole(views, plan.replicas.length);
  await waitUntil(members, isDone, print, withinMs, "the nodes did not agree on the replicas");
}

function printPlan(
  members: readonly Member[],
  ids: readonly string[],
  plan: ClusterPlan,
  print: Print,
): void {
  const nameAt = (node: number): string => addressOf(memberAt(members, node));
  for (const [index, { firstSlot, lastSlot }] of plan.primaries.entries()) {
    print(`Master[${index}] -> Slots ${firstSlot} - ${lastSlot}\n`);
  }
  for (const { node, primary } of plan.replicas) {
    print(`Adding replica ${nameAt(node)} to ${nameAt(primary)}\n`);
  }
  for (const { node, firstSlot, lastSlot } of plan.primaries) {
    const count = lastSlot - firstSlot + 1;
    print(`M: ${ids[node]} ${nameAt(node)}\n`);
    print(`   slots:[${firstSlot}-${lastSlot}] (${count} slots) master\n`);
  }
  for (const { node, primary } of plan.replicas) {
    print(`S: ${ids[node]} ${nameAt(node)}\n   replicates ${ids[primary]}\n`);
  }
}

/** Waits until every node reports `cluster_state:ok`; false when that takes longer. */
export async function waitForOk(members: readonly Member[], withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const texts = await Promise.all(members.map(({ client }) => textOf(client, "INFO")));
    if (texts.every((text) => /^cluster_state:ok\r?$/m.test(text))) return true;
    if (Date.now() > deadline) return false;
    await Bun.sleep(JOIN_POLL_MS);
  }
}

export interface CheckResult {
  readonly ok: boolean;
  /** The first thing that is wrong; empty when nothing is. */
  readonly problem: string;
}

/** What `redis-cli --cluster check` looks at: agreement, open slots, coverage. */
export async function checkCluster(members: readonly Member[], print: Print): Promise<CheckResult> {
  const views = await viewsOf(members);
  const first = members[0];
  const nodes = views[0] ?? [];
  if (first !== undefined) {
    print(`>>> Performing Cluster Check (using node ${addressOf(first)})\n`);
  }
  for (const node of [...nodes].sort(primariesFirst)) print(describeNode(node, nodes));

  const problems: string[] = [];
  const signatures = new Set(views.map(slotSignature));
  if (signatures.size === 1) {
    print("[OK] All nodes agree about slots configuration.\n");
  } else {
    print("[ERR] Nodes don't agree about configuration!\n");
    problems.push("the nodes do not agree about the slots");
  }
  print(">>> Check for open slots...\n");
  for (const { host, port, openSlots } of views.flat()) {
    if (openSlots.length === 0) continue;
    print(`[WARNING] Node ${host}:${port} has slots in migration: ${openSlots.join(" ")}\n`);
    problems.push("there are open slots");
  }
  print(">>> Check slots coverage...\n");
  const covered = nodes.reduce((sum, { slots }) => sum + countSlots(slots), 0);
  if (covered === SLOT_COUNT) {
    print(`[OK] All ${SLOT_COUNT} slots covered.\n`);
  } else {
    print(`[ERR] Not all ${SLOT_COUNT} slots are covered by nodes.\n`);
    problems.push(`${SLOT_COUNT - covered} slots are not covered`);
  }
  return { ok: problems.length === 0, problem: problems[0] ?? "" };
}

function primariesFirst(left: NodeLine, right: NodeLine): number {
  if (left.isPrimary !== right.isPrimary) return left.isPrimary ? -1 : 1;
  const firstSlot = (node: NodeLine): number => node.slots[0]?.first ?? SLOT_COUNT;
  return firstSlot(left) - firstSlot(right) || left.port - right.port;
}

function describeNode(node: NodeLine, nodes: readonly NodeLine[]): string {
  const letter = node.isPrimary ? "M" : "S";
  const role = node.isPrimary ? "master" : "slave";
  const count = countSlots(node.slots);
  const lines = [
    `${letter}: ${node.id} ${node.host}:${node.port}`,
    `   slots:${rangesText(node.slots)} (${count} slots) ${role}`,
  ];
  if (node.isPrimary) {
    const replicas = nodes.filter(({ primaryId }) => primaryId === node.id).length;
    if (replicas > 0) lines.push(`   ${replicas} additional replica(s)`);
  } else {
    lines.push(`   replicates ${node.primaryId}`);
  }
  return `${lines.join("\n")}\n`;
}

async function waitUntil(
  members: readonly Member[],
  holds: (views: readonly NodeLine[][]) => boolean,
  print: Print,
  withinMs: number,
  problem: string,
): Promise<void> {
  const deadline = Date.now() + withinMs;
  let dotted = false;
  for (let poll = 1; ; poll += 1) {
    if (holds(await viewsOf(members))) break;
    if (Date.now() > deadline) {
      if (dotted) print("\n");
      throw new Error(`${problem} within ${Math.round(withinMs / 1000)} s`);
    }
    if (poll % POLLS_PER_DOT === 0) {
      print(".");
      dotted = true;
    }
    await Bun.sleep(JOIN_POLL_MS);
  }
  if (dotted) print("\n");
}

async function viewsOf(members: readonly Member[]): Promise<NodeLine[][]> {
  const texts = await Promise.all(members.map(({ client }) => textOf(client, "NODES")));
  return texts.map(parseClusterNodes);
}

/** What CLUSTER INFO or NODES says, once the node has loaded what it is loading: a new replica does at any time. */
async function textOf(client: RespClient, subcommand: "INFO" | "NODES"): Promise<string> {
  const deadline = Date.now() + LOADED_WITHIN_MS;
  for (;;) {
    const reply = await client.send(["CLUSTER", subcommand]);
    const isLoading = reply instanceof ReplyError && reply.code === "LOADING";
    if (!isLoading || Date.now() > deadline) return client.textIn(reply, "CLUSTER", subcommand);
    await Bun.sleep(JOIN_POLL_MS);
  }
}

/** Everybody knows everybody, nobody is in handshake, and all see the same slots. */
function hasJoined(views: readonly NodeLine[][]): boolean {
  return (
    views.every(
      (nodes) =>
        nodes.length === views.length && nodes.every(({ flags }) => !flags.includes("handshake")),
    ) && new Set(views.map(slotSignature)).size === 1
  );
}

function isWhole(views: readonly NodeLine[][], replicaCount: number): boolean {
  return (
    hasJoined(views) &&
    views.every((nodes) => nodes.filter(({ isPrimary }) => !isPrimary).length === replicaCount)
  );
}

function memberAt(members: readonly Member[], index: number): Member {
  const member = members[index];
  if (member === undefined) throw new Error(`the plan names node ${index}, which is not there`);
  return member;
}

function addressOf(member: Member): string {
  return `${member.host}:${member.port}`;
}
