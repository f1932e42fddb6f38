/**
 * Well-formed nonsense from peers must neither throw nor break the tables. Replay with FUZZ_SEED.
 */
import { expect, test } from "bun:test";
import { Prng } from "../../src/base/prng.ts";
import { type BusMessage, type MessageBody, NodeFlag } from "../../src/cluster/bus-message.ts";
import { ClusterCore } from "../../src/cluster/core.ts";
import type { LinkId } from "../../src/cluster/effects.ts";
import type { AdminCommand, ClusterEvent } from "../../src/cluster/events.ts";
import {
  type ClusterConfig,
  parseClusterConfig,
  serializeClusterConfig,
} from "../../src/cluster/nodes-conf.ts";
import { defaultClusterOptions } from "../../src/cluster/options.ts";
import { countSlots, hasSlot } from "../../src/cluster/slot-bitmap.ts";

class Fuzz {
  readonly prng: Prng;
  core: ClusterCore;
  nowMs = 1_700_000_000_000;
  private disk: ClusterConfig | null = null;
  private readonly ids: string[];
  private readonly links: LinkId[] = [];
  private nextInbound = -1;

  constructor(seed: number) {
    this.prng = new Prng(seed);
    this.ids = Array.from({ length: 6 }, () => this.prng.hex(40));
    this.core = this.boot();
  }

  private boot(): ClusterCore {
    const { prng, nowMs, disk } = this;
    const directives = { ...defaultClusterOptions, nodeTimeoutMs: 500 };
    const makeNodeId = (): string => prng.hex(40);
    this.links.length = 0;
    this.core = new ClusterCore({ directives, config: disk, nowMs }, { prng, makeNodeId });
    this.handle({ kind: "start" });
    this.ids[0] = this.core.queries.myId;
    return this.core;
  }

  step(): void {
    const { prng } = this;
    this.nowMs += prng.below(60);
    switch (prng.below(12)) {
      case 0:
      case 1:
        this.handle({ kind: "tick" });
        return;
      case 2: {
        const linkId = this.nextInbound--;
        this.links.push(linkId);
        this.handle({ kind: "inboundOpened", linkId, localIp: "127.0.0.1", remoteIp: "10.0.0.1" });
        return;
      }
      case 3: {
        const linkId = this.link();
        this.handle({ kind: "linkOpened", linkId, localIp: "127.0.0.1", remoteIp: "10.0.0.2" });
        return;
      }
      case 4:
        if (prng.chance(0.3)) this.handle({ kind: "linkClosed", linkId: this.link(), reason: "x" });
        return;
      case 5:
        if (prng.chance(0.3)) this.handle({ kind: "admin", requestId: 1, command: this.command() });
        return;
      case 6: {
        const facts = { offset: prng.below(3), lastContactMs: this.nowMs, loading: false };
        this.handle({ kind: "replication", facts });
        return;
      }
      case 7:
        if (prng.chance(0.05)) this.boot();
        return;
      default:
        this.handle({ kind: "message", linkId: this.link(), message: this.message() });
    }
  }

  private handle(event: ClusterEvent): void {
    for (const effect of this.core.handle(event, this.nowMs)) {
      if (effect.kind === "openLink") this.links.push(effect.linkId);
      if (effect.kind !== "saveConfig") continue;
      const parsed = parseClusterConfig(serializeClusterConfig(effect.config));
      if ("reason" in parsed) throw new Error(`saved what does not load: ${parsed.reason}`);
      this.disk = parsed.config;
    }
  }

  private link(): LinkId {
    return this.links.length === 0 ? 1 : this.prng.pick(this.links);
  }

  private id(): string {
    return this.prng.pick(this.ids);
  }

  private slots(): Uint8Array {
    const slots = new Uint8Array(2048);
    for (let i = this.prng.below(4); i > 0; i--) slots[this.prng.below(3)] = this.prng.below(256);
    return slots;
  }

  private flags(): number {
    const { prng } = this;
    const role = prng.chance(0.7) ? NodeFlag.primary : NodeFlag.replica;
    return role | (prng.chance(0.3) ? prng.below(65_536) : 0);
  }

  private message(): BusMessage {
    const { prng } = this;
    return {
      sender: this.id(),
      currentEpoch: prng.below(20),
      configEpoch: prng.below(20),
      replicationOffset: prng.below(3),
      slots: this.slots(),
      primaryId: prng.chance(0.6) ? "" : this.id(),
      myIp: prng.chance(0.5) ? "" : "10.0.0.3",
      port: prng.below(3) * 7000,
      plainPort: 0,
      busPort: prng.below(3) * 17_000,
      flags: this.flags(),
      state: prng.chance(0.5) ? "ok" : "fail",
      messageFlags: prng.below(4),
      body: this.body(),
    };
  }

  private body(): MessageBody {
    const { prng } = this;
    switch (prng.below(10)) {
      case 0:
        return { type: "fail", nodeId: this.id() };
      case 1:
        return {
          type: "update",
          nodeId: this.id(),
          configEpoch: prng.below(25),
          slots: this.slots(),
        };
      case 2:
        return { type: "failoverAuthRequest" };
      case 3:
        return { type: "failoverAuthAck" };
      case 4:
        return { type: "mfStart" };
      case 5:
        return { type: "publish", channel: prng.bytes(3), message: prng.bytes(3) };
      default: {
        const gossip = Array.from({ length: prng.below(4) }, () => ({
          nodeId: this.id(),
          pingSentSeconds: 0,
          pongReceivedSeconds: Math.floor(this.nowMs / 1000),
          ip: "10.0.0.4",
          port: prng.below(3) * 7000,
          busPort: prng.below(3) * 17_000,
          flags: this.flags(),
          plainPort: 0,
        }));
        return { type: prng.pick(["ping", "pong", "meet"] as const), gossip, extensions: {} };
      }
    }
  }

  private command(): AdminCommand {
    const { prng } = this;
    const slot = String(prng.below(24));
    const nodeId = this.id();
    switch (prng.below(10)) {
      case 0:
        return { kind: "meet", ip: "10.0.0.9", port: "7000", busPort: null };
      case 1:
        return { kind: "forget", nodeId };
      case 2:
        return { kind: "replicate", nodeId, dbEmpty: true };
      case 3:
        return { kind: "failover", mode: prng.pick(["normal", "force", "takeover"] as const) };
      case 4:
        return { kind: "reset", hard: prng.chance(0.5), dbEmpty: prng.chance(0.2) };
      case 5:
        return { kind: "addSlots", slots: [slot] };
      case 6:
        return { kind: "delSlots", slots: [slot] };
      case 7: {
        const action = prng.pick([
          ["STABLE"],
          ["NODE", nodeId],
          ["MIGRATING", nodeId],
          ["IMPORTING", nodeId],
        ]);
        return { kind: "setSlot", slot, action, keysInSlot: prng.below(2) };
      }
      case 8:
        return { kind: "bumpEpoch" };
      default:
        return { kind: "flushSlots", dbEmpty: true };
    }
  }

  /** Owners and bitmaps agree, relations go both ways, answers can be made. */
  check(): void {
    const { queries } = this.core;
    const { nodes } = queries.config();
    const owned = new Uint8Array(2048);
    let total = 0;
    for (const { slots } of nodes) {
      total += countSlots(slots);
      for (let i = 0; i < slots.length; i++) owned[i] = (owned[i] ?? 0) | (slots[i] ?? 0);
    }
    expect(countSlots(owned)).toBe(total);
    for (let slot = 0; slot < 24; slot++) {
      expect(queries.endpointOfSlot(slot, false) !== null).toBe(hasSlot(owned, slot));
    }
    const known = new Set(nodes.map(({ id }) => id));
    for (const { primaryId } of nodes) expect(primaryId === "" || known.has(primaryId)).toBe(true);
    queries.info();
    queries.nodes(false);
    queries.slots(true);
    queries.shards();
    queries.links();
  }
}

test("nonsense from peers", () => {
  const { FUZZ_SEED, FUZZ_RUNS } = process.env;
  const first = FUZZ_SEED === undefined ? 1 : Number(FUZZ_SEED);
  const runs = FUZZ_SEED === undefined ? Number(FUZZ_RUNS ?? 30) : 1;
  for (let seed = first; seed < first + runs; seed++) {
    try {
      const fuzz = new Fuzz(seed);
      for (let i = 0; i < 600; i++) {
        fuzz.step();
        if (i % 50 === 0) fuzz.check();
      }
    } catch (error) {
      console.error(`replay: FUZZ_SEED=${seed} npx bun test test/cluster/core-fuzz.test.ts`);
      throw error;
    }
  }
}, 60_000);
