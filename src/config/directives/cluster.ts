import {
  enumeration,
  integer,
  memory,
  natural,
  natural64,
  optionalText,
  portNumber,
  text,
  textWhere,
  unsigned64,
  yesOrNo,
} from "../kinds.ts";

/** One less than the size of the field that carries a host name on the bus. */
const hostNameLengthMax = 255;

/** Redis Cluster. */
export const clusterDirectives = {
  "cluster-enabled": yesOrNo(false, { immutable: true }),
  "cluster-config-file": text("nodes.conf", { immutable: true }),
  "cluster-node-timeout": integer(15000, natural64, "milliseconds"),
  "cluster-port": integer(0, portNumber, "port", { immutable: true }),
  "cluster-replica-validity-factor": integer(10, natural, "count", {
    alias: "cluster-slave-validity-factor",
  }),
  "cluster-migration-barrier": integer(1, natural, "count"),
  "cluster-allow-replica-migration": yesOrNo(true),
  "cluster-require-full-coverage": yesOrNo(true),
  "cluster-replica-no-failover": yesOrNo(false, { alias: "cluster-slave-no-failover" }),
  "cluster-allow-reads-when-down": yesOrNo(false),
  "cluster-allow-pubsubshard-when-down": yesOrNo(true),
  "cluster-link-sendbuf-limit": memory(0, unsigned64),
  "cluster-announce-hostname": optionalText({
    schema: textWhere(
      [(name) => name.length <= hostNameLengthMax, "hostname-length"],
      [(name) => /^[A-Za-z0-9.-]*$/.test(name), "hostname-characters"],
    ),
  }),
  "cluster-preferred-endpoint-type": enumeration("ip", ["ip", "hostname", "unknown-endpoint"]),
  "cluster-announce-ip": optionalText(),
  "cluster-announce-port": integer(0, portNumber, "port"),
  "cluster-announce-tls-port": integer(0, portNumber, "port"),
  "cluster-announce-bus-port": integer(0, portNumber, "port"),
};
