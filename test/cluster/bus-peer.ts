/** A cluster node of few words for tests: it speaks the bus to real servers and keeps what they say. */
import type { Socket } from "bun";
import { decodeMessage } from "../../src/cluster/bus-decode.ts";
import { encodeMessage } from "../../src/cluster/bus-encode.ts";
import { BusFramer } from "../../src/cluster/bus-framer.ts";
import {
  type BusMessage,
  type MessageBody,
  type MessageHeader,
  type MessageTypeName,
  NodeFlag,
  SLOT_BITMAP_BYTES,
} from "../../src/cluster/bus-message.ts";
import { freePort } from "../support/ports.ts";
import { until } from "../support/server.ts";

/** A message as it came, and what the codec made of it. */
export interface Heard {
  readonly bytes: Uint8Array;
  readonly message: BusMessage;
}

interface Link {
  readonly framer: BusFramer;
}

export class BusPeer {
  readonly heard: Heard[] = [];
  /** What the framer or the decoder refused: none, when the codec is right. */
  readonly refused: string[] = [];
  readonly header: MessageHeader;
  private readonly sockets = new Set<Socket<Link>>();
  private listener: { stop(closeAll?: boolean): void } | undefined;

  private constructor(id: string, port: number) {
    this.header = {
      sender: id,
      currentEpoch: 0,
      configEpoch: 0,
      replicationOffset: 0,
      slots: new Uint8Array(SLOT_BITMAP_BYTES),
      primaryId: "",
      myIp: "127.0.0.1",
      port,
      plainPort: 0,
      busPort: port + 10_000,
      flags: NodeFlag.primary | NodeFlag.myself,
      state: "ok",
      messageFlags: 0,
    };
  }

  /** A peer that listens on its bus port and answers each PING and MEET with a PONG. */
  static async listen(id: string): Promise<BusPeer> {
    const peer = new BusPeer(id, freePort());
    peer.listener = Bun.listen<Link>({
      hostname: "127.0.0.1",
      port: peer.header.busPort,
      socket: peer.handlers(),
    });
    return peer;
  }

  connect(busPort: number): Promise<Socket<Link>> {
    return Bun.connect<Link>({ hostname: "127.0.0.1", port: busPort, socket: this.handlers() });
  }

  say(socket: Socket<Link>, body: MessageBody, header: Partial<MessageHeader> = {}): void {
    socket.write(encodeMessage({ ...this.header, ...header, body }));
  }

  /** The first message of the type that `matches`, waited for. */
  async hear(
    type: MessageTypeName,
    matches: (message: BusMessage) => boolean = () => true,
    timeoutMs = 8000,
  ): Promise<Heard> {
    const find = (): Heard | undefined =>
      this.heard.find(({ message }) => message.body.type === type && matches(message));
    await until(
      () => find() !== undefined,
      timeoutMs,
      () => `a ${type} message`,
    );
    const heard = find();
    if (heard === undefined) throw new Error("unreachable");
    return heard;
  }

  close(): void {
    this.listener?.stop(true);
    for (const socket of this.sockets) socket.terminate();
  }

  private handlers() {
    return {
      open: (socket: Socket<Link>): void => {
        socket.data = { framer: new BusFramer() };
        this.sockets.add(socket);
      },
      data: (socket: Socket<Link>, chunk: Uint8Array): void => this.receive(socket, chunk),
      close: (socket: Socket<Link>): void => {
        this.sockets.delete(socket);
      },
      error: (): void => {},
    };
  }

  private receive(socket: Socket<Link>, chunk: Uint8Array): void {
    const { frames, reason } = socket.data.framer.push(chunk);
    for (const frame of frames) {
      const decoded = decodeMessage(frame);
      if ("reason" in decoded) {
        this.refused.push(decoded.reason);
        continue;
      }
      const { message } = decoded;
      this.heard.push({ bytes: frame.slice(), message });
      if (message.body.type === "ping" || message.body.type === "meet") {
        this.say(socket, { type: "pong", gossip: [], extensions: {} });
      }
    }
    if (reason !== undefined) {
      this.refused.push(reason);
      socket.terminate();
    }
  }
}
