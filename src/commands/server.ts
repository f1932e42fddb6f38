/** Databases, configuration and what the server tells of itself. */
import { key } from "./key-specs.ts";
import { family, helpRow } from "./row.ts";

export const serverCommands = family({ group: "server", categories: "", host: true }, [
  {
    name: "bgsave",
    arity: -1,
    flags: "admin noscript no_async_loading",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Saves the data to disk while it goes on serving",
    history: ["3.2.2: `SCHEDULE`."],
    syntax: "[SCHEDULE@3.2.2]",
  },
  {
    name: "command",
    arity: -1,
    flags: "loading stale",
    categories: "connection",
    tips: "nondeterministic_output_order",
    since: "2.8.13",
    complexity: "O(N) where N is the total number of Redis commands",
    summary: "Answers what is known of all commands",
    subcommands: [
      {
        name: "count",
        arity: 2,
        flags: "loading stale",
        categories: "connection",
        since: "2.8.13",
        complexity: "O(1)",
        summary: "Counts the commands",
      },
      {
        name: "docs",
        arity: -2,
        flags: "loading stale",
        categories: "connection",
        tips: "nondeterministic_output_order",
        since: "7.0.0",
        complexity: "O(N) where N is the number of commands to look up",
        summary: "Answers the documentation of the named commands, or of all",
        syntax: "[command-name...]",
      },
      {
        name: "getkeys",
        arity: -4,
        flags: "loading stale",
        categories: "connection",
        since: "2.8.13",
        complexity: "O(N) where N is the number of arguments to the command",
        summary: "Picks the keys out of a full command line",
      },
      {
        name: "getkeysandflags",
        arity: -4,
        flags: "loading stale",
        categories: "connection",
        since: "7.0.0",
        complexity: "O(N) where N is the number of arguments to the command",
        summary: "Picks the keys out of a full command line, with what is done to each",
      },
      {
        name: "info",
        arity: -2,
        flags: "loading stale",
        categories: "connection",
        tips: "nondeterministic_output_order",
        since: "2.8.13",
        complexity: "O(N) where N is the number of commands to look up",
        summary: "Answers what is known of the named commands, or of all",
        history: ["7.0.0: All commands when no name is given."],
        syntax: "[command-name...]",
      },
      {
        name: "list",
        arity: -2,
        flags: "loading stale",
        categories: "connection",
        tips: "nondeterministic_output_order",
        since: "7.0.0",
        complexity: "O(N) where N is the total number of Redis commands",
        summary: "Lists the names of commands",
        syntax:
          "[FILTERBY filterby(MODULE module-name | ACLCAT category | PATTERN pattern:pattern)]",
      },
      helpRow("5.0.0", "connection"),
    ],
    help: `
(no subcommand)
    Return details about all Redis commands.
COUNT
    Return the total number of commands in this Redis server.
LIST
    Return a list of all commands in this Redis server.
INFO [<command-name> ...]
    Return details about multiple Redis commands.
    If no command names are given, documentation details for all
    commands are returned.
DOCS [<command-name> ...]
    Return documentation details about multiple Redis commands.
    If no command names are given, documentation details for all
    commands are returned.
GETKEYS <full-command>
    Return the keys from a full Redis command.
GETKEYSANDFLAGS <full-command>
    Return the keys and the access flags from a full Redis command.
`,
  },
  {
    name: "config",
    arity: -2,
    since: "2.0.0",
    complexity: "Depends on subcommand.",
    summary: "Reads and changes the server's configuration",
    subcommands: [
      {
        name: "get",
        arity: -3,
        flags: "admin noscript loading stale",
        since: "2.0.0",
        complexity: "O(N) when N is the number of configuration parameters provided",
        summary: "Answers the directives that fit the patterns",
        history: ["7.0.0: Several patterns in one call."],
        syntax: "parameter(parameter)...",
      },
      {
        name: "resetstat",
        arity: 2,
        flags: "admin noscript loading stale",
        since: "2.0.0",
        complexity: "O(1)",
        summary: "Sets the counters that INFO shows back to zero",
      },
      {
        name: "rewrite",
        arity: 2,
        flags: "admin noscript loading stale",
        since: "2.8.0",
        complexity: "O(1)",
        summary: "Writes the running configuration to the configuration file",
      },
      {
        name: "set",
        arity: -4,
        flags: "admin noscript loading stale",
        tips: "request_policy:all_nodes response_policy:all_succeeded",
        since: "2.0.0",
        complexity: "O(N) when N is the number of configuration parameters provided",
        summary: "Changes directives of the running server",
        history: ["7.0.0: Several directives in one call."],
        syntax: "parameter_value(parameter value)...",
      },
      helpRow("5.0.0"),
    ],
    help: `
GET <pattern>
    Return parameters matching the glob-like <pattern> and their values.
SET <directive> <value>
    Set the configuration <directive> to <value>.
RESETSTAT
    Reset statistics reported by the INFO command.
REWRITE
    Rewrite the configuration file.
`,
  },
  {
    name: "dbsize",
    arity: 1,
    flags: "readonly fast",
    categories: "keyspace",
    tips: "request_policy:all_shards response_policy:agg_sum",
    host: false,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Counts the keys of the current database",
  },
  {
    name: "debug",
    arity: -2,
    flags: "admin noscript loading stale protected",
    since: "1.0.0",
    complexity: "Depends on subcommand.",
    summary: "Inspects and disturbs the server, for tests",
    system: true,
    help: `
CHANGE-REPL-ID
    Change the replication IDs of the instance.
    Dangerous: should be used only for testing the replication subsystem.
DIGEST
    Output a hex signature representing the current DB content.
DIGEST-VALUE <key> [<key> ...]
    Output a hex signature of the values of all the specified keys.
LISTPACK <key>
    Show low level info about the listpack encoding of <key>.
OBJECT <key>
    Show low level info about \`key\` and associated value.
POPULATE <count> [<prefix>] [<size>]
    Create <count> string keys named key:<num>. If <prefix> is specified then
    it is used instead of the 'key' prefix. These are not propagated to
    replicas. Cluster slots are not respected so keys not belonging to the
    current node can be created in cluster mode.
QUICKLIST <key> [<0|1>]
    Show low level info about the quicklist encoding of <key>.
    The optional argument (0 by default) sets the level of detail
RELOAD [option ...]
    Save the RDB on disk and reload it back to memory. Valid <option> values:
    * MERGE: conflicting keys will be loaded from RDB.
    * NOFLUSH: the existing database will not be removed before load, but
      conflicting keys will generate an exception.
    * NOSAVE: the database will be loaded from an existing RDB file.
    Examples:
    * DEBUG RELOAD: verify that the server is able to persist, flush and reload
      the database.
    * DEBUG RELOAD NOSAVE: replace the current database with the contents of an
      existing RDB file.
    * DEBUG RELOAD NOSAVE NOFLUSH MERGE: add the contents of an existing RDB
      file to the database.
QUICKLIST-PACKED-THRESHOLD <size>
    Sets the threshold for elements to be inserted as plain vs packed nodes
    Default value is 1GB, allows values up to 4GB. Setting to 0 restores to default.
SEGFAULT
    Crash the server with sigsegv.
SET-ACTIVE-EXPIRE <0|1>
    Setting it to 0 disables expiring keys in background when they are not
    accessed (otherwise the Redis behavior). Setting it to 1 reenables back the
    default.
SLEEP <seconds>
    Stop the server for <seconds>. Decimals allowed.
`,
  },
  {
    name: "flushall",
    arity: -1,
    flags: "write",
    categories: "keyspace dangerous",
    tips: "request_policy:all_shards response_policy:all_succeeded",
    host: false,
    since: "1.0.0",
    complexity: "O(N) where N is the total number of keys in all databases",
    summary: "Empties all databases",
    history: ["4.0.0: `ASYNC`.", "6.2.0: `SYNC`."],
    syntax: "[async(ASYNC@4.0.0 | SYNC@6.2.0)]",
  },
  {
    name: "flushdb",
    arity: -1,
    flags: "write",
    categories: "keyspace dangerous",
    tips: "request_policy:all_shards response_policy:all_succeeded",
    host: false,
    since: "1.0.0",
    complexity: "O(N) where N is the number of keys in the selected database",
    summary: "Empties the current database",
    history: ["4.0.0: `ASYNC`.", "6.2.0: `SYNC`."],
    syntax: "[async(ASYNC@4.0.0 | SYNC@6.2.0)]",
  },
  {
    name: "info",
    arity: -1,
    flags: "loading stale",
    categories: "dangerous",
    tips: "nondeterministic_output request_policy:all_shards response_policy:special",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Answers the server's state and counters",
    history: ["7.0.0: Several sections in one call."],
    syntax: "[section...]",
  },
  {
    name: "lastsave",
    arity: 1,
    flags: "loading stale fast",
    categories: "admin dangerous",
    tips: "nondeterministic_output",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Answers the Unix time of the last good save",
  },
  {
    name: "lolwut",
    arity: -1,
    flags: "readonly fast",
    since: "5.0.0",
    summary: "Draws a picture and tells the version",
    syntax: "[VERSION version:integer]",
  },
  {
    name: "memory",
    arity: -2,
    since: "4.0.0",
    complexity: "Depends on subcommand.",
    summary: "Looks into the use of memory",
    subcommands: [
      {
        name: "usage",
        arity: -3,
        flags: "readonly",
        keys: [key(2, "RO")],
        since: "4.0.0",
        complexity: "O(N) where N is the number of samples.",
        summary: "Estimates the bytes that a key and its value take",
        syntax: "key#0 [SAMPLES count:integer]",
      },
      {
        name: "doctor",
        arity: 2,
        tips: "nondeterministic_output request_policy:all_shards response_policy:special",
        since: "4.0.0",
        complexity: "O(1)",
        summary: "Tells what is wrong with the use of memory",
      },
      {
        name: "malloc-stats",
        arity: 2,
        tips: "nondeterministic_output request_policy:all_shards response_policy:special",
        since: "4.0.0",
        complexity: "Depends on how much memory is allocated, could be slow",
        summary: "Shows the figures of the allocator",
      },
      {
        name: "purge",
        arity: 2,
        tips: "request_policy:all_shards response_policy:all_succeeded",
        since: "4.0.0",
        complexity: "Depends on how much memory is allocated, could be slow",
        summary: "Gives free memory back to the system",
      },
      {
        name: "stats",
        arity: 2,
        tips: "nondeterministic_output request_policy:all_shards response_policy:special",
        since: "4.0.0",
        complexity: "O(1)",
        summary: "Shows what memory is used for",
      },
      helpRow("4.0.0"),
    ],
    help: `
DOCTOR
    Return memory problems reports.
MALLOC-STATS
    Return internal statistics report from the memory allocator.
PURGE
    Attempt to purge dirty pages for reclamation by the allocator.
STATS
    Return information about the memory usage of the server.
USAGE <key> [SAMPLES <count>]
    Return memory in bytes used by <key> and its value. Nested values are
    sampled up to <count> times (default: 5, 0 means sample all).
`,
  },
  {
    name: "role",
    arity: 1,
    flags: "noscript loading stale fast",
    categories: "admin dangerous",
    since: "2.8.12",
    complexity: "O(1)",
    summary: "Answers this server's place in replication",
  },
  {
    name: "save",
    arity: 1,
    flags: "admin noscript no_async_loading no_multi",
    since: "1.0.0",
    complexity: "O(N) where N is the total number of keys in all databases",
    summary: "Saves the data to disk and answers when it is there",
  },
  {
    name: "shutdown",
    arity: -1,
    flags: "admin noscript loading stale no_multi allow_busy",
    since: "1.0.0",
    complexity: "O(N) when saving, where N is the number of all keys, otherwise O(1)",
    summary: "Saves the data if told to and ends the server",
    history: ["7.0.0: `NOW`, `FORCE` and `ABORT`."],
    syntax: "[nosave_save(NOSAVE | SAVE)] [NOW@7.0.0] [FORCE@7.0.0] [ABORT@7.0.0]",
  },
  {
    name: "slowlog",
    arity: -2,
    since: "2.2.12",
    complexity: "Depends on subcommand.",
    summary: "Looks into the log of slow commands",
    subcommands: [
      {
        name: "get",
        arity: -2,
        flags: "admin loading stale",
        tips: "request_policy:all_nodes nondeterministic_output",
        since: "2.2.12",
        complexity: "O(N) where N is the number of entries returned",
        summary: "Answers entries of the log of slow commands",
        history: ["4.0.0: Entries tell the client's address and name."],
        syntax: "[count:integer]",
      },
      {
        name: "len",
        arity: 2,
        flags: "admin loading stale",
        tips: "request_policy:all_nodes response_policy:agg_sum nondeterministic_output",
        since: "2.2.12",
        complexity: "O(1)",
        summary: "Counts the entries in the log of slow commands",
      },
      {
        name: "reset",
        arity: 2,
        flags: "admin loading stale",
        tips: "request_policy:all_nodes response_policy:all_succeeded",
        since: "2.2.12",
        complexity: "O(N) where N is the number of entries in the slowlog",
        summary: "Empties the log of slow commands",
      },
      helpRow("6.2.0"),
    ],
    help: `
GET [<count>]
    Return top <count> entries from the slowlog (default: 10, -1 mean all).
    Entries are made of:
    id, timestamp, time in microseconds, arguments array, client IP and port,
    client name
LEN
    Return the length of the slowlog.
RESET
    Reset the slowlog.
`,
  },
  {
    name: "swapdb",
    arity: 3,
    flags: "write fast",
    categories: "keyspace dangerous",
    host: false,
    since: "4.0.0",
    complexity: "O(N) where N is the number of clients that watch or wait for keys",
    summary: "Exchanges two databases",
    syntax: "index1:integer index2:integer",
  },
  {
    name: "time",
    arity: 1,
    flags: "loading stale fast",
    tips: "nondeterministic_output",
    since: "2.6.0",
    complexity: "O(1)",
    summary: "Answers the server's time",
  },
]);
