/**
 * Times and counts of the cluster bus that no directive sets. Source: Redis 7.0's cluster.h and
 * cluster.c.
 */

/** The shell's `tick` period (clusterCron runs ten times a second). */
export const tickMs = 100;

/** A random peer is pinged once in so many ticks, picked as the oldest of so many candidates. */
export const ticksPerRandomPing = 10;
export const randomPingCandidates = 5;

/** A handshake lives for the node timeout, but no less than this. */
export const handshakeTimeoutMinMs = 1000;

/** A failure report counts for so many node timeouts (CLUSTER_FAIL_REPORT_VALIDITY_MULT). */
export const failReportNodeTimeouts = 2;

/**
 * A primary that nobody replaced loses its FAIL flag after so many (CLUSTER_FAIL_UNDO_TIME_MULT).
 */
export const failUndoNodeTimeouts = 2;

/** One vote about a primary in so many node timeouts. */
export const votePauseNodeTimeouts = 2;

/**
 * Votes count for two node timeouts, but no less than this; the next try comes after twice that.
 */
export const electionTimeoutMinMs = 2000;
export const electionTimeoutNodeTimeouts = 2;

/**
 * An election starts after a fixed delay (so that FAIL spreads), a random one, and one per rank.
 */
export const electionDelayMs = 500;
export const electionDelayRandomMs = 500;
export const electionDelayPerRankMs = 1000;

/** Why no failover starts is said again after this long, and not before the second after a FAIL. */
export const cannotFailoverRelogMs = 300_000;
export const cannotFailoverQuietMs = 5000;

/** A manual failover gives up after this; clients of the primary are paused for twice that long. */
export const manualFailoverTimeoutMs = 5000;
export const manualFailoverPauseTimeouts = 2;

/** A primary must be without working replicas for this long before one migrates to it. */
export const migrationDelayMs = 5000;

/** CLUSTER FORGET keeps gossip from bringing a node back for this long (CLUSTER_BLACKLIST_TTL). */
export const blacklistMs = 60_000;

/** After start a primary stays in state fail for this long (CLUSTER_WRITABLE_DELAY). */
export const writableDelayMs = 2000;

/** Back from a minority, a primary waits the node timeout within these bounds before state ok. */
export const rejoinDelayMinMs = 500;
export const rejoinDelayMaxMs = 5000;

/** Gossip entries per message: a tenth of the known nodes, at least so many. */
export const gossipEntriesMin = 3;
export const gossipNodesFraction = 10;

/** A peer's clock may be ahead by this much when its pong times are taken over. */
export const gossipClockToleranceMs = 500;

/** Difference between the client port and the bus port when none is told (CLUSTER_PORT_INCR). */
export const busPortIncrement = 10_000;

/** Nodes that gossip may make known; beyond it new ones are ignored (the design limit is 1000). */
export const nodesMax = 4096;

/** Rounds of "a decision made the next one due" within one event. */
export const followUpRoundsMax = 8;
