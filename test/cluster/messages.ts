/** Bus messages for tests: one to start from, and seeded ones of every kind. */

import type { Prng } from "../../src/base/prng.ts";
import {
  type BusMessage,
  type GossipEntry,
  type MessageBody,
  MessageFlag,
  MessageType,
  type MessageTypeName,
  type PingExtensions,
  SLOT_BITMAP_BYTES,
} from "../../src/cluster/bus-message.ts";

export const TYPES = Object.keys(MessageType) as MessageTypeName[];

export function plainMessage(body: MessageBody): BusMessage {
  return {
    sender: "0123456789abcdef0123456789abcdef01234567",
    currentEpoch: 7,
    configEpoch: 5,
    replicationOffset: 1234,
    slots: new Uint8Array(SLOT_BITMAP_BYTES),
    primaryId: "",
    myIp: "",
    port: 7000,
    plainPort: 0,
    busPort: 17_000,
    flags: 1,
    state: "ok",
    messageFlags: 0,
    body,
  };
}

export function randomMessage(random: Prng): BusMessage {
  const body = randomBody(random, random.pick(TYPES));
  const extended = "extensions" in body && Object.keys(body.extensions).length > 0;
  return {
    sender: random.hex(40),
    currentEpoch: randomEpoch(random),
    configEpoch: randomEpoch(random),
    replicationOffset: randomEpoch(random),
    slots: random.bytes(SLOT_BITMAP_BYTES),
    primaryId: random.chance(0.5) ? random.hex(40) : "",
    myIp: randomIp(random),
    port: random.below(65_536),
    plainPort: random.below(65_536),
    busPort: random.below(65_536),
    flags: random.below(1024),
    state: random.chance(0.5) ? "ok" : "fail",
    messageFlags: random.below(4) | (extended ? MessageFlag.extensions : 0),
    body,
  };
}

function randomBody(random: Prng, type: MessageTypeName): MessageBody {
  switch (type) {
    case "ping":
    case "pong":
    case "meet": {
      const gossip = Array.from({ length: random.below(5) }, () => randomEntry(random));
      return { type, gossip, extensions: randomExtensions(random) };
    }
    case "fail":
      return { type, nodeId: random.hex(40) };
    case "publish":
    case "publishShard": {
      const channel = random.bytes(random.below(20));
      return { type, channel, message: random.bytes(random.below(200)) };
    }
    case "failoverAuthRequest":
    case "failoverAuthAck":
    case "mfStart":
      return { type };
    case "update": {
      const slots = random.bytes(SLOT_BITMAP_BYTES);
      return { type, nodeId: random.hex(40), configEpoch: randomEpoch(random), slots };
    }
    case "module": {
      const moduleId = (BigInt(random.uint32()) << 32n) | BigInt(random.uint32());
      const payload = random.bytes(random.below(50));
      return { type, moduleId, moduleType: random.below(256), payload };
    }
  }
}

function randomEntry(random: Prng): GossipEntry {
  return {
    nodeId: random.hex(40),
    pingSentSeconds: random.uint32(),
    pongReceivedSeconds: random.uint32(),
    ip: randomIp(random),
    port: random.below(65_536),
    busPort: random.below(65_536),
    flags: random.below(1024),
    plainPort: random.below(65_536),
  };
}

function randomExtensions(random: Prng): PingExtensions {
  const extensions: PingExtensions = {};
  if (random.chance(0.5))
    extensions.hostname = "a.very-long.host".repeat(16).slice(1 + random.below(250));
  if (random.chance(0.3)) {
    const type = 1 + random.below(1000);
    extensions.unknown = [
      { type, payload: random.bytes(8 * random.below(6)) },
      { type: type + 1, payload: random.bytes(8 * random.below(6)) },
    ];
  }
  return extensions;
}

function randomEpoch(random: Prng): number {
  const bits = random.below(54);
  return Math.floor((random.uint32() / 0x1_0000_0000) * 2 ** bits);
}

function randomIp(random: Prng): string {
  return random.pick([
    "",
    "10.0.0.1",
    "255.255.255.255",
    "2001:db8::1",
    "fe80::1%eth0",
    "1".repeat(45),
  ]);
}
