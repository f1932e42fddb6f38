/** Messages to whoever listens. */
import { key as keyAt, keysFrom } from "./key-specs.ts";
import { family, helpRow } from "./row.ts";

export const pubSubCommands = family({ group: "pubsub", categories: "pubsub", host: true }, [
  {
    name: "psubscribe",
    arity: -2,
    flags: "pubsub noscript loading stale subscriber",
    since: "2.0.0",
    complexity: "O(N) where N is the number of patterns this connection listens to",
    summary: "Has messages of all channels that match a pattern sent to this connection",
    syntax: "pattern(pattern:pattern)...",
  },
  {
    name: "publish",
    arity: 3,
    flags: "pubsub loading stale fast may_replicate",
    since: "2.0.0",
    complexity: "O(N+M) where N is the channel's listeners and M all patterns in use",
    summary: "Sends a message to all who listen to a channel",
    syntax: "channel message",
  },
  {
    name: "pubsub",
    arity: -2,
    categories: "",
    since: "2.8.0",
    complexity: "Depends on subcommand.",
    summary: "Looks into channels and who listens",
    subcommands: [
      {
        name: "channels",
        arity: -2,
        flags: "pubsub loading stale",
        since: "2.8.0",
        complexity: "O(N) where N is the number of channels in use",
        summary: "Lists the channels that somebody listens to",
        syntax: "[pattern:pattern]",
      },
      helpRow("6.2.0", ""),
      {
        name: "numpat",
        arity: 2,
        flags: "pubsub loading stale",
        since: "2.8.0",
        complexity: "O(1)",
        summary: "Counts the patterns in use",
      },
      {
        name: "numsub",
        arity: -2,
        flags: "pubsub loading stale",
        since: "2.8.0",
        complexity: "O(N) where N is the number of channels asked for",
        summary: "Counts the listeners of channels",
        syntax: "[channel...]",
      },
      {
        name: "shardchannels",
        arity: -2,
        flags: "pubsub loading stale",
        since: "7.0.0",
        complexity: "O(N) where N is the number of shard channels in use",
        summary: "Lists the shard channels that somebody listens to",
        syntax: "[pattern:pattern]",
      },
      {
        name: "shardnumsub",
        arity: -2,
        flags: "pubsub loading stale",
        since: "7.0.0",
        complexity: "O(N) where N is the number of shard channels asked for",
        summary: "Counts the listeners of shard channels",
        syntax: "[shardchannel...]",
      },
    ],
    help: `
CHANNELS [<pattern>]
    Return the currently active channels matching a <pattern> (default: '*').
NUMPAT
    Return number of subscriptions to patterns.
NUMSUB [<channel> ...]
    Return the number of subscribers for the specified channels, excluding
    pattern subscriptions(default: no channels).
SHARDCHANNELS [<pattern>]
    Return the currently active shard level channels matching a <pattern> (default: '*').
SHARDNUMSUB [<shardchannel> ...]
    Return the number of subscribers for the specified shard level channel(s)
`,
  },
  {
    name: "punsubscribe",
    arity: -1,
    flags: "pubsub noscript loading stale subscriber",
    since: "2.0.0",
    complexity: "O(N+M) where N is this connection's patterns and M all patterns in use",
    summary: "Ends what PSUBSCRIBE began, for some patterns or all",
    syntax: "[pattern:pattern...]",
  },
  {
    name: "spublish",
    arity: 3,
    flags: "pubsub loading stale fast may_replicate",
    keys: [keyAt(1, "not_key")],
    since: "7.0.0",
    complexity: "O(N) where N is the number of the channel's listeners",
    summary: "Sends a message to all who listen to a shard channel",
    syntax: "shardchannel message",
  },
  {
    name: "ssubscribe",
    arity: -2,
    flags: "pubsub noscript loading stale subscriber",
    keys: [keysFrom(1, "not_key")],
    since: "7.0.0",
    complexity: "O(N) where N is the number of channels given",
    summary: "Has messages of shard channels sent to this connection",
    syntax: "shardchannel...",
  },
  {
    name: "subscribe",
    arity: -2,
    flags: "pubsub noscript loading stale subscriber",
    since: "2.0.0",
    complexity: "O(N) where N is the number of channels given",
    summary: "Has messages of channels sent to this connection",
    syntax: "channel...",
  },
  {
    name: "sunsubscribe",
    arity: -1,
    flags: "pubsub noscript loading stale subscriber",
    keys: [keysFrom(1, "not_key")],
    since: "7.0.0",
    complexity: "O(N) where N is the number of the channel's listeners",
    summary: "Ends what SSUBSCRIBE began, for some channels or all",
    syntax: "[shardchannel...]",
  },
  {
    name: "unsubscribe",
    arity: -1,
    flags: "pubsub noscript loading stale subscriber",
    since: "2.0.0",
    complexity: "O(N) where N is the number of the channel's listeners",
    summary: "Ends what SUBSCRIBE began, for some channels or all",
    syntax: "[channel...]",
  },
]);
