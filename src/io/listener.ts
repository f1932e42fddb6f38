import { chmodSync, existsSync, unlinkSync } from "node:fs";
import type { Socket, SocketHandler } from "bun";
import type { Node } from "../node/node.ts";
import { Connection } from "./connection.ts";
import { errorCodeText } from "./disk.ts";
import { codeOf, type Listening, listenOnAll } from "./listen.ts";
import { isGone, throwLater } from "./socket.ts";

/** The client port and the unix socket: accepts, refuses, and makes a `Connection` of each socket. */
export class Listener {
  private tcp: Listening[] = [];
  private unix: Listening | undefined;
  private unixPath: string | undefined;

  constructor(private readonly node: Node) {}

  /** Opens what the configuration asks for; false when it could not be (the reason is logged). */
  open(): boolean {
    const { configuration, log } = this.node;
    const port = configuration.get("port");
    if (!this.openTcp(port)) {
      log.warning(`Failed listening on port ${port} (TCP), aborting.`);
      return false;
    }
    const path = configuration.get("unixsocket");
    if (path !== "" && !this.openUnix(path)) return false;
    if (this.tcp.length === 0 && this.unix === undefined) {
      log.warning("Configured to not listen anywhere, exiting.");
      return false;
    }
    return true;
  }

  /** Moves to the configured port and addresses; keeps the old ones when that fails. */
  reopenTcp(): boolean {
    const old = this.tcp;
    this.tcp = [];
    // The same address cannot be bound twice, so the old listeners go first and come back on failure.
    for (const listening of old) listening.stop();
    return this.openTcp(this.node.configuration.get("port"));
  }

  close(): void {
    for (const listening of this.tcp.splice(0)) listening.stop();
    this.unix?.stop();
    this.unix = undefined;
    if (this.unixPath === undefined) return;
    this.node.log.notice("Removing the unix socket file.");
    if (existsSync(this.unixPath)) unlinkSync(this.unixPath);
    this.unixPath = undefined;
  }

  private openTcp(port: number): boolean {
    if (port === 0) return true;
    const opened = listenOnAll(
      this.node.configuration.get("bind"),
      port,
      (options) => Bun.listen<Connection>({ ...options, socket: this.handlers(false) }),
      (address, code) =>
        this.node.log.warning(
          `Warning: Could not create server TCP listening socket ${address}:${port}: ` +
            `bind: ${errorCodeText(code)}`,
        ),
    );
    this.tcp = opened ?? [];
    return opened !== undefined;
  }

  private openUnix(path: string): boolean {
    const { log, configuration } = this.node;
    try {
      if (existsSync(path)) unlinkSync(path);
      this.unix = Bun.listen<Connection>({ unix: path, socket: this.handlers(true) });
      this.unixPath = path;
      const permissions = configuration.get("unixsocketperm");
      if (permissions !== 0) chmodSync(path, permissions);
      return true;
    } catch (reason) {
      log.warning(`Failed opening Unix socket: bind: ${errorCodeText(codeOf(reason))}`);
      return false;
    }
  }

  private handlers(unixSocket: boolean): SocketHandler<Connection> {
    return {
      open: (socket) => this.accept(socket, unixSocket),
      data: (socket, chunk) => socket.data?.onData(chunk),
      drain: (socket) => socket.data?.onDrain(),
      close: (socket) => socket.data?.onClose(),
      error: (socket, reason) => {
        // The runtime brings exceptions of the handlers above here too: those are bugs and fatal.
        if (!("syscall" in reason)) throwLater(reason);
        this.node.log.verbose(`Error on a client's connection: ${reason.message}`);
        socket.data?.onClose();
      },
    };
  }

  private accept(socket: Socket<Connection>, unixSocket: boolean): void {
    const { node } = this;
    if (!unixSocket && isGone(socket)) {
      socket.terminate();
      return;
    }
    const path = `${this.unixPath}:0`;
    const remote = unixSocket ? path : endpoint(socket.remoteAddress, socket.remotePort);
    const local = unixSocket ? path : endpoint(socket.localAddress, socket.localPort);
    node.log.verbose(`Accepted ${remote}`);
    const refusal = this.refusal(socket, unixSocket);
    if (refusal !== undefined) {
      node.stats.connectionsRejected++;
      socket.end(refusal);
      return;
    }
    const connection = new Connection(socket, node, remote, local, unixSocket);
    const client = node.openClient(connection);
    if (client === undefined) {
      node.log.warning("Error registering a new client: out of memory");
      socket.terminate();
      return;
    }
    connection.client = client;
    socket.data = connection;
    node.stats.connectionsReceived++;
    if (unixSocket) return;
    socket.setNoDelay(true);
    const keepAliveSeconds = node.configuration.get("tcp-keepalive");
    if (keepAliveSeconds > 0) socket.setKeepAlive(true, keepAliveSeconds * 1000);
  }

  /** The error to refuse the connection with, or undefined. */
  private refusal(socket: Socket<Connection>, unixSocket: boolean): string | undefined {
    const { node } = this;
    const links = node.cluster?.linkCount ?? 0;
    if (node.clients.size + links >= node.configuration.get("maxclients")) {
      return node.cluster === undefined
        ? "-ERR max number of clients reached\r\n"
        : "-ERR max number of clients + cluster connections reached\r\n";
    }
    const { configuration } = node;
    const open = configuration.get("protected-mode") && configuration.get("requirepass") === "";
    if (!open || unixSocket || isLoopback(socket.remoteAddress)) return undefined;
    return protectedModeText;
  }
}

const protectedModeText =
  "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set " +
  "for the default user. Until that changes, only connections from the loopback interface are accepted. " +
  "To connect from elsewhere, do one of these: 1) send 'CONFIG SET protected-mode no' from this host " +
  "(and CONFIG REWRITE to keep it), if the port cannot be reached from the internet. 2) put " +
  "'protected-mode no' into the configuration file and restart. 3) start the server with " +
  "'--protected-mode no'. 4) set a password for the default user.\r\n";

function isLoopback(address: string): boolean {
  return address.startsWith("127.") || address === "::1";
}

/** `ip:port`, with brackets around an IPv6 address as Redis's anetFormatAddr has them. */
export function endpoint(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
