import { describe, expect, test } from "bun:test";
import { Transcript } from "./transcript.ts";

const unknownReplid = "f".repeat(40);

/** A primary with an online replica 7 that has acknowledged offset 0. */
function withReplica(options: ConstructorParameters<typeof Transcript>[0] = {}): Transcript {
  const primary = new Transcript(options);
  primary.replconf(7, "listening-port", "6380");
  primary.replconf(7, "capa", "eof", "capa", "psync2");
  primary.psync(7, "?", -1);
  primary.do({ kind: "snapshotStreamed", snapshotId: 1 });
  primary.replconf(7, "ACK", "0");
  return primary;
}

describe("REPLCONF", () => {
  const cases: readonly (readonly [string[], string])[] = [
    [["listening-port", "6380"], "+OK"],
    [["capa", "eof", "capa", "psync2", "capa", "whatever"], "+OK"],
    [["rdb-only", "1"], "+OK"],
    [["rdb-filter-only", ""], "+OK"],
    [["rdb-filter-only", "functions"], "+OK"],
    [[], "+OK"],
    [["capa"], "-ERR syntax error"],
    [["foo", "bar"], "-ERR Unrecognized REPLCONF option: foo"],
    [["listening-port", "x"], "-ERR value is not an integer or out of range"],
    [["rdb-only", "4"], "-ERR value is out of range, value must between 0 and 1"],
    [["rdb-filter-only", "functions x"], "-ERR Unsupported rdb-filter-only option: x"],
    [
      ["ip-address", "x".repeat(300)],
      "-ERR REPLCONF ip-address provided by replica instance is too long: 300 bytes",
    ],
  ];
  for (const [args, reply] of cases) {
    test(`${args.join(" ").slice(0, 40)} -> ${reply.slice(0, 50)}`, () => {
      expect(new Transcript().replconf(3, ...args)).toEqual([`send 3 ${reply}\\r\\n`]);
    });
  }

  test("ACK and GETACK of a client that is no replica get no reply", () => {
    expect(new Transcript().replconf(3, "ACK", "5")).toEqual([]);
    expect(new Transcript().replconf(3, "GETACK", "*")).toEqual([]);
  });
});

describe("full synchronization", () => {
  test("a replica that knows EOF: streamed, online at once, the stream with its first ACK", () => {
    const primary = new Transcript();
    primary.replconf(7, "listening-port", "6380");
    primary.replconf(7, "capa", "eof", "capa", "psync2");
    primary.feed("lost before any replica");
    const lines = primary.psync(7, "?", -1);
    const { replid } = primary.core;
    const mark = /EOF:([0-9a-f]{40})/.exec(lines.join("\n"))?.[1];
    expect(lines).toEqual([
      "replicaAttached 7",
      "resetJournalDb",
      `send 7 +FULLRESYNC ${replid} 0\\r\\n`,
      `send 7 $EOF:${mark}\\r\\n`,
      "startSnapshot 1 streamed [7] all at 0",
    ]);
    expect(primary.logs).toEqual([
      "Replica 10.0.0.9:6380 asks for synchronization",
      "Full resync requested by replica 10.0.0.9:6380",
      `Replication backlog created, my new replication IDs are '${replid}' and '${"0".repeat(40)}'`,
      "Starting BGSAVE for SYNC with target: replicas sockets",
    ]);
    expect(primary.info("slave0")).toBe("ip=10.0.0.9,port=6380,state=wait_bgsave,offset=0,lag=0");
    primary.feed("during transfer|");
    expect(primary.pull(7)).toBe("");
    expect(primary.do({ kind: "snapshotStreamed", snapshotId: 1 })).toEqual([`send 7 ${mark}`]);
    expect(primary.info("slave0")).toBe("ip=10.0.0.9,port=6380,state=online,offset=0,lag=0");
    expect(primary.pull(7)).toBe("");
    expect(primary.replconf(7, "ACK", "0")).toEqual(["streamReady 7", "acknowledged 7 0"]);
    primary.feed("after");
    expect(primary.pull(7)).toBe("during transfer|after");
    expect(primary.info("master_repl_offset")).toBe("21");
  });

  test("a replica that does not: the image is spooled and its length told first", () => {
    const primary = new Transcript();
    expect(primary.psync(7, "?", -1).at(-1)).toBe("startSnapshot 1 spooled [7] all at 0");
    primary.feed("meanwhile|");
    expect(primary.wait(1)).toEqual(["send 7 \\n"]);
    const ping = "*1\r\n$4\r\nPING\r\n";
    expect(primary.do({ kind: "snapshotSpooled", snapshotId: 1, length: 172 })).toEqual([
      "send 7 $172\\r\\n",
      "sendSpool 7 1",
    ]);
    expect(primary.info("slave0")).toContain("state=send_bulk");
    expect(primary.do({ kind: "spoolSent", clientId: 7 })).toEqual([
      "streamReady 7",
      "releaseSpool 1",
    ]);
    expect(primary.pull(7)).toBe(`meanwhile|${ping}`);
  });

  test("a replica that comes while a spool is made joins it and gets the same stream", () => {
    const primary = new Transcript();
    primary.psync(7, "?", -1);
    primary.feed("x".repeat(100_000));
    expect(primary.psync(8, "?", -1)).toEqual([
      "replicaAttached 8",
      "resetJournalDb",
      `send 8 +FULLRESYNC ${primary.core.replid} 0\\r\\n`,
    ]);
    primary.do({ kind: "snapshotSpooled", snapshotId: 1, length: 9 });
    expect(primary.do({ kind: "spoolSent", clientId: 7 })).toEqual(["streamReady 7"]);
    expect(primary.do({ kind: "spoolSent", clientId: 8 })).toEqual([
      "streamReady 8",
      "releaseSpool 1",
    ]);
    expect(primary.pull(7).length).toBe(100_000);
    expect(primary.pull(8).length).toBe(100_000);
  });

  test("one that comes during a streamed snapshot waits for the next", () => {
    const primary = new Transcript();
    primary.replconf(7, "capa", "eof");
    primary.replconf(8, "capa", "eof");
    primary.psync(7, "?", -1);
    expect(primary.psync(8, "?", -1)).toEqual(["replicaAttached 8"]);
    expect(primary.wait(1)).toEqual(["send 8 \\n"]);
    const lines = primary.do({ kind: "snapshotStreamed", snapshotId: 1 });
    expect(lines.at(-1)).toBe("startSnapshot 2 streamed [8] all at 14");
  });

  test("repl-diskless-sync-delay lets several share; max-replicas ends the wait", () => {
    const options = { disklessSyncDelayMs: 5000, disklessSyncMaxReplicas: 3 };
    const primary = new Transcript({ options });
    for (const id of [7, 8, 9]) primary.replconf(id, "capa", "eof");
    expect(primary.psync(7, "?", -1)).toEqual(["replicaAttached 7"]);
    primary.wait(2);
    expect(primary.psync(8, "?", -1)).toEqual(["replicaAttached 8"]);
    expect(primary.psync(9, "?", -1).at(-1)).toMatch(/^startSnapshot 1 streamed \[7,8,9\]/);

    const patient = new Transcript({ options });
    patient.replconf(7, "capa", "eof");
    patient.psync(7, "?", -1);
    expect(patient.wait(4).some((line) => line.startsWith("startSnapshot"))).toBe(false);
    expect(patient.wait(1).at(-1)).toMatch(/^startSnapshot/);
  });

  test("a busy engine delays it", () => {
    const primary = new Transcript();
    primary.do({ kind: "snapshotsBlocked", blocked: true });
    expect(primary.psync(7, "?", -1)).toEqual(["replicaAttached 7"]);
    expect(primary.do({ kind: "snapshotsBlocked", blocked: false }).at(-1)).toMatch(
      /^startSnapshot 1 spooled/,
    );
  });

  test("a failed snapshot closes its replicas; the last one to leave stops it", () => {
    const primary = new Transcript();
    primary.psync(7, "?", -1);
    expect(primary.do({ kind: "snapshotFailed", snapshotId: 1, reason: "disk" })).toEqual([
      "close 7 false",
    ]);
    primary.psync(8, "?", -1);
    expect(primary.do({ kind: "clientClosed", clientId: 8 })).toEqual(["abortSnapshot 2"]);
    expect(primary.core.replicaCount).toBe(0);
  });

  test("SYNC: no +FULLRESYNC line; rdb-only: closed behind the image", () => {
    const primary = new Transcript();
    primary.replconf(7, "rdb-only", "1");
    expect(primary.sync(7)).toEqual([
      "replicaAttached 7",
      "resetJournalDb",
      "startSnapshot 1 spooled [7] all at 0",
    ]);
    primary.do({ kind: "snapshotSpooled", snapshotId: 1, length: 9 });
    expect(primary.do({ kind: "spoolSent", clientId: 7 })).toEqual([
      "close 7 true",
      "releaseSpool 1",
    ]);
  });
});

describe("refusals", () => {
  test("a chained replica without its own primary", () => {
    const middle = new Transcript({ primary: { host: "10.0.0.1", port: 1 } });
    expect(middle.psync(7, "?", -1)).toEqual([
      "send 7 -NOMASTERLINK Can't SYNC while not connected with my master\\r\\n",
    ]);
  });

  test("pending output, a wrong offset, a filter without EOF", () => {
    const primary = new Transcript();
    const request = { replid: "?", offset: "-1" };
    expect(
      primary.do({ kind: "sync", clientId: 7, peerIp: "", pendingOutput: true, request }),
    ).toEqual(["send 7 -ERR SYNC and PSYNC are invalid with pending output\\r\\n"]);
    expect(primary.psync(7, "a", "b")).toEqual([
      "send 7 -ERR value is not an integer or out of range\\r\\n",
    ]);
    primary.replconf(7, "rdb-filter-only", "");
    expect(primary.psync(7, "?", -1)).toEqual([
      "send 7 -ERR Filtered replica requires EOF capability\\r\\n",
    ]);
  });
});

describe("partial synchronization", () => {
  test("goes on from the backlog; with the ID for psync2, without for older ones", () => {
    const primary = withReplica();
    primary.feed("0123456789");
    const { replid } = primary.core;
    primary.do({ kind: "clientClosed", clientId: 7 });
    primary.replconf(8, "capa", "psync2");
    expect(primary.psync(8, replid, 5)).toEqual([
      "replicaAttached 8",
      `send 8 +CONTINUE ${replid}\\r\\n`,
      "streamReady 8",
    ]);
    expect(primary.pull(8)).toBe("456789");
    expect(primary.logs.at(-1)).toBe(
      "Partial resynchronization request from 10.0.0.9:<unknown-replica-port> accepted. " +
        "Sending 6 bytes of backlog starting from offset 5.",
    );
    expect(primary.psync(9, replid.toUpperCase(), 11)[1]).toBe("send 9 +CONTINUE\\r\\n");
    expect(primary.core.counters).toEqual({ full: 1, partialOk: 2, partialError: 0 });
  });

  test("offsets outside of the backlog, and unknown IDs, need everything", () => {
    const primary = withReplica();
    primary.feed("0123456789");
    const { replid } = primary.core;
    primary.psync(8, replid, 12);
    expect(primary.logs).toContain(
      "Unable to partial resync with replica 10.0.0.9:<unknown-replica-port> for lack of " +
        "backlog (Replica request was: 12).",
    );
    primary.psync(9, replid, 0);
    primary.psync(10, unknownReplid, 1);
    expect(primary.logs).toContain(
      `Partial resynchronization not accepted: Replication ID mismatch (Replica asked for ` +
        `'${unknownReplid}', my replication IDs are '${replid}' and '${"0".repeat(40)}')`,
    );
    expect(primary.core.counters).toEqual({ full: 4, partialOk: 0, partialError: 3 });
  });

  test("a promoted replica serves its old ID up to the promotion (second_repl_offset)", () => {
    const node = withReplica();
    node.feed("0123456789");
    const old = node.core.replid;
    node.do({ kind: "setPrimary", host: "10.0.0.1", port: 1 });
    node.do({ kind: "unsetPrimary" });
    node.feed("newer");
    expect(node.info("master_replid2")).toBe(old);
    expect(node.info("second_repl_offset")).toBe("11");
    node.replconf(8, "capa", "psync2");
    expect(node.psync(8, old, 11)[1]).toBe(`send 8 +CONTINUE ${node.core.replid}\\r\\n`);
    expect(node.pull(8)).toBe("newer");
    node.psync(9, old, 12);
    expect(node.logs).toContain(
      "Partial resynchronization not accepted: Requested offset for second ID was 12, but I " +
        "can reply up to 11",
    );
  });
});

describe("online replicas", () => {
  test("PING goes into the stream every repl-ping-replica-period, not while paused", () => {
    const primary = withReplica({ options: { pingPeriodSeconds: 3 } });
    primary.wait(4);
    const ping = "*1\r\n$4\r\nPING\r\n";
    expect(primary.pull(7)).toBe(ping + ping);
    primary.do({ kind: "pingsPaused", paused: true });
    primary.wait(4);
    expect(primary.pull(7)).toBe("");
  });

  test("WAIT: GETACK in the stream, then counts by offset", () => {
    const primary = withReplica();
    primary.feed("0123456789");
    primary.do({ kind: "requestAcks" });
    expect(primary.pull(7)).toBe("0123456789*3\r\n$8\r\nREPLCONF\r\n$6\r\nGETACK\r\n$1\r\n*\r\n");
    expect(primary.core.acknowledgedReplicas(10)).toBe(0);
    expect(primary.replconf(7, "ack", "10")).toEqual(["acknowledged 7 10"]);
    expect(primary.core.acknowledgedReplicas(10)).toBe(1);
  });

  test("min-replicas-to-write counts replicas that lag little", () => {
    const primary = withReplica({ options: { minReplicasToWrite: 1, minReplicasMaxLagMs: 3000 } });
    expect(primary.core.goodReplicaCount).toBe(1);
    expect(primary.info("min_slaves_good_slaves")).toBe("1");
    expect(primary.wait(3)).toEqual([]);
    expect(primary.wait(1)).toEqual(["goodReplicas 0"]);
    expect(primary.replconf(7, "ACK", "14")).toEqual(["acknowledged 7 14", "goodReplicas 1"]);
  });

  test("silence beyond repl-timeout closes; a newline is a sign of life", () => {
    const primary = withReplica({ options: { timeoutMs: 5000 } });
    primary.wait(4);
    primary.do({ kind: "replicaNewline", clientId: 7 });
    expect(primary.wait(5)).toEqual([]);
    expect(primary.wait(1)).toEqual(["close 7 false"]);
    expect(primary.logs).toContain(
      "Disconnecting timedout replica (streaming sync): 10.0.0.9:6380",
    );
    expect(primary.logs.at(-1)).toBe("Connection with replica 10.0.0.9:6380 lost.");
  });

  test("a replica that reads slowly loses nothing however far the ring has gone", () => {
    const primary = withReplica({ options: { backlogBytes: 16 * 1024 } });
    let sent = "";
    for (let i = 0; i < 20_000; i++) {
      primary.feed(`command ${i};`);
      sent += `command ${i};`;
    }
    expect(primary.core.pendingBytes(7)).toBe(sent.length);
    expect(primary.pull(7)).toBe(sent);
    primary.feed("x".repeat(40_000));
    primary.pull(7);
    primary.feed("y");
    expect(primary.core.streamMemoryBytes).toBeLessThan(100_000);
  });

  test("the idle backlog goes after repl-backlog-ttl, and its ID with it", () => {
    const primary = withReplica({ options: { backlogTtlMs: 3000 } });
    const { replid } = primary.core;
    primary.do({ kind: "clientClosed", clientId: 7 });
    primary.wait(3);
    expect(primary.info("repl_backlog_active")).toBe("1");
    primary.wait(1);
    expect(primary.info("repl_backlog_active")).toBe("0");
    expect(primary.core.replid).not.toBe(replid);
    expect(primary.logs.at(-1)).toBe(
      "Replication backlog freed after 3 seconds without connected replicas.",
    );
  });
});
