import { Frame } from "../../../assembly/abi.ts";
import type { Command } from "../../../assembly/command-ids.ts";
import { assert } from "../../base/assert.ts";
import { latin1 } from "../../base/bytes.ts";
import type { CommandTable } from "../../commands/table.ts";
import type { Engine } from "../../engine/engine.ts";
import { type Client, ClientState } from "../client.ts";
import type { Later } from "../host-reply.ts";
import type { Hand } from "./hand.ts";
import type { Parking } from "./parking.ts";
import type { Replies } from "./replies.ts";
import type { HostCommand, Surroundings } from "./surroundings.ts";
import type { Timing } from "./timing.ts";
import type { TurnEnd } from "./turn-end.ts";

/** What the engine leaves to the host: commands that are not about data, and the address in a redirect. */
export class HostCommands {
  private readonly engine: Engine;

  constructor(
    private readonly node: Surroundings,
    private readonly parts: {
      readonly hand: Hand;
      readonly timing: Timing;
      readonly replies: Replies;
      readonly parking: Parking;
      readonly turnEnd: TurnEnd;
    },
  ) {
    this.engine = node.engine;
  }

  /** False when the client is not to be resumed now. */
  run(client: Client): boolean {
    const { engine, node } = this;
    const { hand, timing, replies } = this.parts;
    const id = engine.frameWord(Frame.CommandId) as Command;
    const insideExec = engine.frameWord(Frame.InsideExec) === 1;
    const argv = engine.arguments();
    const started = node.modules.clock.monotonicMs();
    const resolved = this.resolve(id, argv);
    if ("error" in resolved) {
      node.commandStats.of(node.rowOf(id)?.fullName ?? "").rejected++;
      replies.answer(client, { kind: "error", text: resolved.error });
      return true;
    }
    const { row } = resolved;
    // What happened before comes before what this command does.
    if (engine.eventsLength > 0) replies.takeEvents();
    const command: HostCommand = { client, id, row, argv, insideExec, nowMs: hand.nowMs };
    client.hostCommand = row.fullName;
    const reply = node.perform(command);
    timing.measureHost(command, started, reply.kind === "later");
    if (reply.kind === "later") {
      this.wait(client, reply);
      return false;
    }
    if (reply.kind !== "silent") replies.answer(client, reply, row);
    return !this.ends(client);
  }

  private resolve(id: Command, argv: readonly Uint8Array[]): ReturnType<CommandTable["resolve"]> {
    const row = this.node.rowOf(id);
    if (row !== undefined && row.subcommands.length === 0) return { row };
    return this.node.modules.commands.resolve(argv);
  }

  /** True when the command was the client's last. */
  private ends(client: Client): boolean {
    if (!client.closed && !client.closeAfterReply) return false;
    this.parts.replies.takeOut(client);
    this.parts.parking.finish(client);
    return true;
  }

  /** The client waits for its reply. */
  private wait(client: Client, later: Later): void {
    const { parking, turnEnd } = this.parts;
    parking.parkAs(client, ClientState.Blocked);
    if (client.closed) return;
    let answered = false;
    later.begin((reply) => {
      if (answered) return;
      answered = true;
      turnEnd.add(() => {
        if (!client.closed) parking.answerHost(client, reply);
      });
    });
  }

  redirect(client: Client): void {
    const { engine } = this;
    const { cluster } = this.node;
    assert(cluster !== undefined, "a redirect without a cluster");
    const slot = engine.frameWord(Frame.RedirectSlot);
    const text = cluster.redirect(slot, engine.frameWord(Frame.RedirectKind), client);
    this.node.stats.countError(text.slice(0, text.indexOf(" ")));
    engine.reply(latin1(`-${text}\r\n`));
  }
}
