import { describe, expect, test } from "bun:test";
import { latin1 } from "../../src/base/bytes.ts";
import type { TranscriptOptions } from "./transcript.ts";
import { Transcript } from "./transcript.ts";

const primary = { host: "10.0.0.1", port: 6379 };
const replid = "a".repeat(40);
const nextReplid = "b".repeat(40);
const mark = `${"e".repeat(39)}f`;

/** A replica right before the reply to PSYNC. */
function asking(options: TranscriptOptions = {}): Transcript {
  const replica = new Transcript({ primary, ...options });
  replica.connect(replica.wait(1));
  replica.data("+PONG\r\n");
  replica.data("+OK\r\n+OK\r\n");
  return replica;
}

/** A replica whose data set is at offset 100. */
function connected(options: TranscriptOptions = {}): Transcript {
  const replica = asking(options);
  replica.data(`+FULLRESYNC ${replid} 100\r\n$3\r\nRDB`);
  replica.do({ kind: "rdbLoaded", linkId: replica.linkId });
  return replica;
}

describe("handshake", () => {
  test("with AUTH and an announced address, then PSYNC for everything", () => {
    const replica = new Transcript({
      primary,
      options: { primaryUser: "u", primaryAuth: "p", announceIp: "1.2.3.4", announcePort: 77 },
    });
    const connect = replica.wait(1);
    expect(connect).toEqual(["connectPrimary 1 10.0.0.1 6379"]);
    expect(replica.connect(connect)).toEqual(["sendPrimary 1 *1\\r\\n$4\\r\\nPING\\r\\n"]);
    expect(replica.data("-NOAUTH Authentication required.\r\n").map(commandOf)).toEqual([
      "AUTH u p",
      "REPLCONF listening-port 77",
      "REPLCONF ip-address 1.2.3.4",
      "REPLCONF capa eof capa psync2",
    ]);
    expect(replica.data("+OK\r\n-ERR what\r\n+OK\r\n+O")).toEqual([]);
    expect(replica.core.role()).toEqual({
      role: "slave",
      ...primary,
      state: "handshake",
      offset: -1,
    });
    expect(replica.data("K\r\n").map(commandOf)).toEqual(["PSYNC ? -1"]);
    expect(replica.logs).toEqual([
      "Connecting to MASTER 10.0.0.1:6379",
      "MASTER <-> REPLICA sync started",
      "Non blocking connect for SYNC fired the event.",
      "Master replied to PING, replication can continue...",
      "(Non critical) Master does not understand REPLCONF listening-port: -ERR what",
      "Partial resynchronization not possible (no cached master)",
    ]);
  });

  test("errors: PING refused, AUTH refused, no connection: again within a second", () => {
    for (const [reply, log] of [
      [
        "-LOADING Redis is loading\r\n",
        "Error reply to PING from master: '-LOADING Redis is loading'",
      ],
      ["+PONG\r\n-WRONGPASS no\r\n", "Unable to AUTH to MASTER: -WRONGPASS no"],
    ] as const) {
      const replica = new Transcript({ primary, options: { primaryAuth: "p" } });
      replica.connect(replica.wait(1));
      expect(replica.data(reply).at(-1)).toBe("closePrimary 1");
      expect(replica.logs.at(-1)).toBe(log);
      expect(replica.wait(1)).toEqual(["connectPrimary 2 10.0.0.1 6379"]);
      expect(replica.data("+PONG\r\n", 1)).toEqual([]);
      replica.do({ kind: "primaryClosed", linkId: 2, reason: "Connection refused" });
      expect(replica.logs.at(-1)).toBe("Error condition on socket for SYNC: Connection refused");
      expect(replica.wait(1)).toEqual(["connectPrimary 3 10.0.0.1 6379"]);
    }
  });

  test("PSYNC answers: newlines wait, NOMASTERLINK and LOADING retry, -ERR falls back to SYNC", () => {
    const replica = asking();
    expect(replica.data("\n\n")).toEqual([]);
    expect(replica.data("-NOMASTERLINK Can't SYNC while not connected with my master\r\n")).toEqual(
      ["closePrimary 1"],
    );
    const old = asking();
    expect(old.data("-ERR unknown command 'PSYNC'\r\n").map(commandOf)).toEqual(["SYNC"]);
    expect(old.data("$2\r\nhi")).toEqual(["rdbBegin 1 2", "rdbChunk 1 hi", "rdbEnd 1"]);
    // Without offsets there is nothing to acknowledge and nothing to go on from.
    expect(old.do({ kind: "rdbLoaded", linkId: 1 })).toEqual(["streamBegin 1 false"]);
    old.do({ kind: "primaryClosed", linkId: 1, reason: "" });
    expect(old.core.historyToSave()).toBeNull();
  });

  test("silence beyond repl-timeout starts anew at once", () => {
    const replica = new Transcript({ primary, options: { timeoutMs: 3000 } });
    replica.wait(1);
    expect(replica.wait(4)).toEqual(["closePrimary 1", "connectPrimary 2 10.0.0.1 6379"]);
    expect(replica.logs).toContain("Timeout connecting to the MASTER...");
    expect(replica.logs).toContain("Reconnecting to MASTER 10.0.0.1:6379 after failure");
  });
});

describe("transfer", () => {
  test("with a length: the stream may follow in the same packet, and waits for the load", () => {
    const replica = asking();
    expect(replica.data(`+FULLRESYNC ${replid} 100\r\n\n\n$5\r\nREDIS*1\r\n`)).toEqual([
      "rdbBegin 1 5",
      "rdbChunk 1 REDIS",
      "rdbEnd 1",
    ]);
    expect(replica.data("$4\r\nPING\r\n")).toEqual([]);
    expect(replica.info("master_sync_in_progress")).toBe("1");
    expect(replica.info("master_sync_perc")).toBe("100.00");
    const lines = replica.do({ kind: "rdbLoaded", linkId: 1 });
    expect(lines.map(commandOf)).toEqual([
      "streamBegin 1 false",
      "REPLCONF ACK 100",
      "streamData 1 *1\\r\\n",
      "streamData 1 $4\\r\\nPING\\r\\n",
    ]);
    expect(replica.info("slave_read_repl_offset")).toBe("114");
    replica.core.applied(latin1("*1\r\n$4\r\nPING\r\n"));
    expect(replica.core.offset).toBe(114);
    expect(replica.core.replid).toBe(replid);
    expect(replica.wait(1).map(commandOf)).toEqual(["REPLCONF ACK 114"]);
  });

  test("with an EOF mark, cut at every byte: the same image each time", () => {
    const image = `REDIS0010${"e".repeat(39)}x${"e".repeat(30)}`;
    const whole = `+FULLRESYNC ${replid} 7\r\n$EOF:${mark}\r\n${image}${mark}`;
    for (let cut = 1; cut < whole.length; cut++) {
      const replica = asking();
      const lines = [...replica.data(whole.slice(0, cut)), ...replica.data(whole.slice(cut))];
      const chunks = lines.filter((line) => line.startsWith("rdbChunk 1 "));
      expect(chunks.map((line) => line.slice(11)).join("")).toBe(image);
      expect([lines[0], lines.at(-1)]).toEqual(["rdbBegin 1 null", "rdbEnd 1"]);
    }
    const bytewise = asking();
    const lines = [...whole].flatMap((char) => bytewise.data(char));
    expect(lines.filter((line) => line.startsWith("rdbChunk")).length).toBe(image.length);
    expect(lines.at(-1)).toBe("rdbEnd 1");
  });

  test("a transfer that breaks costs nothing: the old data, history and replicas stay", () => {
    const replica = connected();
    replica.core.applied(latin1("0123456789"));
    replica.psync(9, replid, 111);
    replica.do({ kind: "primaryClosed", linkId: 1, reason: "" });
    replica.linkId = 2;
    replica.do({ kind: "primaryConnected", linkId: 2 });
    replica.data("+PONG\r\n");
    replica.data("+OK\r\n+OK\r\n");
    replica.data(`+FULLRESYNC ${nextReplid} 5\r\n$EOF:${mark}\r\nRED${"x".repeat(50)}`);
    expect(replica.do({ kind: "primaryClosed", linkId: 2, reason: "connection lost" })).toEqual([
      "rdbAbort 2",
      "connectPrimary 3 10.0.0.1 6379",
    ]);
    expect(replica.core.replicaCount).toBe(1);
    expect(replica.core.historyToSave()).toEqual({ replid, offset: 110 });
  });

  test("a new data set sends our own replicas away to ask again", () => {
    const replica = connected();
    replica.psync(9, replid, 101);
    replica.do({ kind: "primaryClosed", linkId: 1, reason: "" });
    replica.do({ kind: "primaryConnected", linkId: 2 });
    replica.linkId = 2;
    replica.data("+PONG\r\n+OK\r\n+OK\r\n");
    replica.data(`+FULLRESYNC ${nextReplid} 5\r\n$1\r\nR`);
    const lines = replica.do({ kind: "rdbLoaded", linkId: 2 });
    expect(lines.map(commandOf)).toEqual([
      "close 9 false",
      "streamBegin 2 false",
      "REPLCONF ACK 5",
    ]);
    expect(replica.info("repl_backlog_first_byte_offset")).toBe("6");
  });

  test("errors in place of the image, and an image that does not load", () => {
    for (const [bytes, log] of [
      ["-ERR no\r\n", "MASTER aborted replication with an error: ERR no"],
      [
        "hello\r\n",
        "Bad protocol from MASTER, the first byte is not '$' (we received 'hello'), are you " +
          "sure the host and port are right?",
      ],
    ] as const) {
      const replica = asking();
      expect(replica.data(`+FULLRESYNC ${replid} 100\r\n${bytes}`)).toEqual(["closePrimary 1"]);
      expect(replica.logs.at(-1)).toBe(log);
    }
    const replica = asking();
    replica.data(`+FULLRESYNC ${replid} 100\r\n$3\r\nRDB`);
    expect(replica.do({ kind: "rdbFailed", linkId: 1, reason: "bad CRC" })).toEqual([
      "closePrimary 1",
    ]);
    expect(replica.wait(1)).toEqual(["connectPrimary 2 10.0.0.1 6379"]);
  });

  test("a link that breaks while the whole image is being loaded goes on by PSYNC", () => {
    const replica = asking();
    replica.data(`+FULLRESYNC ${replid} 100\r\n$3\r\nRDB`);
    expect(replica.do({ kind: "primaryClosed", linkId: 1, reason: "reset" })).toEqual([]);
    replica.connect(replica.do({ kind: "rdbLoaded", linkId: 1 }));
    replica.data("+PONG\r\n");
    expect(replica.data("+OK\r\n+OK\r\n").map(commandOf)).toEqual([`PSYNC ${replid} 101`]);
  });
});

describe("stream", () => {
  test("a broken link goes on where the applied bytes end", () => {
    const replica = connected();
    replica.data("0123456789");
    replica.core.applied(latin1("01234"));
    const lines = replica.do({ kind: "primaryClosed", linkId: 1, reason: "" });
    expect(lines).toEqual(["streamEnd 1", "connectPrimary 2 10.0.0.1 6379"]);
    expect(replica.logs.slice(-4)).toEqual([
      "Connection with master lost.",
      "Caching the disconnected master state.",
      "Reconnecting to MASTER 10.0.0.1:6379",
      "MASTER <-> REPLICA sync started",
    ]);
    replica.connect(lines);
    replica.data("+PONG\r\n");
    expect(replica.data("+OK\r\n+OK\r\n").map(commandOf)).toEqual([`PSYNC ${replid} 106`]);
    expect(replica.data("+CONTINUE\r\n56789").map(commandOf)).toEqual([
      "streamBegin 2 true",
      "REPLCONF ACK 105",
      "streamData 2 56789",
    ]);
  });

  test("+CONTINUE with another ID: the old one becomes the second, sub-replicas go", () => {
    const replica = connected();
    replica.psync(9, replid, 101);
    replica.connect(replica.do({ kind: "primaryClosed", linkId: 1, reason: "" }));
    replica.data("+PONG\r\n+OK\r\n+OK\r\n");
    expect(replica.data(`+CONTINUE ${nextReplid}\r\n`).map(commandOf)).toEqual([
      "close 9 false",
      "streamBegin 2 true",
      "REPLCONF ACK 100",
    ]);
    expect(replica.info("master_replid")).toBe(nextReplid);
    expect(replica.info("master_replid2")).toBe(replid);
    expect(replica.info("second_repl_offset")).toBe("101");
    replica.replconf(9, "capa", "psync2");
    expect(replica.psync(9, replid, 101)[1]).toBe(`send 9 +CONTINUE ${nextReplid}\\r\\n`);
  });

  test("GETACK is answered at once with what was applied before it", () => {
    const replica = connected();
    replica.core.applied(latin1("01234"));
    expect(replica.do({ kind: "ackRequested", linkId: 1 }).map(commandOf)).toEqual([
      "REPLCONF ACK 105",
    ]);
  });

  test("a sub-replica gets exactly the applied bytes; a replica's own journal goes nowhere", () => {
    const replica = connected();
    replica.psync(9, replid, 101);
    replica.data("0123456789");
    replica.feed("own");
    replica.core.applied(latin1("0123"));
    expect(replica.pull(9)).toBe("0123");
    replica.wait(20);
    expect(replica.pull(9)).toBe("");
  });

  test("the hot path tells only how many bytes came", () => {
    const replica = connected({ options: { timeoutMs: 3000 } });
    replica.nowMs += 2900;
    replica.core.streamReceived(50, replica.nowMs);
    expect(replica.info("slave_read_repl_offset")).toBe("150");
    expect(replica.wait(3).includes("closePrimary 1")).toBe(false);
    expect(replica.wait(1).slice(0, 3)).toEqual([
      "closePrimary 1",
      "streamEnd 1",
      "connectPrimary 2 10.0.0.1 6379",
    ]);
    expect(replica.logs).toContain("MASTER timeout: no data nor PING received...");
  });

  test("a stream that is not the protocol needs a full resync", () => {
    const replica = connected();
    replica.do({ kind: "streamBroken", linkId: 1, reason: "invalid bulk length" });
    replica.connect(replica.wait(1));
    replica.data("+PONG\r\n");
    expect(replica.data("+OK\r\n+OK\r\n").map(commandOf)).toEqual(["PSYNC ? -1"]);
  });
});

describe("REPLICAOF", () => {
  const replicaof = (node: Transcript, host: string, port: string): string[] =>
    node.do({ kind: "replicaof", clientId: 3, host, port, clientInfo: "id=3" });

  test("replies", () => {
    const node = new Transcript();
    expect(replicaof(node, "10.0.0.1", "77777")).toEqual(["send 3 -ERR Invalid master port\\r\\n"]);
    expect(replicaof(node, "10.0.0.1", "x")).toEqual(["send 3 -ERR Invalid master port\\r\\n"]);
    expect(replicaof(node, "NO", "one")).toEqual(["send 3 +OK\\r\\n"]);
    expect(replicaof(node, "Host", "1")).toEqual([
      "roleChanged replica",
      "connectPrimary 1 Host 1",
      "send 3 +OK\\r\\n",
    ]);
    expect(replicaof(node, "hOST", "1")).toEqual([
      "send 3 +OK Already connected to specified master\\r\\n",
    ]);
    const clustered = new Transcript({ options: { clusterEnabled: true } });
    expect(replicaof(clustered, "no", "one")).toEqual([
      "send 3 -ERR REPLICAOF not allowed in cluster mode.\\r\\n",
    ]);
  });

  test("an old primary asks to go on from its own history", () => {
    const node = new Transcript();
    node.psync(7, "?", -1);
    node.feed("0123456789");
    const own = node.core.replid;
    node.connect(replicaof(node, "10.0.0.1", "6379"));
    node.data("+PONG\r\n");
    expect(node.data("+OK\r\n+OK\r\n").map(commandOf)).toEqual([`PSYNC ${own} 11`]);
    // Its own replicas stay: they share the history that goes on.
    expect(node.core.replicaCount).toBe(1);
  });

  test("promotion: a new ID, the old one as second, replicas told to ask again", () => {
    const node = connected();
    node.psync(9, replid, 101);
    expect(replicaof(node, "no", "one")).toEqual([
      "streamEnd 1",
      "closePrimary 1",
      "close 9 false",
      "resetJournalDb",
      "roleChanged primary",
      "send 3 +OK\\r\\n",
    ]);
    expect(node.logs).toContain(
      `Setting secondary replication ID to ${replid}, valid up to offset: 101. New replication ` +
        `ID is ${node.core.replid}`,
    );
    expect(node.logs.at(-1)).toBe("MASTER MODE enabled (user request from 'id=3')");
    expect(node.data("late bytes")).toEqual([]);
  });
});

describe("restart", () => {
  test("a replica that knows its history asks to go on", () => {
    const replica = asking({ restored: { replid, offset: 500 } });
    expect(replica.logs.at(-1)).toBe(`Trying a partial resynchronization (request ${replid}:501).`);
    expect(replica.data("+CONTINUE\r\n").map(commandOf)).toEqual([
      "streamBegin 1 true",
      "REPLCONF ACK 500",
    ]);
  });

  test("a primary that knows its history lets its replicas go on", () => {
    const node = new Transcript({ restored: { replid, offset: 500 } });
    node.feed("more");
    expect(node.psync(9, replid, 501)[1]).toBe("send 9 +CONTINUE\\r\\n");
    expect(node.pull(9)).toBe("more");
  });
});

describe("INFO and ROLE", () => {
  test("a fresh primary", () => {
    const node = new Transcript();
    expect(node.core.infoReplication(node.nowMs).split("\r\n")).toEqual([
      "# Replication",
      "role:master",
      "connected_slaves:0",
      "master_failover_state:no-failover",
      `master_replid:${node.core.replid}`,
      `master_replid2:${"0".repeat(40)}`,
      "master_repl_offset:0",
      "second_repl_offset:-1",
      "repl_backlog_active:0",
      "repl_backlog_size:1048576",
      "repl_backlog_first_byte_offset:0",
      "repl_backlog_histlen:0",
      "",
    ]);
    expect(node.core.role()).toEqual({ role: "master", offset: 0, replicas: [] });
  });

  test("a replica that never reached its primary", () => {
    const node = new Transcript({ primary });
    expect(node.core.infoReplication(node.nowMs).split("\r\n").slice(1, 13)).toEqual([
      "role:slave",
      "master_host:10.0.0.1",
      "master_port:6379",
      "master_link_status:down",
      "master_last_io_seconds_ago:-1",
      "master_sync_in_progress:0",
      "slave_read_repl_offset:1",
      "slave_repl_offset:1",
      "master_link_down_since_seconds:-1",
      "slave_priority:100",
      "slave_read_only:1",
      "replica_announced:1",
    ]);
    expect(node.core.role()).toEqual({ role: "slave", ...primary, state: "connect", offset: -1 });
  });
});

/** Commands to the primary shown as their words; other lines as they are. */
function commandOf(line: string): string {
  const match = /^sendPrimary \d+ \*\d+\\r\\n(.*)$/.exec(line);
  if (match === null) return line;
  return (match[1] as string)
    .split("\\r\\n")
    .filter((_, index) => index % 2 === 1)
    .join(" ");
}
