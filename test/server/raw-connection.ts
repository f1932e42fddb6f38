import { encodeCommand } from "../support/resp-client.ts";
import { until } from "../support/server.ts";

/** A connection that shows every byte. */
export class RawConnection {
  private text = "";
  private socket: Awaited<ReturnType<typeof Bun.connect>> | undefined;
  private closed = false;

  async open(port: number): Promise<void> {
    this.socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, chunk) => {
          this.text += chunk.toString("latin1");
        },
        close: () => {
          this.closed = true;
        },
      },
    });
  }

  /** Sends a line and answers what came until nothing more does; some lines are answered by nothing at all. */
  say(line: string): Promise<string> {
    return this.sayAll([line]);
  }

  async sayAll(lines: readonly string[]): Promise<string> {
    this.text = "";
    this.socket?.write(Buffer.concat(lines.map((line) => encodeCommand(line.split(" ")))));
    let before = "";
    let looks = 0;
    await until(async () => {
      before = this.text;
      await Bun.sleep(8);
      const quiet = this.text === before && (before !== "" || ++looks > 8);
      return quiet || this.closed;
    });
    return this.take().replace(/id\r\n:\d+/, "id");
  }

  take(): string {
    const { text } = this;
    this.text = "";
    return text;
  }

  close(): void {
    this.socket?.end();
  }
}
