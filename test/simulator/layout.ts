/** Ready-made clusters: primaries A, B, C with a third of the slots each, and replicas. */
import type { SimNode } from "./sim-node.ts";
import type { Simulation } from "./simulation.ts";

const bounds: readonly (readonly [string, string])[] = [
  ["0", "5460"],
  ["5461", "10922"],
  ["10923", "16383"],
];

/** `replicaOf`: for each replica (named D, E, F, ...) the primary that it replicates. */
export function formCluster(simulation: Simulation, replicaOf: readonly string[]): void {
  const names = "ABCDEFGHIJ".slice(0, 3 + replicaOf.length);
  for (const name of names) simulation.add(name);
  const [first] = simulation.nodes as [SimNode];
  for (const [i, node] of simulation.nodes.entries()) {
    must(node, { kind: "setConfigEpoch", epoch: String(i + 1) });
    const range = bounds[i];
    if (range !== undefined) must(node, { kind: "addSlotsRange", bounds: range });
  }
  for (const node of simulation.nodes) {
    if (node === first) continue;
    must(node, { kind: "meet", ip: "127.0.0.1", port: String(first.port), busPort: null });
  }
  simulation.until("all know all", 30_000, () =>
    simulation.nodes.every(({ core }) => {
      const { nodes } = core.queries.config();
      return nodes.length === names.length && nodes.every(({ flags }) => (flags & 1) !== 0);
    }),
  );
  for (const [i, primary] of replicaOf.entries()) {
    const replica = simulation.nodes[3 + i] as SimNode;
    const { id } = simulation.node(primary);
    must(replica, { kind: "replicate", nodeId: id, dbEmpty: true });
  }
  simulation.until("the cluster is formed", 60_000, () => simulation.agreed());
  simulation.run(1000);
}

export function must(node: SimNode, command: Parameters<SimNode["admin"]>[0]): void {
  const reply = node.admin(command);
  if (reply.kind === "error") throw new Error(`${node.name}: ${reply.text}`);
}
