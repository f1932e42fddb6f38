/**
 * The engine's side of a connection: flags, database, the input that is not a whole command yet, the queue of
 * MULTI and the list of watched keys. `Client` in `abi.ts` names the words the host may read.
 */
import { Client } from "../abi";
import { alloc, canAllocate } from "./memory";

/*
 *  ClientState, 144 bytes; the first twelve words are the ABI's.
 */
@unmanaged
export class ClientState {
  flags: u32;
  database: u32;
  protocol: u32;
  id: u32;
  /** The client's own query buffer; 0 while its input fits the shared region. */
  query: usize;
  queryLength: u32;
  queryCapacity: u32;
  queuedCount: u32;
  lastCommand: u32;
  watchCount: u32;
  queuedBytes: u32;
  pendingBulk: u32;
  // Parser: see protocol/resp.ts.
  /** Offset of the first byte not yet looked at. */
  position: u32;
  /** Offset where the command in hand begins. */
  commandStart: u32;
  /** Arguments of the command in hand still to come; 0 between commands. */
  argumentsLeft: i32;
  /** Length of the bulk whose header was read, or -1. */
  bulkLength: i32;
  parsedCount: u32;
  /** Arguments parsed so far: pairs of address and length. */
  parsed: usize;
  parsedCapacity: u32;
  /** Allocation of the large argument that is being received, `bulkFilled` bytes so far. */
  bulk: usize;
  bulkFilled: u32;
  /** Large arguments received in place: list of {next, allocation}. */
  owned: usize;
  // Transactions: see keyspace/transaction.ts.
  queueFirst: usize;
  queueLast: usize;
  /** Next queued command that EXEC runs. */
  execNext: usize;
  /** Flags of all queued commands, or-ed and and-ed. */
  queuedFlagsAny: u32;
  queuedFlagsAll: u32;
  watched: usize;
  /**
   * On our primary's link: bytes of input up to the end of the last whole command, where a MULTI counts only
   * together with its EXEC.
   */
  consumed: f64;
  /** Bytes of input ever. */
  received: f64;
  /** `Yield` that `resume` goes on from, and the command that was in hand: others may run in between. */
  yielded: i32;
  heldCommand: u32;
  // While it is blocked: see keyspace/blocking.ts.
  /** u32 count, then the keys it waits for. */
  waits: usize;
  blockedIds: usize;

  @inline static at(ptr: usize): ClientState {
    return changetype<ClientState>(ptr);
  }
}
if (offsetof<ClientState>("pendingBulk") != Client.PendingBulkLength << 2) ERROR("ABI words first");
if (offsetof<ClientState>("consumed") != 112) ERROR("consumed must be 8-aligned");

/** A fresh client, or 0 when memory cannot grow. */
export function clientNew(id: u32): usize {
  if (!canAllocate(4096)) return 0;
  const ptr = alloc(offsetof<ClientState>());
  memory.fill(ptr, 0, offsetof<ClientState>());
  const client = ClientState.at(ptr);
  client.id = id;
  client.protocol = 2;
  client.bulkLength = -1;
  return ptr;
}

export function clientConsumed(ptr: usize): f64 {
  return ClientState.at(ptr).consumed;
}
