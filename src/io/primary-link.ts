import type { Socket } from "bun";
import type { PrimarySocket, PrimarySocketEvents } from "../node/primary-stream.ts";
import { errorCodeText } from "./disk.ts";
import { endpoint } from "./listener.ts";
import { isGone, throwLater } from "./socket.ts";

/** One connection to our primary. What the socket does not take at once is kept and sent when it drains. */
export class PrimaryConnection implements PrimarySocket {
  remoteAddress = "";
  localAddress = "";
  fileDescriptor = -1;
  private socket: Socket | undefined;
  private unsent: Uint8Array[] = [];
  private over = false;

  constructor(
    host: string,
    port: number,
    private readonly events: PrimarySocketEvents,
  ) {
    this.connect(host, port).catch((reason: unknown) => this.onClose(reasonText(reason)));
  }

  /** Rejects, and never throws: some host names the runtime refuses at once. */
  private async connect(hostname: string, port: number): Promise<void> {
    await Bun.connect({
      hostname,
      port,
      socket: {
        open: (socket) => this.onOpen(socket),
        data: (_, chunk) => {
          if (!this.over) this.events.onData(chunk);
        },
        drain: () => this.flush(),
        close: () => this.onClose("Connection reset by peer"),
        error: (_, reason) => {
          // The runtime brings exceptions of the handlers above here too: those are bugs and fatal.
          if (!("syscall" in reason)) throwLater(reason);
          this.onClose(reasonText(reason));
        },
        connectError: (_, reason) => this.onClose(reasonText(reason)),
      },
    });
  }

  write(bytes: Uint8Array): void {
    if (this.over) return;
    this.unsent.push(bytes);
    this.flush();
  }

  pauseReading(): void {
    if (!this.over) this.socket?.pause();
  }

  resumeReading(): void {
    if (!this.over) this.socket?.resume();
  }

  close(): void {
    if (this.over) return;
    this.over = true;
    // The last acknowledgement still goes out; `terminate` would reset the connection.
    this.socket?.end();
  }

  private onOpen(socket: Socket): void {
    if (this.over) {
      socket.terminate();
      return;
    }
    this.socket = socket;
    if (isGone(socket)) {
      this.onClose("Connection reset by peer");
      return;
    }
    socket.setNoDelay(true);
    this.remoteAddress = endpoint(socket.remoteAddress, socket.remotePort);
    this.localAddress = endpoint(socket.localAddress, socket.localPort);
    this.fileDescriptor = (socket as unknown as { readonly fd?: number }).fd ?? -1;
    this.events.onOpen();
  }

  private onClose(reason: string): void {
    if (this.over) return;
    this.over = true;
    this.socket?.terminate();
    this.events.onClose(reason);
  }

  private flush(): void {
    while (this.socket !== undefined && !this.over) {
      const bytes = this.unsent[0];
      if (bytes === undefined) return;
      const taken = Math.max(0, this.socket.write(bytes));
      if (taken < bytes.length) {
        this.unsent[0] = bytes.subarray(taken);
        return;
      }
      this.unsent.shift();
    }
  }
}

function reasonText(reason: unknown): string {
  const { code, message } = (reason ?? {}) as { readonly code?: string; readonly message?: string };
  return code === undefined ? (message ?? "Connection lost") : errorCodeText(code);
}
