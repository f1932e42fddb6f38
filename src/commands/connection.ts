/** One connection's identity, protocol and database. */
import { family, helpRow } from "./row.ts";

const defaults = { group: "connection", categories: "connection", host: true };

export const connectionCommands = family(defaults, [
  {
    name: "auth",
    arity: -2,
    flags: "noscript loading stale fast no_auth allow_busy",
    since: "1.0.0",
    complexity: "O(N) where N is the number of passwords defined for the user",
    summary: "Proves the connection's identity with a password",
    history: ["6.0.0: A user name before the password."],
    syntax: "[username@6.0.0] password",
  },
  {
    name: "client",
    arity: -2,
    categories: "",
    since: "2.4.0",
    complexity: "Depends on subcommand.",
    summary: "Looks into connections and steers them",
    subcommands: [
      {
        name: "getname",
        arity: 2,
        flags: "noscript loading stale",
        since: "2.6.9",
        complexity: "O(1)",
        summary: "Answers the name of this connection",
      },
      {
        name: "id",
        arity: 2,
        flags: "noscript loading stale",
        since: "5.0.0",
        complexity: "O(1)",
        summary: "Answers the ID of this connection",
      },
      {
        name: "info",
        arity: 2,
        flags: "noscript loading stale",
        tips: "nondeterministic_output",
        since: "6.2.0",
        complexity: "O(1)",
        summary: "Describes this connection",
      },
      {
        name: "kill",
        arity: -3,
        flags: "admin noscript loading stale",
        since: "2.4.0",
        complexity: "O(N) where N is the number of client connections",
        summary: "Closes connections",
        history: [
          "2.8.12: Filters as pairs of option and value.",
          "2.8.12: `ID`.",
          "3.2.0: `TYPE` takes `master`.",
          "5.0.0: `TYPE` takes `replica`, and `slave` as before.",
          "6.2.0: `LADDR`.",
        ],
        syntax: `filter(ip:port@..2.8.12 |
          new-format(
            [ID client-id:integer@2.8.12] |
            [TYPE normal_master_slave_pubsub(
              NORMAL | MASTER@3.2.0 | SLAVE | REPLICA@5.0.0 | PUBSUB)@2.8.12] |
            [USER username] | [ADDR ip:port] | [LADDR ip:port@6.2.0] | [SKIPME yes/no])...)`,
      },
      {
        name: "list",
        arity: -2,
        flags: "admin noscript loading stale",
        tips: "nondeterministic_output",
        since: "2.4.0",
        complexity: "O(N) where N is the number of client connections",
        summary: "Lists the open connections",
        history: [
          "2.8.12: Field `id`.",
          "5.0.0: Filter `TYPE`.",
          "6.0.0: Field `user`.",
          "6.2.0: Fields `argv-mem`, `tot-mem`, `laddr` and `redir`; filter `ID`.",
          "7.0.0: Fields `resp`, `multi-mem`, `rbs` and `rbp`.",
          "7.0.3: Field `ssub`.",
        ],
        syntax: `[TYPE normal_master_replica_pubsub(
            NORMAL | MASTER | REPLICA | PUBSUB)@5.0.0]
          [ID id(client-id:integer...)@6.2.0]`,
      },
      {
        name: "no-evict",
        arity: 3,
        flags: "admin noscript loading stale",
        since: "7.0.0",
        complexity: "O(1)",
        summary: "Spares this connection when clients take too much memory",
        syntax: "enabled(ON | OFF)",
      },
      {
        name: "no-touch",
        arity: 3,
        flags: "noscript loading stale",
        since: "7.2.0",
        complexity: "O(1)",
        summary: "Has the reads of this connection leave the last-use times of keys as they are",
        syntax: "enabled(ON | OFF)",
      },
      {
        name: "pause",
        arity: -3,
        flags: "admin noscript loading stale",
        since: "2.9.50",
        complexity: "O(1)",
        summary: "Holds back clients' commands for a time",
        history: ["6.2.0: A mode; `WRITE` holds back writes only."],
        syntax: "timeout:integer [mode(WRITE | ALL)@6.2.0]",
      },
      {
        name: "reply",
        arity: 3,
        flags: "noscript loading stale",
        since: "3.2.0",
        complexity: "O(1)",
        summary: "Turns replies to this connection on or off",
        syntax: "on_off_skip(ON | OFF | SKIP)",
      },
      {
        name: "setinfo",
        arity: 4,
        flags: "noscript loading stale",
        tips: "request_policy:all_nodes response_policy:all_succeeded",
        since: "7.2.0",
        complexity: "O(1)",
        summary: "Tells the server which library uses this connection",
        syntax: "attr(LIB-NAME libname | LIB-VER libver)",
      },
      {
        name: "setname",
        arity: 3,
        flags: "noscript loading stale",
        since: "2.6.9",
        complexity: "O(1)",
        summary: "Names this connection",
        syntax: "connection-name",
      },
      {
        name: "unblock",
        arity: -3,
        flags: "admin noscript loading stale",
        since: "5.0.0",
        complexity: "O(log N) where N is the number of client connections",
        summary: "Ends the waiting of a client in a blocking command",
        syntax: "client-id:integer [timeout_error(TIMEOUT | ERROR)]",
      },
      {
        name: "unpause",
        arity: 2,
        flags: "admin noscript loading stale",
        since: "6.2.0",
        complexity: "O(N) Where N is the number of paused clients",
        summary: "Ends a pause of clients",
      },
      helpRow("5.0.0"),
    ],
    help: `
GETNAME
    Return the name of the current connection.
ID
    Return the ID of the current connection.
INFO
    Return information about the current client connection.
KILL <ip:port>
    Kill connection made from <ip:port>.
KILL <option> <value> [<option> <value> [...]]
    Kill connections. Options are:
    * ADDR (<ip:port>|<unixsocket>:0)
      Kill connections made from the specified address
    * LADDR (<ip:port>|<unixsocket>:0)
      Kill connections made to specified local address
    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)
      Kill connections by type.
    * USER <username>
      Kill connections authenticated by <username>.
    * SKIPME (YES|NO)
      Skip killing current connection (default: yes).
LIST [options ...]
    Return information about client connections. Options:
    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)
      Return clients of specified type.
UNPAUSE
    Stop the current client pause, resuming traffic.
PAUSE <timeout> [WRITE|ALL]
    Suspend all, or just write, clients for <timeout> milliseconds.
REPLY (ON|OFF|SKIP)
    Control the replies sent to the current connection.
SETNAME <name>
    Assign the name <name> to the current connection.
UNBLOCK <clientid> [TIMEOUT|ERROR]
    Unblock the specified blocked client.
NO-EVICT (ON|OFF)
    Protect current client connection from eviction.
NO-TOUCH (ON|OFF)
    Have reads of the current connection leave last-use times alone.
SETINFO <option> <value>
    Set client meta attr. Options are:
    * LIB-NAME: the client lib name.
    * LIB-VER: the client lib version.
`,
  },
  {
    name: "echo",
    arity: 2,
    flags: "loading stale fast",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Answers its argument",
    syntax: "message",
  },
  {
    name: "hello",
    arity: -1,
    flags: "noscript loading stale fast no_auth allow_busy",
    since: "6.0.0",
    complexity: "O(1)",
    summary: "Chooses the protocol, and may authenticate and name the connection",
    history: ["6.2.0: Without arguments it describes the connection."],
    syntax: `[arguments(protover:integer
        [AUTH username_password(username password)] [SETNAME clientname])]`,
  },
  {
    name: "ping",
    arity: -1,
    flags: "fast subscriber",
    tips: "request_policy:all_shards response_policy:all_succeeded",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Answers PONG, or its argument",
    syntax: "[message]",
  },
  {
    name: "quit",
    arity: -1,
    flags: "noscript loading stale fast no_auth allow_busy not_queued subscriber",
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Closes the connection",
  },
  {
    name: "reset",
    arity: 1,
    flags: "noscript loading stale fast no_auth allow_busy not_queued subscriber",
    since: "6.2.0",
    complexity: "O(1)",
    summary: "Brings the connection back to its first state",
  },
  {
    name: "select",
    arity: 2,
    flags: "loading stale fast",
    host: false,
    since: "1.0.0",
    complexity: "O(1)",
    summary: "Changes the connection's database",
    syntax: "index:integer",
  },
]);
