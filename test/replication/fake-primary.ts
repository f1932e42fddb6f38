/** A primary that sends whatever stream a test wants, as fast as its replica reads. */
import { createServer, type Server, type Socket } from "node:net";

/** An RDB without keys; its checksum of zeros says that there is none. */
const emptyImage = Buffer.concat([Buffer.from("REDIS0010"), Buffer.from([0xff]), Buffer.alloc(8)]);

export class FakePrimary {
  readonly replid = "0123456789".repeat(4);
  /** Arguments of each PSYNC that came. */
  readonly requests: string[] = [];
  /** The offset of the last REPLCONF ACK. */
  acknowledged = -1;
  /** Answer PSYNC with +CONTINUE from now on. */
  resumes = false;
  private socket: Socket | undefined;
  private readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
  }

  static async start(): Promise<FakePrimary> {
    const server = createServer();
    const primary = new FakePrimary(server);
    server.on("connection", (socket) => primary.onConnection(socket));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return primary;
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  send(stream: string): void {
    this.socket?.write(stream);
  }

  /** Sends and ends the connection behind it. */
  sendLast(stream: string): void {
    this.socket?.end(stream);
  }

  stop(): void {
    this.socket?.destroy();
    this.server.close();
  }

  private onConnection(socket: Socket): void {
    this.socket = socket;
    socket.on("error", () => undefined);
    socket.on("data", (bytes) => this.onRequests(bytes.toString("latin1")));
  }

  /** What the replica writes at once arrives at once; empty lines are signs of life. */
  private onRequests(text: string): void {
    for (const command of text
      .trimStart()
      .split(/^\*\d+\r\n/m)
      .slice(1)) {
      const [name = "", ...words] = command.split("\r\n").filter((_, at) => at % 2 === 1);
      this.onRequest(name.toUpperCase(), words);
    }
  }

  private onRequest(name: string, [first = "", second = ""]: readonly string[]): void {
    if (name === "PING") this.send("+PONG\r\n");
    else if (name === "PSYNC") this.onPsync(first, second);
    else if (first.toUpperCase() === "ACK") this.acknowledged = Number(second);
    else this.send("+OK\r\n");
  }

  private onPsync(replid: string, offset: string): void {
    this.requests.push(`${replid} ${offset}`);
    if (this.resumes) {
      this.send(`+CONTINUE ${this.replid}\r\n`);
      return;
    }
    this.send(`+FULLRESYNC ${this.replid} 0\r\n$${emptyImage.length}\r\n`);
    this.socket?.write(emptyImage);
  }
}
