import { ClientFlag, Client as Field } from "../../assembly/abi.ts";
import type { Command } from "../../assembly/command-ids.ts";
import { latin1, latin1Text, untilZero } from "../base/bytes.ts";
import { parseInteger } from "../base/integer.ts";
import { error, type Protocol, type ReplyValue } from "../base/reply.ts";
import type { CommandRow } from "../commands/row.ts";
import type { Client } from "./client.ts";
import type { HostCommand } from "./execution/surroundings.ts";
import type { HostReply } from "./host-reply.ts";
import type { Node } from "./node.ts";

/** A host command in hand: who calls, and with what. */
export class HostCall implements HostCommand {
  readonly client: Client;
  readonly id: Command;
  readonly row: CommandRow;
  readonly argv: readonly Uint8Array[];
  readonly insideExec: boolean;
  readonly nowMs: number;

  constructor(
    readonly node: Node,
    command: HostCommand,
  ) {
    this.client = command.client;
    this.id = command.id;
    this.row = command.row;
    this.argv = command.argv;
    this.insideExec = command.insideExec;
    this.nowMs = command.nowMs;
  }

  get count(): number {
    return this.argv.length;
  }

  /** Argument `index` as Latin-1 text, one code unit per byte; empty when there is none. */
  text(index: number): string {
    const argument = this.argv[index];
    return argument === undefined ? "" : latin1Text(argument);
  }

  /** Argument `index` in lower case, to be compared with options. */
  word(index: number): string {
    return this.text(index).toLowerCase();
  }

  bytes(index: number): Uint8Array {
    return this.argv[index] ?? noBytes;
  }

  /** The argument as a signed 64-bit decimal integer that a double holds exactly; undefined if it is none. */
  integer(index: number): number | undefined {
    return parseNumber(this.text(index));
  }

  get protocol(): Protocol {
    return this.node.engine.clientWord(this.client.handle, Field.Protocol) === 3 ? 3 : 2;
  }

  get database(): number {
    return this.node.engine.clientWord(this.client.handle, Field.Database);
  }

  /** The command fails in INFO commandstats though its own reply is no error: another client gets one. */
  countFailure(): void {
    this.node.commandStats.of(this.row.fullName).failed++;
  }

  hasFlag(flag: ClientFlag): boolean {
    return (this.node.engine.clientFlags(this.client.handle) & flag) !== 0;
  }

  /** MULTI has been said and EXEC not yet. */
  get inMulti(): boolean {
    return this.hasFlag(ClientFlag.Multi);
  }
}

export type Handler = (call: HostCall) => HostReply;

/** Makes the node answer these commands by these handlers. */
export function addHandlers(node: Node, handlers: ReadonlyMap<Command, Handler>): void {
  for (const [id, handler] of handlers) {
    node.setPerformer(id, (command) => handler(new HostCall(node, command)));
  }
}

/** Handlers of a container by the name of the subcommand. */
export type Subcommands = Readonly<Record<string, Handler>>;

/** A handler that goes by the row of the subcommand; `Node` has looked it up and checked its arity. */
export function container(subcommands: Subcommands): Handler {
  return (call) => {
    const handler = subcommands[call.row.name];
    return handler === undefined ? subcommandSyntaxError(call) : handler(call);
  };
}

/** Redis's addReplySubcommandSyntaxError. */
export function subcommandSyntaxError(call: HostCall): ReplyValue {
  const given = untilZero(call.text(1)).slice(0, 128);
  return error(
    latin1(
      `ERR unknown subcommand or wrong number of arguments for '${given}'. ` +
        `Try ${call.text(0).toUpperCase()} HELP.`,
    ),
  );
}

export const syntaxError: ReplyValue = error("ERR syntax error");
export const notAnInteger: ReplyValue = error("ERR value is not an integer or out of range");

/** An integer of up to 64 bits as a number: beyond 2^53 the nearest one. Undefined when it is none. */
export function parseNumber(text: string): number | undefined {
  const value = parseInteger(text);
  return value === undefined ? undefined : Number(value);
}

const noBytes = new Uint8Array(0);
