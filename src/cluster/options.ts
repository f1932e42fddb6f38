/** What the cluster core is told about its own node: directives, in the core's units. */

/** How clients are told where a slot lives (`cluster-preferred-endpoint-type`). */
export type EndpointType = "ip" | "hostname" | "unknown-endpoint";

/** Directives that the core follows; see redis.conf 7.0 for each. */
export interface ClusterOptions {
  /**
   * The client port that peers and clients are told: `tls-port` with `tls-cluster`, else `port`.
   */
  readonly port: number;
  /** With `tls-cluster`: the plain `port` beside it; else 0. */
  readonly plainPort: number;
  /** `cluster-port`, or `port` + 10000. */
  readonly busPort: number;
  /** `tls-cluster`: `port` above is a TLS port, and MEET and gossip talk of TLS ports. */
  readonly tls: boolean;
  /** `cluster-announce-ip`; "": found out from the first MEET. */
  readonly announceIp: string;
  /** `cluster-announce-port`; 0: none. */
  readonly announcePort: number;
  /** `cluster-announce-tls-port`; 0: none. */
  readonly announceTlsPort: number;
  /** `cluster-announce-bus-port`; 0: none. */
  readonly announceBusPort: number;
  /** `cluster-announce-hostname`; "": none. */
  readonly announceHostname: string;
  /** `cluster-preferred-endpoint-type`. */
  readonly preferredEndpointType: EndpointType;
  /** `cluster-node-timeout`. */
  readonly nodeTimeoutMs: number;
  /** `cluster-replica-validity-factor`; 0: data of any age may be promoted. */
  readonly replicaValidityFactor: number;
  /** `cluster-migration-barrier`: working replicas that a primary keeps when one moves away. */
  readonly migrationBarrier: number;
  /** `cluster-allow-replica-migration`. */
  readonly allowReplicaMigration: boolean;
  /** `cluster-require-full-coverage`. */
  readonly requireFullCoverage: boolean;
  /** `cluster-allow-reads-when-down`; the core only carries it for the engine. */
  readonly allowReadsWhenDown: boolean;
  /** `cluster-replica-no-failover`. */
  readonly replicaNoFailover: boolean;
  /** `repl-ping-replica-period`; it widens the age of data that may still be promoted. */
  readonly replicaPingPeriodMs: number;
}

/** Redis 7.0's defaults, for a node on port 6379. */
export const defaultClusterOptions: ClusterOptions = {
  port: 6379,
  plainPort: 0,
  busPort: 16379,
  tls: false,
  announceIp: "",
  announcePort: 0,
  announceTlsPort: 0,
  announceBusPort: 0,
  announceHostname: "",
  preferredEndpointType: "ip",
  nodeTimeoutMs: 15000,
  replicaValidityFactor: 10,
  migrationBarrier: 1,
  allowReplicaMigration: true,
  requireFullCoverage: true,
  allowReadsWhenDown: false,
  replicaNoFailover: false,
  replicaPingPeriodMs: 10000,
};
