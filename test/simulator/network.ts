/**
 * A virtual network of TCP-like connections: delay, loss, partitions in either direction. What is
 * sent on one connection arrives in order. A partition holds bytes back (TCP sends again); loss
 * drops single messages, which is harsher than TCP. Refused and vanished peers look as they do to a
 * real socket.
 */
import type { Prng } from "../../src/base/prng.ts";

export interface Scheduler {
  readonly nowMs: number;
  after(delayMs: number, run: () => void): void;
}

/** What a host on the network must answer for. */
export interface Host {
  readonly name: string;
  /** Bus port; hosts are told apart by it. */
  readonly busPort: number;
  readonly up: boolean;
  onInbound(socket: Socket): void;
  onOpened(socket: Socket): void;
  onBytes(socket: Socket, bytes: Uint8Array): void;
  onClosed(socket: Socket, reason: string): void;
}

/** One end of a connection. */
export interface Socket {
  readonly host: Host;
  readonly peerIp: string;
  send(bytes: Uint8Array): void;
  close(): void;
}

const retryMs = 50;

export class Network {
  delayMinMs = 1;
  delayMaxMs = 20;
  /** Probability that one message is lost. */
  loss = 0;
  private readonly blocked = new Set<string>();
  private readonly hosts: Host[] = [];
  readonly ends = new Set<End>();

  constructor(
    readonly scheduler: Scheduler,
    private readonly prng: Prng,
  ) {}

  add(host: Host): void {
    this.hosts.push(host);
  }

  /** Nothing from the first reaches the second. */
  blockOneWay(source: Host, target: Host): void {
    this.blocked.add(`${source.name}>${target.name}`);
  }

  block(left: Host, right: Host): void {
    this.blockOneWay(left, right);
    this.blockOneWay(right, left);
  }

  heal(): void {
    this.blocked.clear();
    this.loss = 0;
  }

  isBlocked(source: Host, target: Host): boolean {
    return this.blocked.has(`${source.name}>${target.name}`);
  }

  /** Both directions are open. */
  connected(left: Host, right: Host): boolean {
    return !this.isBlocked(left, right) && !this.isBlocked(right, left);
  }

  delay(): number {
    return this.delayMinMs + this.prng.below(this.delayMaxMs - this.delayMinMs + 1);
  }

  lost(): boolean {
    return this.loss > 0 && this.prng.chance(this.loss);
  }

  connect(source: Host, busPort: number): Socket {
    const near = new End(this, source);
    const target = this.hosts.find((host) => host.busPort === busPort);
    this.scheduler.after(this.delay(), () => {
      if (near.closed || target === undefined || !this.connected(source, target)) return;
      if (!target.up) {
        near.closeFromPeer("Connection refused");
        return;
      }
      const far = new End(this, target);
      near.join(far);
      target.onInbound(far);
      this.scheduler.after(this.delay(), () => near.open());
    });
    return near;
  }

  /** The host is gone: what it had under way is lost, its peers see their connections end. */
  dropHost(host: Host): void {
    for (const end of [...this.ends]) if (end.host === host) end.vanish();
  }
}

type Item = { readonly at: number; readonly bytes: Uint8Array | null };

export class End implements Socket {
  closed = false;
  readonly peerIp = "127.0.0.1";
  private peer: End | null = null;
  private opened = false;
  private readonly unsent: Uint8Array[] = [];
  /** On their way to the peer; null is the end of the stream. */
  private readonly flight: Item[] = [];
  private lastAt = 0;

  constructor(
    private readonly network: Network,
    readonly host: Host,
  ) {
    network.ends.add(this);
  }

  join(peer: End): void {
    this.peer = peer;
    peer.peer = this;
    peer.opened = true;
  }

  open(): void {
    if (this.closed) return;
    this.opened = true;
    this.host.onOpened(this);
    for (const bytes of this.unsent.splice(0)) this.push(bytes);
  }

  send(bytes: Uint8Array): void {
    if (this.closed) return;
    if (!this.opened) this.unsent.push(bytes);
    else if (!this.network.lost()) this.push(bytes);
  }

  close(): void {
    if (this.closed) return;
    this.drop();
    this.push(null);
  }

  vanish(): void {
    this.flight.length = 0;
    this.close();
  }

  closeFromPeer(reason: string): void {
    if (this.closed) return;
    this.drop();
    this.host.onClosed(this, reason);
  }

  private drop(): void {
    this.closed = true;
    this.network.ends.delete(this);
  }

  private push(bytes: Uint8Array | null): void {
    const { scheduler } = this.network;
    const at = Math.max(this.lastAt, scheduler.nowMs + this.network.delay());
    this.lastAt = at;
    this.flight.push({ at, bytes });
    scheduler.after(at - scheduler.nowMs, () => this.pump());
  }

  private pump(): void {
    const { peer, flight } = this;
    if (peer === null) return;
    const head = flight[0];
    if (head === undefined || head.at > this.network.scheduler.nowMs) return;
    if (this.network.isBlocked(this.host, peer.host)) {
      this.network.scheduler.after(retryMs, () => this.pump());
      return;
    }
    flight.shift();
    if (!peer.closed) {
      if (head.bytes === null) peer.closeFromPeer("connection closed");
      else peer.host.onBytes(peer, head.bytes);
    }
    this.pump();
  }
}
