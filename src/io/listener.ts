import { chmodSync, existsSync, unlinkSync } from "node:fs";
import type { Socket, SocketHandler } from "bun";
import { latin1 } from "../base/bytes.ts";
import type { Node } from "../node/node.ts";
import type { ClientSocket } from "./client-socket.ts";
import { Connection } from "./connection.ts";
import { errorCodeText, errorNumberText } from "./disk.ts";
import { codeOf, type Listening, listenOnAll } from "./listen.ts";
import type { PolledLoop } from "./polled-loop.ts";
import { PolledListener } from "./polled-socket.ts";
import { isGone, throwLater } from "./socket.ts";
import type { SocketAddress } from "./system-calls.ts";

/** The client port and the unix socket: accepts, refuses, and makes a `Connection` of each socket. */
export class Listener {
  private tcp: Listening[] = [];
  private unix: Listening | undefined;
  private unixPath: string | undefined;

  /** `loop`: sockets go into this one; undefined: into the runtime's. */
  constructor(
    private readonly node: Node,
    private readonly loop: PolledLoop | undefined,
  ) {}

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
      (options) =>
        this.polled(Bun.listen<Connection>({ ...options, socket: this.handlers(false) }), false),
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
      const listening = Bun.listen<Connection>({ unix: path, socket: this.handlers(true) });
      this.unix = this.polled(listening, true);
      this.unixPath = path;
      const permissions = configuration.get("unixsocketperm");
      if (permissions !== 0) chmodSync(path, permissions);
      return true;
    } catch (reason) {
      log.warning(`Failed opening Unix socket: bind: ${errorCodeText(codeOf(reason))}`);
      return false;
    }
  }

  // Sockets in our own loop.

  private polled(listening: Listening, unixSocket: boolean): Listening {
    const { loop, node } = this;
    const descriptor = (listening as { readonly fd?: number }).fd;
    if (loop === undefined || descriptor === undefined) return listening;
    const stop = (): void => listening.stop();
    const errorText = (): string => errorNumberText(loop.system.errno);
    const polled = PolledListener.open(
      loop,
      { fd: descriptor, stop },
      {
        accepted: (socket, remote, local) => {
          const connection = this.accept(socket, { remote, local, unixSocket });
          if (connection === undefined || socket.open(connection)) return;
          node.log.warning(`Error registering fd event for the new client: ${errorText()}`);
        },
        onFault: (call, errno) =>
          node.log.warning(`Accepting client connection: ${call}: ${errorNumberText(errno)}`),
      },
    );
    if (polled !== undefined) return polled;
    node.log.warning(`Serving a listening socket the slower way: epoll_ctl: ${errorText()}`);
    return listening;
  }

  // Sockets in the runtime's loop.

  private handlers(unixSocket: boolean): SocketHandler<Connection> {
    return {
      open: (socket) => this.opened(socket, unixSocket),
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

  private opened(socket: Socket<Connection>, unixSocket: boolean): void {
    if (!unixSocket && isGone(socket)) {
      socket.terminate();
      return;
    }
    const remote = { address: socket.remoteAddress, port: socket.remotePort };
    const local = { address: socket.localAddress, port: socket.localPort };
    const connection = this.accept(asClientSocket(socket), { remote, local, unixSocket });
    if (connection !== undefined) socket.data = connection;
  }

  /** Undefined when the connection was refused, and closed. */
  private accept(socket: ClientSocket, ends: Ends): Connection | undefined {
    const { node } = this;
    const { unixSocket } = ends;
    const path = `${this.unixPath}:0`;
    const remote = unixSocket ? path : endpoint(ends.remote.address, ends.remote.port);
    const local = unixSocket ? path : endpoint(ends.local.address, ends.local.port);
    node.log.verbose(`Accepted ${remote}`);
    const refusal = this.refusal(ends);
    if (refusal !== undefined) {
      node.stats.connectionsRejected++;
      const text = latin1(refusal);
      socket.write(text, 0, text.length);
      socket.end();
      return undefined;
    }
    const connection = new Connection(socket, node, remote, local, unixSocket);
    const client = node.openClient(connection);
    if (client === undefined) {
      node.log.warning("Error registering a new client: out of memory");
      socket.end();
      return undefined;
    }
    connection.client = client;
    node.stats.connectionsReceived++;
    if (unixSocket) return connection;
    socket.setNoDelay(true);
    const keepAliveSeconds = node.configuration.get("tcp-keepalive");
    if (keepAliveSeconds > 0) socket.setKeepAlive(true, keepAliveSeconds * 1000);
    return connection;
  }

  /** The error to refuse the connection with, or undefined. */
  private refusal({ remote, unixSocket }: Ends): string | undefined {
    const { node } = this;
    const links = node.cluster?.linkCount ?? 0;
    if (node.clients.size + links >= node.configuration.get("maxclients")) {
      return node.cluster === undefined
        ? "-ERR max number of clients reached\r\n"
        : "-ERR max number of clients + cluster connections reached\r\n";
    }
    const { configuration } = node;
    const open = configuration.get("protected-mode") && configuration.get("requirepass") === "";
    if (!open || unixSocket || isLoopback(remote.address)) return undefined;
    return protectedModeText;
  }
}

/** Who talks to whom. */
interface Ends {
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  readonly unixSocket: boolean;
}

/** A socket of the runtime's is one, but for its descriptor, which its types do not know. */
function asClientSocket(socket: Socket<Connection>): ClientSocket {
  return socket as unknown as ClientSocket;
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
