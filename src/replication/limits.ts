/** Bounds of the replication core, each with its unit and where Redis 7.0 sets it. */

/** Smallest replication backlog, bytes (CONFIG_REPL_BACKLOG_MIN_SIZE in server.h). */
export const BACKLOG_BYTES_MIN = 16 * 1024;

/** Backlog segments are a sixteenth of the backlog, but within these bounds, bytes. */
export const SEGMENT_BYTES_MIN = 16 * 1024;
export const SEGMENT_BYTES_MAX = 1024 * 1024;

/** Length of a replication ID and of an EOF mark, hexadecimal digits (CONFIG_RUN_ID_SIZE). */
export const REPLID_LENGTH = 40;

/** Longest line of the handshake or bulk header, bytes (readSyncBulkPayload reads at most 1024). */
export const HANDSHAKE_LINE_BYTES_MAX = 1024;

/** Longest `REPLCONF ip-address`, bytes (NET_HOST_STR_LEN - 1 in server.h). */
export const ANNOUNCED_IP_BYTES_MAX = 255;

/** Stream bytes held for a replica that is still loading its snapshot; beyond this the link drops. */
export const PENDING_STREAM_BYTES_MAX = 256 * 1024 * 1024;

/** replicationCron runs once a second, milliseconds. */
export const CRON_PERIOD_MS = 1000;
