import { encodeCommand } from "../support/resp-client.ts";

/** A connection that shows every byte. */
export class RawConnection {
  private text = "";
  private socket: Awaited<ReturnType<typeof Bun.connect>> | undefined;
  /** Whoever has an answer here has all that the server had to say before. */
  private witness: Witness | undefined;

  async open(port: number): Promise<void> {
    this.witness = await Witness.open(port);
    this.socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, chunk) => {
          this.text += chunk.toString("latin1");
        },
      },
    });
  }

  /** Sends a line and answers what came of it. */
  say(line: string): Promise<string> {
    return this.sayAll([line]);
  }

  async sayAll(lines: readonly string[]): Promise<string> {
    this.text = "";
    this.socket?.write(Buffer.concat(lines.map((line) => encodeCommand(line.split(" ")))));
    // The first answer may have been on its way already when the server read our lines.
    await this.witness?.ask();
    await this.witness?.ask();
    // Both connections are read in one turn of the loop, in any order.
    await Bun.sleep(1);
    return this.take().replace(/id\r\n:\d+/, "id");
  }

  take(): string {
    const { text } = this;
    this.text = "";
    return text;
  }

  close(): void {
    this.socket?.end();
    this.witness?.close();
  }
}

/** A second connection to the same server. */
class Witness {
  private answered: (() => void) | undefined;
  private constructor(private readonly socket: Awaited<ReturnType<typeof Bun.connect>>) {}

  static async open(port: number): Promise<Witness> {
    let witness: Witness | undefined;
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: { data: () => witness?.answered?.() },
    });
    witness = new Witness(socket);
    return witness;
  }

  ask(): Promise<void> {
    return new Promise((resolve) => {
      this.answered = resolve;
      this.socket.write("PING\r\n");
    });
  }

  close(): void {
    this.socket.end();
  }
}
