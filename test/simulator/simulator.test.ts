import { expect, test } from "bun:test";
import type { ClusterEffect } from "../../src/cluster/effects.ts";
import { BrokenInvariant } from "./checks.ts";
import { formCluster, must } from "./layout.ts";
import { scenario, seeds } from "./scenario.ts";
import type { SimNode } from "./sim-node.ts";
import { Simulation } from "./simulation.ts";

const oneEach = ["A", "B", "C"];

function isPrimary(node: SimNode): boolean {
  return (
    node.up &&
    node.core.queries.isPrimary &&
    (node.core.queries.claim?.slots.some(Boolean) ?? false)
  );
}

scenario("no fault: six nodes form a cluster", { runs: 3 }, (simulation) => {
  formCluster(simulation, oneEach);
  const { core } = simulation.node("A");
  expect(core.queries.size).toBe(3);
  expect(core.queries.info()).toContain("cluster_state:ok\r\ncluster_slots_assigned:16384\r\n");
});

scenario("no epochs given: colliding ones are told apart", { runs: 3 }, (simulation) => {
  for (const name of "ABCD") simulation.add(name);
  const [first] = simulation.nodes as [SimNode];
  const bounds = ["0", "4095", "4096", "8191", "8192", "12287", "12288", "16383"];
  for (const [i, node] of simulation.nodes.entries()) {
    must(node, { kind: "addSlotsRange", bounds: bounds.slice(2 * i, 2 * i + 2) });
    if (node === first) continue;
    must(first, { kind: "meet", ip: "127.0.0.1", port: String(node.port), busPort: null });
  }
  const epochs = (): Set<number> =>
    new Set(first.core.queries.config().nodes.map(({ configEpoch }) => configEpoch));
  simulation.until("four epochs", 30_000, () => simulation.agreed() && epochs().size === 4);
});

scenario(
  "crash primary: its replica takes over within node timeout + 2 s",
  { runs: 6 },
  (simulation) => {
    formCluster(simulation, oneEach);
    const [old, replica] = [simulation.node("A"), simulation.node("D")];
    old.crash();
    const tookMs = simulation.until("D serves", 20_000, () => isPrimary(replica));
    expect(tookMs).toBeLessThanOrEqual(2000 + 2000);
    simulation.until("ok again", 2000, () =>
      simulation.nodes.every(({ up, core }) => !up || core.queries.state === "ok"),
    );
    expect(simulation.node("B").core.queries.nodes(false)).toContain(" master,fail ");
    simulation.run(3000);
    old.start();
    simulation.until("A follows D", 10_000, () => old.core.queries.primaryId === replica.id);
    simulation.healAndAgree();
    expect(isPrimary(replica)).toBe(true);
  },
);

scenario("crash replica: nothing changes hands", { runs: 2 }, (simulation) => {
  formCluster(simulation, oneEach);
  simulation.node("E").crash();
  simulation.run(8000);
  expect(simulation.node("A").core.queries.nodes(false)).toContain(" slave,fail ");
  for (const name of oneEach) expect(isPrimary(simulation.node(name))).toBe(true);
  simulation.healAndAgree();
  for (const name of oneEach) expect(isPrimary(simulation.node(name))).toBe(true);
});

scenario("crash two of three primaries: no majority, no promotion", { runs: 3 }, (simulation) => {
  formCluster(simulation, oneEach);
  simulation.node("A").crash();
  simulation.node("B").crash();
  simulation.run(20_000);
  expect(simulation.node("C").core.queries.state).toBe("fail");
  expect([isPrimary(simulation.node("D")), isPrimary(simulation.node("E"))]).toEqual([
    false,
    false,
  ]);
  simulation.healAndAgree();
});

scenario("crash everybody: the cluster comes back as it was", { runs: 3 }, (simulation) => {
  formCluster(simulation, oneEach);
  for (const node of simulation.nodes) node.crash();
  simulation.run(5000);
  simulation.healAndAgree();
  for (const name of oneEach) expect(isPrimary(simulation.node(name))).toBe(true);
});

scenario("partition, isolate primary, symmetric", { runs: 4 }, (simulation) => {
  formCluster(simulation, oneEach);
  const alone = simulation.node("A");
  for (const node of simulation.nodes) if (node !== alone) simulation.network.block(alone, node);
  simulation.until("D serves", 20_000, () => isPrimary(simulation.node("D")));
  simulation.until("A stops", 10_000, () => alone.core.queries.state === "fail");
  simulation.healAndAgree();
  expect(alone.core.queries.primaryId).toBe(simulation.node("D").id);
});

scenario("partition, primary deaf but heard, asymmetric", { runs: 4 }, (simulation) => {
  formCluster(simulation, oneEach);
  const deaf = simulation.node("A");
  for (const node of simulation.nodes)
    if (node !== deaf) simulation.network.blockOneWay(node, deaf);
  simulation.run(15_000);
  simulation.healAndAgree();
});

scenario("partition, primary heard by nobody, asymmetric", { runs: 4 }, (simulation) => {
  formCluster(simulation, oneEach);
  const mute = simulation.node("B");
  for (const node of simulation.nodes)
    if (node !== mute) simulation.network.blockOneWay(mute, node);
  simulation.run(15_000);
  simulation.healAndAgree();
});

scenario(
  "partition 2-4: a primary and a foreign replica in the minority",
  { runs: 4 },
  (simulation) => {
    formCluster(simulation, oneEach);
    const minority = ["A", "E"].map((name) => simulation.node(name));
    for (const node of simulation.nodes) {
      if (minority.includes(node)) continue;
      for (const other of minority) simulation.network.block(node, other);
    }
    simulation.until("D serves", 20_000, () => isPrimary(simulation.node("D")));
    expect(isPrimary(simulation.node("E"))).toBe(false);
    simulation.healAndAgree();
  },
);

scenario("partition, two of three primaries from each other only", { runs: 3 }, (simulation) => {
  formCluster(simulation, oneEach);
  simulation.network.block(simulation.node("A"), simulation.node("B"));
  simulation.run(20_000);
  simulation.healAndAgree();
});

scenario("loss of one message in ten, delays up to 200 ms", { runs: 3 }, (simulation) => {
  formCluster(simulation, oneEach);
  simulation.network.loss = 0.1;
  simulation.network.delayMaxMs = 200;
  simulation.run(10_000);
  simulation.node("C").crash();
  simulation.run(20_000);
  simulation.healAndAgree();
});

scenario("primary comes back on another port", { runs: 3 }, (simulation) => {
  formCluster(simulation, oneEach);
  const mover = simulation.node("B");
  mover.crash();
  simulation.run(500);
  Object.assign(mover, { port: 7100, busPort: 17_100 });
  mover.options = { ...mover.options, port: 7100, busPort: 17_100 };
  mover.start();
  simulation.healAndAgree();
  expect(simulation.node("E").core.queries.nodes(false)).toContain("127.0.0.1:7100@17100");
});

scenario("CLUSTER FAILOVER: no write is lost, nobody else moves", { runs: 4 }, (simulation) => {
  formCluster(simulation, oneEach);
  const [old, replica] = [simulation.node("A"), simulation.node("D")];
  must(replica, { kind: "failover", mode: "normal" });
  simulation.until("D serves", 3000, () => isPrimary(replica));
  expect(replica.offset).toBeGreaterThanOrEqual(old.offset);
  simulation.until("A follows", 3000, () => old.core.queries.primaryId === replica.id);
  expect(old.paused).toBe(false);
  must(old, { kind: "failover", mode: "normal" });
  // A second vote about one shard waits for two node timeouts.
  simulation.run(4000);
  must(old, { kind: "failover", mode: "normal" });
  simulation.until("A serves again", 5000, () => isPrimary(old));
  simulation.healAndAgree();
});

scenario(
  "CLUSTER FAILOVER while the primary is unreachable gives up",
  { runs: 2 },
  (simulation) => {
    formCluster(simulation, oneEach);
    const [primary, replica] = [simulation.node("A"), simulation.node("D")];
    simulation.network.block(primary, replica);
    must(replica, { kind: "failover", mode: "normal" });
    simulation.run(6000);
    expect(isPrimary(replica)).toBe(false);
    expect(simulation.lines.some((line) => line.endsWith("D Manual failover timed out."))).toBe(
      true,
    );
    simulation.healAndAgree();
  },
);

scenario("CLUSTER FAILOVER FORCE with the primary just dead", { runs: 3 }, (simulation) => {
  formCluster(simulation, oneEach);
  simulation.node("A").crash();
  simulation.run(300);
  must(simulation.node("D"), { kind: "failover", mode: "force" });
  simulation.until("D serves", 1500, () => isPrimary(simulation.node("D")));
  simulation.healAndAgree();
});

scenario(
  "CLUSTER FAILOVER TAKEOVER without a majority",
  { runs: 3, strict: false },
  (simulation) => {
    formCluster(simulation, oneEach);
    for (const name of oneEach) simulation.node(name).crash();
    simulation.run(3000);
    for (const name of "DEF") must(simulation.node(name), { kind: "failover", mode: "takeover" });
    simulation.until("three new primaries", 20_000, () =>
      [..."DEF"].every((name) => simulation.node(name).core.queries.state === "ok"),
    );
    simulation.healAndAgree();
    for (const name of "DEF") expect(isPrimary(simulation.node(name))).toBe(true);
  },
);

scenario("orphaned primary: a spare replica migrates to it", { runs: 3 }, (simulation) => {
  formCluster(simulation, ["A", "A", "B"]);
  simulation.node("F").crash();
  simulation.until("B has a replica again", 30_000, () =>
    [..."DE"].some(
      (name) => simulation.node(name).core.queries.primaryId === simulation.node("B").id,
    ),
  );
  simulation.healAndAgree();
});

scenario(
  "slot moved by SETSLOT while a primary crashes",
  { runs: 3, strict: false },
  (simulation) => {
    formCluster(simulation, oneEach);
    const [source, target] = [simulation.node("A"), simulation.node("B")];
    const set = (node: SimNode, ...action: string[]): void =>
      must(node, { kind: "setSlot", slot: "100", action, keysInSlot: 0 });
    set(target, "IMPORTING", source.id);
    set(source, "MIGRATING", target.id);
    simulation.node("C").crash();
    simulation.run(1500);
    set(target, "NODE", target.id);
    set(source, "NODE", target.id);
    simulation.healAndAgree();
    for (const { core } of simulation.nodes) {
      expect(core.queries.endpointOfSlot(100, false)?.port).toBe(target.port);
    }
  },
);

scenario("forgotten node stays away for a minute", { runs: 2 }, (simulation) => {
  formCluster(simulation, oneEach);
  const gone = simulation.node("F");
  gone.crash();
  const others = simulation.nodes.filter((node) => node !== gone);
  for (const node of others) must(node, { kind: "forget", nodeId: gone.id });
  simulation.run(50_000);
  for (const { core } of others) expect(core.queries.config().nodes.length).toBe(5);
});

scenario("PUBLISH reaches every node once", { runs: 2 }, (simulation) => {
  formCluster(simulation, oneEach);
  const bytes = new TextEncoder().encode("news");
  simulation.node("D").handle({ kind: "publish", channel: bytes, message: bytes, sharded: false });
  simulation.node("D").handle({ kind: "publish", channel: bytes, message: bytes, sharded: true });
  simulation.run(500);
  const counts = simulation.nodes.map(({ published }) => published.length);
  // SPUBLISH goes to D's shard only, which is A and D.
  expect(counts).toEqual([2, 1, 1, 0, 1, 1]);
});

/** Random crashes, restarts, partitions and loss; every step is checked. */
function chaos(simulation: Simulation, rounds: number): void {
  const { prng, network, nodes } = simulation;
  for (let round = 0; round < rounds; round++) {
    switch (prng.below(6)) {
      case 0:
        prng.pick(nodes).crash();
        break;
      case 1:
        for (const node of nodes) if (!node.up) node.start();
        break;
      case 2:
        network.block(prng.pick(nodes), prng.pick(nodes));
        break;
      case 3:
        network.blockOneWay(prng.pick(nodes), prng.pick(nodes));
        break;
      case 4: {
        const alone = prng.pick(nodes);
        for (const node of nodes) if (node !== alone) network.block(node, alone);
        break;
      }
      default:
        network.heal();
        network.loss = prng.below(20) / 100;
        network.delayMaxMs = 20 + prng.below(400);
    }
    simulation.run(300 + prng.below(4000));
  }
}

scenario("chaos: crashes, partitions, loss", { runs: 12 }, (simulation) => {
  formCluster(simulation, oneEach);
  chaos(simulation, 25);
  simulation.healAndAgree(120_000);
});

scenario("chaos: three replicas of one primary", { runs: 6 }, (simulation) => {
  formCluster(simulation, ["A", "A", "A"]);
  chaos(simulation, 25);
  simulation.healAndAgree(120_000);
});

scenario("chaos: crashes between two effects of one event", { runs: 6 }, (simulation) => {
  formCluster(simulation, oneEach);
  simulation.crashBetweenEffects = 0.002;
  for (let round = 0; round < 10; round++) {
    chaos(simulation, 2);
    for (const node of simulation.nodes) if (!node.up) node.start();
  }
  simulation.healAndAgree(120_000);
});

/** Voters die right after each vote, and rivals do not hear of each other's epoch. */
function voteAndDie(simulation: Simulation): void {
  formCluster(simulation, ["A", "A", "A"]);
  const rivals = [..."DEF"].map((name) => simulation.node(name));
  simulation.onVote = (voter) => {
    voter.crash();
    simulation.after(5, () => voter.start());
  };
  for (const left of rivals)
    for (const right of rivals) simulation.network.blockOneWay(left, right);
  simulation.network.delayMaxMs = 10;
  simulation.node("A").crash();
  simulation.run(15_000);
  simulation.healAndAgree(120_000);
}

scenario("voters crash after each vote, rivals deaf to each other", { runs: 12 }, voteAndDie);

const isVote = (effect: ClusterEffect): boolean =>
  effect.kind === "send" && effect.message.body.type === "failoverAuthAck";

test("canary: votes that are not saved are caught", () => {
  const sabotage = (effects: readonly ClusterEffect[]): readonly ClusterEffect[] =>
    effects.some(isVote) ? effects.filter(({ kind }) => kind !== "saveConfig") : effects;
  const caught = seeds(40).some((seed) => brokenBy(new Simulation({ seed, sabotage }), voteAndDie));
  expect(caught).toBe(true);
});

test("canary: votes that are sent before they are saved are caught", () => {
  const sabotage = (effects: readonly ClusterEffect[]): readonly ClusterEffect[] => [
    ...effects.filter(({ kind }) => kind !== "saveConfig"),
    ...effects.filter(({ kind }) => kind === "saveConfig"),
  ];
  const caught = seeds(40).some((seed) => brokenBy(new Simulation({ seed, sabotage }), voteAndDie));
  expect(caught).toBe(true);
});

function brokenBy(simulation: Simulation, body: (simulation: Simulation) => void): boolean {
  try {
    body(simulation);
    return false;
  } catch (error) {
    if (error instanceof BrokenInvariant && !error.message.startsWith("after")) return true;
    throw error;
  }
}
