/** Every bound of the server outside the engine, with its unit. */

/** Slow log entries keep at most so many arguments, each at most so long (slowlog.h). */
export const slowlogArgumentsMax = 32;
export const slowlogArgumentBytesMax = 128;
/** Commands of one slow pipeline that get an entry of their own. */
export const slowlogBatchMax = 128;

/** Clients looked at for time-outs in one cron call: at least so many (clientsCron). */
export const clientsCronMin = 5;

/** Samples of an instantaneous metric, one each 100 ms (STATS_METRIC_SAMPLES). */
export const metricSamples = 16;

/** A process title is cut here, bytes. */
export const processTitleBytesMax = 4096;

/** One slice of active expiry, milliseconds: the loop goes back to clients in between. */
export const expireSliceMs = 1;

/** Keys looked at by one call into the engine during an expiry or reclaim slice. */
export const expireSliceKeys = 64;
export const reclaimSliceKeys = 512;
/** Buckets of a table that is being resized, moved by one call into the engine. */
export const moveSliceBuckets = 64;

/** Keys of slots that have gone to others are deleted for so many milliseconds before clients get their turn. */
export const slotDeletionMs = 2;

/** Clients that send much at once are worked for during so much of a turn, milliseconds. */
export const inputSliceMs = 2;

/** The primary's stream is handed to the engine in pieces of so many bytes; about so many wait for a later turn. */
export const streamPieceBytes = 32 * 1024;
export const streamAheadBytesMax = 1024 * 1024;

/**
 * Bytes of replies that a client may leave unread until its next commands wait, which are read on all the same: many
 * clients send all of a long pipeline before they read the first reply.
 */
export const repliesAheadBytesMax = 16 * 1024 * 1024;

/** Bytes of chunks that reached us after reading was paused; beyond it the connection is closed. */
export const heldInputBytesMax = 64 * 1024 * 1024;

/** A client that waits for a key is read on, to hear of its end, until so many bytes of further commands are held. */
export const readAheadBytesMax = 64 * 1024;

/** Bytes of published messages that wait to be sent; and those bytes counted once per subscriber. */
export const outboxBytesMax = 256 * 1024;
export const outboxCopiedBytesMax = 8 * 1024 * 1024;

/** Channels whose matching patterns are remembered. */
export const routesMax = 1024;

/** Distinct error codes counted for INFO errorstats (Redis stops at 128, to bound what scripts can do). */
export const errorCodesMax = 128;

/** One step of a snapshot encodes about this many bytes, and steps go on for so many milliseconds. */
export const snapshotSliceBytes = 64 * 1024;
/** They begin with fewer, and grow as long as a step takes less than this: code that has not run yet is slow. */
export const snapshotSliceBytesMin = 4 * 1024;
export const snapshotStepMs = 0.25;
export const snapshotSliceMs = 1;
/** For so long while a client waits for a value to be saved. */
export const snapshotAwaitedSliceMs = 3;

/** A replica's connection is given no more of a snapshot while it holds this many unsent bytes. */
export const snapshotAheadBytesMax = 1024 * 1024;

/** Files are read in chunks of so many bytes. */
export const loadChunkBytes = 256 * 1024;
/** Loading goes on for so many milliseconds before clients get their turn; at the start nobody has waited for one yet. */
export const loadSliceMs = 4;
export const startLoadSliceMs = 20;
/** Bytes of the image between two looks at the clock: a few thousand keys, which take a millisecond or two. */
export const loadStepBytes = 64 * 1024;

/** Redis tries again this long after a failed BGSAVE, milliseconds (CONFIG_BGSAVE_RETRY_DELAY). */
export const saveRetryDelayMs = 5000;

/** Free memory is given back to the system so often, for so long at a time (both ms). */
export const purgePeriodMs = 1000;
export const purgeSliceMs = 1;
