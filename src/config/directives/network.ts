import {
  enumeration,
  integer,
  natural,
  optionalText,
  permissions,
  portNumber,
  range,
  yesOrNo,
} from "../kinds.ts";
import { uint32Max } from "../numbers.ts";
import { addresses } from "../special.ts";

/** Where the server listens, and how it treats connections. */
export const networkDirectives = {
  bind: addresses(["*", "-::*"]),
  "bind-source-addr": optionalText(),
  "protected-mode": yesOrNo(true),
  port: integer(6379, portNumber, "port"),
  "tcp-backlog": integer(511, natural, "count", { immutable: true }),
  unixsocket: optionalText({ immutable: true }),
  unixsocketperm: permissions(0, { immutable: true }),
  timeout: integer(0, natural, "seconds"),
  "tcp-keepalive": integer(300, natural, "seconds"),
  "socket-mark-id": integer(0, range(0n, uint32Max), "count", { immutable: true }),
  maxclients: integer(10000, range(1n, uint32Max), "count"),
  "io-threads": integer(1, range(1n, 128n), "count", { immutable: true }),
  "io-threads-do-reads": yesOrNo(false, { immutable: true }),
};

/** Parsed and kept; Atoll speaks plain TCP. */
export const tlsDirectives = {
  "tls-port": integer(0, portNumber, "port"),
  "tls-cert-file": optionalText(),
  "tls-key-file": optionalText(),
  "tls-key-file-pass": optionalText(),
  "tls-client-cert-file": optionalText(),
  "tls-client-key-file": optionalText(),
  "tls-client-key-file-pass": optionalText(),
  "tls-dh-params-file": optionalText(),
  "tls-ca-cert-file": optionalText(),
  "tls-ca-cert-dir": optionalText(),
  "tls-auth-clients": enumeration("yes", ["no", "yes", "optional"]),
  "tls-replication": yesOrNo(false),
  "tls-cluster": yesOrNo(false),
  "tls-protocols": optionalText(),
  "tls-ciphers": optionalText(),
  "tls-ciphersuites": optionalText(),
  "tls-prefer-server-ciphers": yesOrNo(false),
  "tls-session-caching": yesOrNo(true),
  "tls-session-cache-size": integer(20 * 1024, natural, "count"),
  "tls-session-cache-timeout": integer(300, natural, "seconds"),
};
