import { FFIType, type Pointer, ptr, read } from "bun:ffi";
import { systemFunctions } from "./system-library.ts";

/** Numbers of the Linux interface, the same on x64 and arm64. */
export enum Errno {
  EINTR = 4,
  EAGAIN = 11,
  ECONNABORTED = 103,
}

export enum EpollEvent {
  In = 0x1,
  /** There is a byte out of band (MSG_OOB). */
  Urgent = 0x2,
  Out = 0x4,
  Error = 0x8,
  HangUp = 0x10,
  /** The peer sends no more. */
  PeerDone = 0x2000,
  /** Reported once, until something new happens. */
  Edge = 0x80000000,
}

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CLOEXEC = 0o2000000;
/** Numbers of recvfrom(2) and sendto(2). */
const SYS = process.arch === "x64" ? { recvfrom: 45, sendto: 44 } : { recvfrom: 207, sendto: 206 };
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const AF_INET = 2;
const AF_INET6 = 10;
const INET6_ADDRSTRLEN = 46;
const SOL_SOCKET = 1;
const SO_KEEPALIVE = 9;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const PR_SET_TIMERSLACK = 29;
const TCP_KEEPIDLE = 4;
const TCP_KEEPINTVL = 5;
const TCP_KEEPCNT = 6;

const { i32, i64_fast, ptr: pointer, u64_fast } = FFIType;

const functions = {
  epoll_create1: { args: [i32], returns: i32 },
  epoll_ctl: { args: [i32, i32, i32, pointer], returns: i32 },
  epoll_wait: { args: [i32, pointer, i32, i32], returns: i32 },
  accept4: { args: [i32, pointer, pointer, i32], returns: i32 },
  syscall: { args: [i32, i32, pointer, u64_fast, i32, pointer, i32], returns: i64_fast },
  close: { args: [i32], returns: i32 },
  memcpy: { args: [pointer, pointer, u64_fast], returns: FFIType.void },
  usleep: { args: [i32], returns: i32 },
  prctl: { args: [i32, u64_fast, u64_fast, u64_fast, u64_fast], returns: i32 },
  setsockopt: { args: [i32, i32, i32, pointer, i32], returns: i32 },
  getsockname: { args: [i32, pointer, pointer], returns: i32 },
  inet_ntop: { args: [i32, pointer, pointer, i32], returns: pointer },
  __errno_location: { args: [], returns: pointer },
} as const;

type Functions = NonNullable<ReturnType<typeof systemFunctions<typeof functions>>>;

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/**
 * The system calls of a socket loop, straight to the C library: docs/engine.md, "Sockets". Nothing here is
 * allocated per call. A result below 0 is a failure, and `errno` its number until the next call.
 *
 * Reading and writing go around the library's wrappers: those are cancellation points, and in a process with
 * threads they pay for that with two atomic operations a call.
 */
export class SystemCalls {
  /** Events taken by one `wait`. */
  static readonly eventsMax = 512;

  // struct epoll_event is packed on x64 and nowhere else.
  private readonly eventWords = process.arch === "x64" ? 3 : 4;
  private readonly dataWord = process.arch === "x64" ? 1 : 2;
  private readonly events = new Uint32Array(SystemCalls.eventsMax * this.eventWords);
  private readonly eventsPtr = ptr(this.events);
  // A buffer of its own: what a small typed array points to may move.
  private readonly event = new Uint32Array(new ArrayBuffer(this.eventWords * 4));
  private readonly eventPtr = ptr(this.event);
  private readonly option = new Int32Array(1);
  private readonly name = new Uint8Array(128);
  private readonly nameLength = new Uint32Array(1);
  private readonly text = new Uint8Array(INET6_ADDRSTRLEN);
  private readonly errnoPtr: Pointer;
  private heldMemory: Uint8Array = new Uint8Array(1);
  private heldPtr: number = ptr(this.heldMemory);

  private constructor(private readonly library: Functions) {
    this.errnoPtr = library.__errno_location() as Pointer;
  }

  /** Undefined where the C library cannot be called. */
  static open(): SystemCalls | undefined {
    if (process.platform !== "linux") return undefined;
    const library = systemFunctions(functions);
    return library === undefined ? undefined : new SystemCalls(library);
  }

  get errno(): number {
    return read.i32(this.errnoPtr, 0);
  }

  /** Sleeps, whatever happens. `exactNaps` first, or the system adds some fifty microseconds. */
  nap(microseconds: number): void {
    this.library.usleep(microseconds);
  }

  exactNaps(): void {
    this.library.prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
  }

  // epoll(7).

  createEpoll(): number {
    return this.library.epoll_create1(EPOLL_CLOEXEC);
  }

  watch(epoll: number, descriptor: number, events: number): boolean {
    return this.control(epoll, EPOLL_CTL_ADD, descriptor, events);
  }

  unwatch(epoll: number, descriptor: number): boolean {
    return this.control(epoll, EPOLL_CTL_DEL, descriptor, 0);
  }

  private control(epoll: number, operation: number, descriptor: number, events: number): boolean {
    this.event[0] = events;
    this.event[this.dataWord] = descriptor;
    return this.library.epoll_ctl(epoll, operation, descriptor, this.eventPtr) === 0;
  }

  /** Waits up to `milliseconds` and answers how many descriptors are ready: `readyDescriptor`, `readyEvents`. */
  wait(epoll: number, milliseconds: number): number {
    return this.library.epoll_wait(epoll, this.eventsPtr, SystemCalls.eventsMax, milliseconds);
  }

  readyDescriptor(index: number): number {
    return this.events[index * this.eventWords + this.dataWord] as number;
  }

  readyEvents(index: number): number {
    return this.events[index * this.eventWords] as number;
  }

  // Sockets.

  /** The next connection's descriptor, which does not block; `peerName` tells whose it is. */
  accept(listener: number): number {
    this.nameLength[0] = this.name.length;
    return this.library.accept4(
      listener,
      ptr(this.name),
      ptr(this.nameLength),
      SOCK_NONBLOCK | SOCK_CLOEXEC,
    );
  }

  /** Who was accepted last. */
  peerName(): SocketAddress {
    return this.nameText();
  }

  localName(descriptor: number): SocketAddress {
    this.nameLength[0] = this.name.length;
    this.library.getsockname(descriptor, ptr(this.name), ptr(this.nameLength));
    return this.nameText();
  }

  private nameText(): SocketAddress {
    const { name } = this;
    const family = (name[0] as number) | ((name[1] as number) << 8);
    const at = family === AF_INET ? 4 : family === AF_INET6 ? 8 : 0;
    if (at === 0) return { address: "", port: 0 };
    const port = ((name[2] as number) << 8) | (name[3] as number);
    this.library.inet_ntop(family, ptr(name, at), ptr(this.text), this.text.length);
    const address = Buffer.from(this.text.subarray(0, this.text.indexOf(0))).toString("latin1");
    return { address, port };
  }

  /** Reads up to `length` bytes to `offset` of `memory`; 0: the peer sends no more. */
  receive(descriptor: number, memory: Uint8Array, offset: number, length: number): number {
    const at = this.at(memory, offset);
    const { syscall } = this.library;
    return syscall(SYS.recvfrom, descriptor, at, length, MSG_DONTWAIT, null, 0) as number;
  }

  /** Answers how much of it the system took. */
  send(descriptor: number, memory: Uint8Array, offset: number, length: number): number {
    return this.sendFrom(descriptor, this.at(memory, offset), length);
  }

  sendFrom(descriptor: number, address: Pointer, length: number): number {
    const flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    return this.library.syscall(SYS.sendto, descriptor, address, length, flags, null, 0) as number;
  }

  /** Copies bytes without an object for either side, as `set` and `subarray` would make. */
  copy(target: Pointer, memory: Uint8Array, offset: number, length: number): void {
    this.library.memcpy(target, this.at(memory, offset), length);
  }

  close(descriptor: number): void {
    this.library.close(descriptor);
  }

  setNoDelay(descriptor: number, on: boolean): void {
    this.setOption(descriptor, IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0);
  }

  /** First probe after so many seconds of silence, then three more within as long again (anetKeepAlive). */
  setKeepAlive(descriptor: number, seconds: number): void {
    this.setOption(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
    this.setOption(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, seconds);
    this.setOption(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, Math.max(1, Math.floor(seconds / 3)));
    this.setOption(descriptor, IPPROTO_TCP, TCP_KEEPCNT, 3);
  }

  private setOption(descriptor: number, level: number, name: number, value: number): void {
    this.option[0] = value;
    this.library.setsockopt(descriptor, level, name, ptr(this.option), 4);
  }

  /** Asking for the address of an array costs as much as a call, so that of the last one, the engine's mostly, is kept. */
  private at(memory: Uint8Array, offset: number): Pointer {
    if (memory !== this.heldMemory) {
      this.heldMemory = memory;
      this.heldPtr = ptr(memory);
    }
    return (this.heldPtr + offset) as Pointer;
  }
}
