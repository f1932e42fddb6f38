/** Streams. */
import { type KeySpec, key } from "./key-specs.ts";
import { family, helpRow } from "./row.ts";

/** Keys stand behind the word STREAMS, and take half of what follows it. */
function streams(startFrom: number): KeySpec {
  return {
    begin: { type: "keyword", keyword: "STREAMS", startFrom },
    find: { type: "range", last: -1, step: 1, limit: 2 },
    flags: ["RO", "access"],
  };
}

const trimSyntax = `trim(strategy(MAXLEN | MINID@6.2.0) [operator(equal!= | approximately!~)]
  threshold [LIMIT count:integer@6.2.0])`;

const trimHistory = "6.2.0: `MINID` and `LIMIT`.";
const exclusiveHistory = ["6.2.0: Intervals without their ends."];

export const streamCommands = family({ group: "stream", categories: "stream", host: false }, [
  {
    name: "xack",
    arity: -4,
    flags: "write fast",
    keys: [key(1, "RW update")],
    since: "5.0.0",
    complexity: "O(1) per identifier",
    summary: "Takes entries off a group's list of what is delivered and not confirmed",
    syntax: "key#0 group id...",
  },
  {
    name: "xadd",
    arity: -5,
    flags: "write denyoom fast",
    keys: [key(1, "RW update", "UPDATE and not INSERT because entries may be trimmed")],
    tips: "nondeterministic_output",
    since: "5.0.0",
    complexity: "O(1) for the new entry, O(N) for N entries that are trimmed",
    summary: "Adds an entry to the end of a stream, which is created if missing",
    history: ["6.2.0: `NOMKSTREAM`, `MINID` and `LIMIT`.", "7.0.0: Identifiers as `<ms>-*`."],
    syntax: `key#0 [NOMKSTREAM@6.2.0] [${trimSyntax}] id_or_auto(auto_id!* | id)
      field_value(field value)...`,
  },
  {
    name: "xautoclaim",
    arity: -6,
    flags: "write fast",
    keys: [key(1, "RW delete")],
    tips: "nondeterministic_output",
    since: "6.2.0",
    complexity: "O(1) for a small COUNT",
    summary: "Gives a consumer the entries that others have left unconfirmed for long",
    history: ["7.0.0: The reply lists entries that are gone and were taken off the list."],
    syntax: "key#0 group consumer min-idle-time start [COUNT count:integer] [JUSTID]",
  },
  {
    name: "xclaim",
    arity: -6,
    flags: "write fast",
    keys: [key(1, "RW update")],
    tips: "nondeterministic_output",
    since: "5.0.0",
    complexity: "O(log N) where N is the number of entries on the group's list",
    summary: "Gives a consumer entries that were delivered to another one",
    syntax: `key#0 group consumer min-idle-time id... [IDLE ms:integer]
      [TIME unix-time-milliseconds:unix-time] [RETRYCOUNT count:integer] [FORCE] [JUSTID]
      [LASTID id]`,
  },
  {
    name: "xdel",
    arity: -3,
    flags: "write fast",
    keys: [key(1, "RW delete")],
    since: "5.0.0",
    complexity: "O(1) per identifier, whatever the stream's length",
    summary: "Removes entries from a stream",
    syntax: "key#0 id...",
  },
  {
    name: "xgroup",
    arity: -2,
    categories: "",
    since: "5.0.0",
    complexity: "Depends on subcommand.",
    summary: "Manages consumer groups",
    subcommands: [
      {
        name: "create",
        arity: -5,
        flags: "write denyoom",
        categories: "stream",
        keys: [key(2, "RW insert")],
        since: "5.0.0",
        complexity: "O(1)",
        summary: "Creates a consumer group",
        history: ["7.0.0: `ENTRIESREAD`."],
        syntax: `key#0 groupname id(id | new_id!$) [MKSTREAM]
          [ENTRIESREAD entries_read:integer]`,
      },
      {
        name: "createconsumer",
        arity: 5,
        flags: "write denyoom",
        categories: "stream",
        keys: [key(2, "RW insert")],
        since: "6.2.0",
        complexity: "O(1)",
        summary: "Creates a consumer in a group",
        syntax: "key#0 groupname consumername",
      },
      {
        name: "delconsumer",
        arity: 5,
        flags: "write",
        categories: "stream",
        keys: [key(2, "RW delete")],
        since: "5.0.0",
        complexity: "O(1)",
        summary: "Removes a consumer with what it has not confirmed",
        syntax: "key#0 groupname consumername",
      },
      {
        name: "destroy",
        arity: 4,
        flags: "write",
        categories: "stream",
        keys: [key(2, "RW delete")],
        since: "5.0.0",
        complexity: "O(N) where N is the number of entries on the group's list",
        summary: "Removes a consumer group",
        syntax: "key#0 groupname",
      },
      helpRow("5.0.0", "stream"),
      {
        name: "setid",
        arity: -5,
        flags: "write",
        categories: "stream",
        keys: [key(2, "RW update")],
        since: "5.0.0",
        complexity: "O(1)",
        summary: "Sets which entry a group was delivered last",
        history: ["7.0.0: `ENTRIESREAD`."],
        syntax: "key#0 groupname id(id | new_id!$) [ENTRIESREAD entries_read:integer]",
      },
    ],
    help: `
CREATE <key> <groupname> <id|$> [option]
    Create a new consumer group. Options are:
    * MKSTREAM
      Create the empty stream if it does not exist.
    * ENTRIESREAD entries_read
      Set the group's entries_read counter (internal use).
CREATECONSUMER <key> <groupname> <consumer>
    Create a new consumer in the specified group.
DELCONSUMER <key> <groupname> <consumer>
    Remove the specified consumer.
DESTROY <key> <groupname>
    Remove the specified group.
SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]
    Set the current group ID and entries_read counter.`,
  },
  {
    name: "xinfo",
    arity: -2,
    categories: "",
    since: "5.0.0",
    complexity: "Depends on subcommand.",
    summary: "Tells about streams, groups and consumers",
    subcommands: [
      {
        name: "consumers",
        arity: 4,
        flags: "readonly",
        categories: "stream",
        keys: [key(2, "RO access")],
        tips: "nondeterministic_output",
        since: "5.0.0",
        complexity: "O(1)",
        summary: "Lists the consumers of a group",
        syntax: "key#0 groupname",
      },
      {
        name: "groups",
        arity: 3,
        flags: "readonly",
        categories: "stream",
        keys: [key(2, "RO access")],
        since: "5.0.0",
        complexity: "O(1)",
        summary: "Lists the consumer groups of a stream",
        history: ["7.0.0: `entries-read` and `lag`."],
        syntax: "key#0",
      },
      helpRow("5.0.0", "stream"),
      {
        name: "stream",
        arity: -3,
        flags: "readonly",
        categories: "stream",
        keys: [key(2, "RO access")],
        since: "5.0.0",
        complexity: "O(1)",
        summary: "Tells about a stream",
        history: [
          "6.0.0: `FULL`.",
          "7.0.0: The counters of entries, the largest identifier removed, and the lag of groups.",
        ],
        syntax: "key#0 [FULL full([COUNT count:integer])]",
      },
    ],
    help: `
CONSUMERS <key> <groupname>
    Show consumers of <groupname>.
GROUPS <key>
    Show the stream consumer groups.
STREAM <key> [FULL [COUNT <count>]
    Show information about the stream.`,
  },
  {
    name: "xlen",
    arity: 2,
    flags: "readonly fast",
    keys: [key(1, "RO")],
    since: "5.0.0",
    complexity: "O(1)",
    summary: "Counts the entries of a stream",
    syntax: "key#0",
  },
  {
    name: "xpending",
    arity: -3,
    flags: "readonly",
    keys: [key(1, "RO access")],
    tips: "nondeterministic_output",
    since: "5.0.0",
    complexity: "O(N) where N is the number of entries that are answered or, with IDLE, looked at",
    summary: "Tells what was delivered to a group's consumers and is not confirmed",
    history: ["6.2.0: `IDLE`, and intervals without their ends."],
    syntax: `key#0 group
      [filters([IDLE min-idle-time:integer@6.2.0] start end count:integer [consumer])]`,
  },
  {
    name: "xrange",
    arity: -4,
    flags: "readonly",
    keys: [key(1, "RO access")],
    since: "5.0.0",
    complexity: "O(N) where N is the number of entries that are answered",
    summary: "Answers the entries between two identifiers",
    history: exclusiveHistory,
    syntax: "key#0 start end [COUNT count:integer]",
  },
  {
    name: "xread",
    arity: -4,
    flags: "readonly blocking",
    keys: [streams(1)],
    since: "5.0.0",
    complexity: "O(N) per stream where N is the number of entries that are answered",
    summary: "Answers the entries of several streams behind given ones, or waits for some",
    syntax: "[COUNT count:integer] [BLOCK milliseconds:integer] STREAMS streams(key#0... id...)",
  },
  {
    name: "xreadgroup",
    arity: -7,
    flags: "write blocking",
    keys: [streams(4)],
    since: "5.0.0",
    complexity: "O(M) per stream where M is the number of entries that are answered",
    summary: "Delivers entries to a consumer of a group, or answers what it has not confirmed",
    syntax: `GROUP group_consumer(group consumer) [COUNT count:integer] [BLOCK milliseconds:integer]
      [NOACK] STREAMS streams(key#0... id...)`,
  },
  {
    name: "xrevrange",
    arity: -4,
    flags: "readonly",
    keys: [key(1, "RO access")],
    since: "5.0.0",
    complexity: "O(N) where N is the number of entries that are answered",
    summary: "Answers the entries between two identifiers, the latest first",
    history: exclusiveHistory,
    syntax: "key#0 end start [COUNT count:integer]",
  },
  {
    name: "xsetid",
    arity: -3,
    flags: "write denyoom fast",
    keys: [key(1, "RW update")],
    since: "5.0.0",
    complexity: "O(1)",
    summary: "Sets a stream's last identifier and its counters, for replication",
    history: ["7.0.0: `ENTRIESADDED` and `MAXDELETEDID`."],
    syntax: `key#0 last-id [ENTRIESADDED entries_added:integer@7.0.0]
      [MAXDELETEDID max_deleted_entry_id@7.0.0]`,
  },
  {
    name: "xtrim",
    arity: -4,
    flags: "write",
    keys: [key(1, "RW delete")],
    tips: "nondeterministic_output",
    since: "5.0.0",
    complexity: "O(N) where N is the number of entries that go; they go many at a time",
    summary: "Removes entries from the beginning of a stream",
    history: [trimHistory],
    syntax: `key#0 ${trimSyntax}`,
  },
]);
