import { FFIType, ptr } from "bun:ffi";
import { afterAll, beforeAll, expect, spyOn, test } from "bun:test";
import type { ClientSocketEvents } from "../../src/io/client-socket.ts";
import { PatiencePolicy } from "../../src/io/patience.ts";
import { PolledLoop } from "../../src/io/polled-loop.ts";
import { PolledListener, type PolledSocket } from "../../src/io/polled-socket.ts";
import { systemFunctions } from "../../src/io/system-library.ts";

/** What a socket has told its owner. */
class Owner implements ClientSocketEvents {
  readonly directInput = undefined;
  readonly received: Uint8Array[] = [];
  readonly returned: Uint8Array[] = [];
  bytes = 0;
  drained = 0;
  closed = false;
  peerDone = false;
  onBytes: ((total: number) => void) | undefined;

  constructor(readonly socket: PolledSocket) {}

  onDirectInput(): void {
    throw new Error("nothing is read in place here");
  }
  onData(chunk: Uint8Array): void {
    this.received.push(chunk.slice());
    this.bytes += chunk.length;
    this.onBytes?.(this.bytes);
  }
  onDrain(): void {
    this.drained++;
  }
  onReturned(bytes: Uint8Array, offset: number, length: number): void {
    this.returned.push(bytes.slice(offset, offset + length));
  }
  onClose(): void {
    this.closed = true;
  }
  onPeerDone(): void {
    this.peerDone = true;
  }
}

/** Counts active clients. */
class CountingPolicy extends PatiencePolicy {
  counted = 0;

  override countActive(): void {
    this.counted++;
    super.countActive();
  }
}

const patience = new CountingPolicy(true);
let loop: PolledLoop;
let listener: PolledListener;
let port = 0;
let accepted: ((owner: Owner) => void) | undefined;

beforeAll(() => {
  const opened = PolledLoop.open(patience);
  if (opened === undefined) throw new Error("no loop of our own on this system");
  loop = opened;
  const listening = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  port = listening.port;
  const { fd } = listening as unknown as { readonly fd: number };
  const polled = PolledListener.open(
    loop,
    { fd, stop: () => listening.stop() },
    {
      accepted: (socket) => {
        const owner = new Owner(socket);
        socket.open(owner);
        accepted?.(owner);
      },
      onFault: (call, errno) => {
        throw new Error(`${call}: ${errno}`);
      },
    },
  );
  if (polled === undefined) throw new Error("the loop does not watch the listener");
  listener = polled;
});

afterAll(() => {
  listener.stop();
  loop.close();
});

interface Peer {
  readonly owner: Owner;
  readonly received: Uint8Array[];
  readonly closed: Promise<void>;
  write(bytes: Uint8Array): void;
  end(): void;
  reset(): void;
  /** Sends one byte out of band. */
  writeUrgent(): void;
}

const MSG_OOB = 1;
const { i32, ptr: pointer, u64_fast } = FFIType;

function sendUrgent(descriptor: number): void {
  const library = systemFunctions({
    send: { args: [i32, pointer, u64_fast, i32], returns: i32 },
  });
  expect(library?.send(descriptor, ptr(new Uint8Array([0x58])), 1, MSG_OOB)).toBe(1);
}

async function connect(): Promise<Peer> {
  const arrival = Promise.withResolvers<Owner>();
  accepted = arrival.resolve;
  const received: Uint8Array[] = [];
  const closed = Promise.withResolvers<void>();
  let unsent = new Uint8Array(0);
  const flush = (socket: { write(bytes: Uint8Array): number }): void => {
    const taken = socket.write(unsent);
    unsent = unsent.subarray(Math.max(0, taken));
  };
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data: (_, chunk) => {
        received.push(chunk.slice());
      },
      drain: flush,
      close: () => closed.resolve(),
    },
  });
  const owner = await arrival.promise;
  return {
    owner,
    received,
    closed: closed.promise,
    write: (bytes) => {
      unsent = Buffer.concat([unsent, bytes]);
      flush(socket);
    },
    end: () => socket.end(),
    reset: () => socket.terminate(),
    writeUrgent: () => sendUrgent((socket as unknown as { readonly fd: number }).fd),
  };
}

/** By our own loop's clock: a timer of the runtime's waits for the runtime's next turn. */
function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => loop.after(milliseconds, resolve));
}

/** Waits for something that the loops bring about; says what was missing. */
async function until(what: string, holds: () => boolean): Promise<void> {
  for (let waited = 0; waited < 5000; waited += 5) {
    if (holds()) return;
    await sleep(5);
  }
  throw new Error(`waited in vain: ${what}`);
}

function bytesOf(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (index * 31 + (index >> 8)) & 0xff;
  return bytes;
}

test("more than one read arrives whole and in order", async () => {
  const peer = await connect();
  const sent = bytesOf(3_000_000);
  peer.write(sent);
  await until("all bytes", () => peer.owner.bytes === sent.length);
  expect(Buffer.concat(peer.owner.received).equals(sent)).toBe(true);
  peer.end();
  await until("the end", () => peer.owner.closed);
});

test("the last bytes arrive though the end comes with them", async () => {
  for (let round = 0; round < 50; round++) {
    const peer = await connect();
    peer.write(bytesOf(100 + round));
    peer.end();
    await until("the end", () => peer.owner.closed);
    expect(peer.owner.bytes).toBe(100 + round);
  }
});

test("what stands behind a byte out of band is read", async () => {
  const peer = await connect();
  peer.owner.socket.pause();
  peer.write(bytesOf(100));
  peer.writeUrgent();
  peer.write(bytesOf(50));
  await sleep(20);
  peer.owner.socket.resume();
  await until("all bytes", () => peer.owner.bytes === 150);
  peer.end();
  await until("the end", () => peer.owner.closed);
});

test("what comes during a pause is read after it", async () => {
  const peer = await connect();
  peer.owner.socket.pause();
  peer.write(bytesOf(1000));
  await sleep(30);
  expect(peer.owner.bytes).toBe(0);
  peer.owner.socket.resume();
  await until("the bytes", () => peer.owner.bytes === 1000);
  peer.owner.socket.pause();
  peer.write(bytesOf(10));
  peer.end();
  await sleep(30);
  expect(peer.owner.closed).toBe(false);
  expect(peer.owner.peerDone).toBe(true);
  peer.owner.socket.resume();
  await until("the end", () => peer.owner.closed);
  expect(peer.owner.bytes).toBe(1010);
});

test("what the system does not take is offered again", async () => {
  const peer = await connect();
  const sent = bytesOf(20_000_000);
  const { owner } = peer;
  let at = 0;
  const offer = (): void => {
    while (at < sent.length) {
      const taken = owner.socket.write(sent, at, sent.length - at);
      at += taken;
      if (taken === 0) return;
    }
    owner.socket.end();
  };
  offer();
  expect(at).toBeLessThan(sent.length);
  const onDrain = owner.onDrain.bind(owner);
  owner.onDrain = () => {
    onDrain();
    offer();
  };
  await peer.closed;
  expect(Buffer.concat(peer.received).equals(sent)).toBe(true);
  expect(owner.drained).toBeGreaterThan(0);
});

test("short writes are gathered only while sockets are served, go out in order, and before the end", async () => {
  const peers: Peer[] = [];
  for (let count = 0; count < 40; count++) peers.push(await connect());
  const whole = bytesOf(20_000);
  for (const { owner } of peers) {
    owner.onBytes = () => {
      const { socket } = owner;
      expect(socket.writeSoon(whole, 0, 100)).toBe(true);
      expect(socket.writeSoon(whole, 100, 50)).toBe(true);
      // Too long to be copied: what stands before it goes first.
      expect(socket.writeSoon(whole, 150, 10_000)).toBe(false);
      expect(socket.write(whole, 150, 10_000)).toBe(10_000);
      expect(socket.writeSoon(whole, 10_150, 850)).toBe(true);
      socket.end();
    };
  }
  expect(peers[0]?.owner.socket.writeSoon(whole, 0, 10)).toBe(false);
  for (const peer of peers) peer.write(bytesOf(10));
  for (const peer of peers) {
    await peer.closed;
    expect(Buffer.concat(peer.received).equals(whole.subarray(0, 11_000))).toBe(true);
  }
});

test("what is written to one socket in turns with another goes out as one, in order", async () => {
  const sender = await connect();
  const [one, two] = [await connect(), await connect()];
  const sends = spyOn(loop.system, "sendFrom");
  const expected: string[] = [];
  sender.owner.onBytes = () => {
    for (let count = 0; count < 20; count++) {
      const bytes = Buffer.from(`${count},`);
      expected.push(`${count},`);
      for (const { owner } of [one, two]) {
        expect(owner.socket.writeSoon(bytes, 0, bytes.length)).toBe(true);
      }
    }
  };
  sender.write(bytesOf(10));
  for (const { received } of [one, two]) {
    const text = (): string => Buffer.concat(received).toString("latin1");
    await until("all texts", () => text().length === 50);
    expect(text()).toBe(expected.join(""));
  }
  expect(sends).toHaveBeenCalledTimes(2);
  sends.mockRestore();
  for (const peer of [sender, one, two]) peer.end();
});

test("a short write that the system does not take comes back, and nothing overtakes it", async () => {
  const peer = await connect();
  const { owner } = peer;
  const { socket } = owner;
  const sent = bytesOf(1000);
  const { system } = loop;
  const sends = spyOn(system, "sendFrom");
  sends.mockImplementationOnce((fd, address) => system.sendFrom(fd, address, 100));
  owner.onBytes = () => {
    owner.onBytes = undefined;
    expect(socket.writeSoon(sent, 0, 300)).toBe(true);
    expect(socket.writeSoon(sent, 300, 300)).toBe(true);
    expect(socket.write(sent, 600, 400)).toBe(0);
    expect(socket.writeSoon(sent, 600, 400)).toBe(false);
  };
  owner.onDrain = () => {
    const left = Buffer.concat([...owner.returned, sent.subarray(600)]);
    expect(socket.write(left, 0, left.length)).toBe(900);
    socket.end();
  };
  peer.write(bytesOf(10));
  await until("it comes back", () => owner.returned.length === 1);
  // The system has room, and says so with whatever comes next.
  peer.write(bytesOf(10));
  await peer.closed;
  expect(Buffer.concat(peer.received).equals(sent)).toBe(true);
  sends.mockRestore();
});

test("a peer that resets the connection closes it", async () => {
  const peer = await connect();
  peer.reset();
  await until("the end", () => peer.owner.closed);
});

test("the last reply arrives though there was input that nobody read", async () => {
  const peer = await connect();
  peer.owner.socket.pause();
  peer.write(bytesOf(200_000));
  await sleep(20);
  const reply = bytesOf(50);
  peer.owner.socket.write(reply, 0, reply.length);
  peer.owner.socket.end();
  await peer.closed;
  expect(Buffer.concat(peer.received).equals(reply)).toBe(true);
});

test("active is who sends, not who connects or leaves, nor the listener", async () => {
  const before = patience.counted;
  const peers: Peer[] = [];
  for (let count = 0; count < 10; count++) peers.push(await connect());
  await sleep(5);
  expect(patience.counted).toBe(before);
  peers[0]?.write(bytesOf(10));
  await until("the bytes", () => peers[0]?.owner.bytes === 10);
  expect(patience.counted).toBe(before + 1);
  for (const peer of peers) peer.end();
  await until("the end", () => peers.every(({ owner }) => owner.closed));
  expect(patience.counted).toBe(before + 1);
});

/** A listener of the runtime's on a port of its own, and how many connections that has accepted. */
function listenHere(): { fd: number; port: number; byRuntime: number; stop(): void } {
  const here = { fd: -1, port: 0, byRuntime: 0, stop: () => listening.stop(true) };
  const socket = { data() {}, open: () => void here.byRuntime++ };
  const listening = Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
  here.fd = (listening as unknown as { readonly fd: number }).fd;
  here.port = listening.port;
  return here;
}

async function connectTo(port: number): Promise<void> {
  const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } });
  await sleep(20);
  socket.end();
}

test("a listening socket that the loop cannot watch stays the runtime's", async () => {
  const here = listenHere();
  // The system refuses to watch what it watches already: EEXIST.
  loop.watch(here.fd, 0, { activeIn: 0, onReady: () => 0 });
  const accepted = (): void => {
    throw new Error("not by this loop");
  };
  const onFault = accepted;
  expect(PolledListener.open(loop, here, { accepted, onFault })).toBeUndefined();
  expect(loop.system.errno).toBe(17);
  await connectTo(here.port);
  await until("the runtime accepts", () => here.byRuntime === 1);
  loop.unwatch(here.fd);
  here.stop();
});

test("a listener that the loop does not take back at once is offered again", async () => {
  const here = listenHere();
  const faults: string[] = [];
  let watched = 0;
  let acceptsFail = true;
  const faultySystem: unknown = Object.create(loop.system, {
    accept: { value: (fd: number) => (acceptsFail ? -1 : loop.system.accept(fd)) },
    errno: { get: () => (acceptsFail ? 24 : watched < 4 ? 28 : loop.system.errno) },
  });
  const faulty: PolledLoop = Object.create(loop, {
    system: { value: faultySystem },
    // Only the first time and from the fourth on.
    watch: {
      value: (...[fd, events, polled]: Parameters<PolledLoop["watch"]>) => {
        watched++;
        return (watched === 1 || watched > 3) && loop.watch(fd, events, polled);
      },
    },
  });
  const arrived = Promise.withResolvers<PolledSocket>();
  const own = PolledListener.open(faulty, here, {
    accepted: arrived.resolve,
    onFault: (call, errno) => {
      faults.push(`${call}: ${errno}`);
      acceptsFail = false;
    },
  });
  await connectTo(here.port);
  (await arrived.promise).end();
  expect(faults).toEqual(["accept: 24", "epoll_ctl: 28", "epoll_ctl: 28"]);
  expect(here.byRuntime).toBe(0);
  own?.stop();
});

test("actions and timers run in order, and promises are settled between them", async () => {
  const order: string[] = [];
  const done = Promise.withResolvers<void>();
  const start = performance.now();
  loop.after(20, () => {
    order.push(`20 ms${performance.now() - start >= 20 ? "" : " early"}`);
    done.resolve();
  });
  loop.after(5, () => order.push("5 ms"));
  loop.soon(() => {
    order.push("soon");
    queueMicrotask(() => order.push("promise"));
    loop.soon(() => order.push("the next turn"));
  });
  await done.promise;
  expect(order).toEqual(["soon", "promise", "the next turn", "5 ms", "20 ms"]);
});

test("many actions do not hold up timers", async () => {
  let timers = 0;
  let left = 60;
  const tick = (): void => {
    timers++;
    if (left > 0) loop.after(1, tick);
  };
  loop.after(1, tick);
  const done = Promise.withResolvers<void>();
  for (let count = left; count > 0; count--) {
    loop.soon(() => {
      Bun.sleepSync(1);
      if (--left === 0) done.resolve();
    });
  }
  await done.promise;
  expect(timers).toBeGreaterThan(5);
});

test("an exception reaches the last handler, and the loop goes on", async () => {
  const script = `
    import { PolledLoop } from "${import.meta.dir}/../../src/io/polled-loop.ts";
    process.on("uncaughtException", (reason) => console.log(reason.message));
    const loop = PolledLoop.open();
    loop.soon(() => { throw new Error("first"); });
    loop.soon(() => console.log("second"));
    loop.after(5, () => { throw new Error("third"); });
    loop.after(10, () => { console.log("fourth"); process.exit(7); });
  `;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  expect(await new Response(child.stdout).text()).toBe("first\nsecond\nthird\nfourth\n");
  expect(await child.exited).toBe(7);
});
