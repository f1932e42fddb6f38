import { ClientFlag, Frame } from "../../../assembly/abi.ts";
import { Command } from "../../../assembly/command-ids.ts";
import { latin1 } from "../../base/bytes.ts";
import type { Client } from "../client.ts";
import type { HostCommandStat } from "../command-stats.ts";
import type { Replies } from "./replies.ts";
import type { Surroundings } from "./surroundings.ts";
import { quickMicroseconds, sampleEvery, type Timing, timedCallsMin } from "./timing.ts";

/** Host commands that come often and do little, answered without the objects that others make. */
export class QuickCalls {
  constructor(
    private readonly node: Surroundings,
    private readonly timing: Timing,
    private readonly replies: Replies,
  ) {}

  /** False when the command in hand is none of these, or not a plain one. */
  run(client: Client): boolean {
    const { engine } = this.node;
    const id = engine.frameWord(Frame.CommandId);
    if (id === Command.Ping) return engine.argumentCount === 1 && this.ping(client);
    const publishes = id === Command.Publish || id === Command.SPublish;
    // Of these replicas have to hear.
    if (!publishes || engine.argumentCount !== 3 || engine.journals) return false;
    return this.publish(client, id === Command.SPublish);
  }

  private isPlain(client: Client, special: ClientFlag): boolean {
    const silent = ClientFlag.ReplyOff | ClientFlag.ReplySkip;
    return (this.node.engine.clientFlags(client.handle) & (special | silent)) === 0;
  }

  /** Health checks and pools send it all the time. */
  private ping(client: Client): boolean {
    if (!this.isPlain(client, ClientFlag.Subscribed)) return false;
    const { node } = this;
    const stat = node.commandStats.of("ping");
    const weight = this.weightOf(stat.calls);
    const startedMs = weight === 0 ? 0 : node.modules.clock.monotonicMs();
    if (!node.engine.reply(pongBytes)) return false;
    client.hostCommand = "ping";
    this.measure(client, stat, weight, startedMs);
    return true;
  }

  private publish(client: Client, sharded: boolean): boolean {
    if (!this.isPlain(client, ClientFlag.Executing)) return false;
    const { node } = this;
    const { engine } = node;
    const name = sharded ? "spublish" : "publish";
    const stat = node.commandStats.of(name);
    const weight = this.weightOf(stat.calls);
    const startedMs = weight === 0 ? 0 : node.modules.clock.monotonicMs();
    if (engine.eventsLength > 0) this.replies.takeEvents();
    client.hostCommand = name;
    const receivers = sharded ? this.publishToShard() : this.publishToAll();
    if (!client.closed && !engine.reply(integerReply(receivers))) node.drop(client);
    this.measure(client, stat, weight, startedMs);
    return true;
  }

  private publishToAll(): number {
    const { engine, publisher, cluster } = this.node;
    const { bytes } = engine.memory;
    const receivers = publisher.publishBytes(
      bytes,
      engine.argumentAddress(1),
      engine.argumentLength(1),
      bytes,
      engine.argumentAddress(2),
      engine.argumentLength(2),
    );
    if (cluster !== undefined && cluster.linkCount > 0) {
      cluster.publish(engine.argument(1), engine.argument(2), false);
    }
    return receivers;
  }

  private publishToShard(): number {
    const { engine, publisher, cluster } = this.node;
    const [channel, message] = [engine.argument(1), engine.argument(2)];
    const receivers = publisher.publishToShard(channel, message);
    if (cluster !== undefined && cluster.linkCount > 0) cluster.publish(channel, message, true);
    return receivers;
  }

  /** How many calls the one in hand stands for; 0: it is not timed. */
  private weightOf(calls: number): number {
    if (calls < timedCallsMin) return 1;
    const { slowlogMicroseconds } = this.node.tuning;
    if (slowlogMicroseconds >= 0 && slowlogMicroseconds < quickMicroseconds) return 1;
    return calls % sampleEvery === 0 ? sampleEvery : 0;
  }

  private measure(client: Client, stat: HostCommandStat, weight: number, startedMs: number): void {
    stat.calls++;
    if (weight === 0) return;
    const { node, timing } = this;
    const elapsed = (node.modules.clock.monotonicMs() - startedMs) * 1000;
    stat.microseconds += elapsed * weight;
    if (node.tuning.trackLatency) stat.latency.add(elapsed, weight);
    if (timing.isSlow(elapsed)) timing.logSlow(client, elapsed, node.engine.arguments());
  }
}

const pongBytes = latin1("+PONG\r\n");

const smallIntegers = Array.from({ length: 128 }, (_, value) => latin1(`:${value}\r\n`));

function integerReply(value: number): Uint8Array {
  return smallIntegers[value] ?? latin1(`:${value}\r\n`);
}
