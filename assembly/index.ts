/** The engine's export list; nothing else stands here. `src/engine/exports.ts` documents each. */
export { clientConsumed, clientNew } from "./base/client";
export {
  eventsTaken,
  framePtr,
  inputPtr,
  replyReserve,
  replyTaken,
  replyTrim,
  scratchPtr,
  setSetting,
} from "./base/frame";
export { checkMemory as heapOk } from "./base/memory";
export { purgeLength, takePurgeable } from "./base/pages";
export { commandStatsPtr, errorStatsPtr, resetErrorStats, statsPtr } from "./base/stats";
export { addCommand, addSubcommand, clearCommands } from "./commands";
export { execute, resume, serveBlocked, skipBlocked } from "./dispatch";
export {
  averageTtl,
  clientFree,
  clientReset,
  clientSetFlag,
  countKeysInSlot,
  deleteKeysInSlot,
  evictMore,
  expireCycle,
  expireCycleLooked,
  expiresCount,
  init,
  keyCount,
  listKeysInSlot,
  moveKeys,
  tableBytes,
} from "./host";
export { park } from "./input";
export { journalAppend, journalDatabase, journalForgetDatabase, journalTaken } from "./journal";
export { readyType } from "./keyspace/blocking";
export { flush, reclaim } from "./keyspace/flush";
export { slotStatesPtr } from "./ownership";
export { keySlot } from "./protocol/crc16";
export { inputReserve } from "./protocol/query";
export { digest, digestValue } from "./snapshot/digest";
export {
  loadAux,
  loadBegin,
  loadChunk,
  loadEnd,
  loadedBytes,
  loadedExpiredKeys,
  loadedKeys,
  loadReserve,
} from "./snapshot/load";
export {
  snapshotAwaited,
  snapshotBegin,
  snapshotEnd,
  snapshotHurry,
  snapshotNext,
  snapshotPeek,
  snapshotTaken,
} from "./snapshot/snapshot";
export { inspect } from "./types/inspect";
export { populate } from "./types/populate";
