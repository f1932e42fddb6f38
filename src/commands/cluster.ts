/** Cluster membership, slots and redirection. */
import { family, helpRow } from "./row.ts";

export const clusterCommands = family({ group: "cluster", categories: "", host: true }, [
  {
    name: "asking",
    arity: 1,
    flags: "fast",
    categories: "connection",
    host: false,
    since: "3.0.0",
    complexity: "O(1)",
    summary: "Lets the next command use a slot that is being imported",
  },
  {
    name: "cluster",
    arity: -2,
    since: "3.0.0",
    complexity: "Depends on subcommand.",
    summary: "Looks into the cluster and changes it",
    subcommands: [
      {
        name: "addslots",
        arity: -3,
        flags: "admin stale no_async_loading",
        since: "3.0.0",
        complexity: "O(N) where N is the total number of hash slot arguments",
        summary: "Gives free slots to this node",
        syntax: "slot:integer...",
      },
      {
        name: "addslotsrange",
        arity: -4,
        flags: "admin stale no_async_loading",
        since: "7.0.0",
        complexity: "O(N) where N is the number of slots in the ranges",
        summary: "Gives ranges of free slots to this node",
        syntax: "start-slot_end-slot(start-slot:integer end-slot:integer)...",
      },
      {
        name: "bumpepoch",
        arity: 2,
        flags: "admin stale no_async_loading",
        tips: "nondeterministic_output",
        since: "3.0.0",
        complexity: "O(1)",
        summary: "Raises the configuration epoch of this node",
      },
      {
        name: "count-failure-reports",
        arity: 3,
        flags: "admin stale",
        tips: "nondeterministic_output",
        since: "3.0.0",
        complexity: "O(N) where N is the number of failure reports",
        summary: "Counts the valid reports that a node has failed",
        syntax: "node-id",
      },
      {
        name: "countkeysinslot",
        arity: 3,
        flags: "stale",
        since: "3.0.0",
        complexity: "O(1)",
        summary: "Counts the keys of a slot that this node holds",
        syntax: "slot:integer",
      },
      {
        name: "delslots",
        arity: -3,
        flags: "admin stale no_async_loading",
        since: "3.0.0",
        complexity: "O(N) where N is the total number of hash slot arguments",
        summary: "Makes this node see slots as free",
        syntax: "slot:integer...",
      },
      {
        name: "delslotsrange",
        arity: -4,
        flags: "admin stale no_async_loading",
        since: "7.0.0",
        complexity: "O(N) where N is the number of slots in the ranges",
        summary: "Makes this node see ranges of slots as free",
        syntax: "start-slot_end-slot(start-slot:integer end-slot:integer)...",
      },
      {
        name: "failover",
        arity: -2,
        flags: "admin stale no_async_loading",
        since: "3.0.0",
        complexity: "O(1)",
        summary: "Makes this replica take its master's place",
        syntax: "[options(FORCE | TAKEOVER)]",
      },
      {
        name: "flushslots",
        arity: 2,
        flags: "admin stale no_async_loading",
        since: "3.0.0",
        complexity: "O(1)",
        summary: "Gives up all slots of this node",
      },
      {
        name: "forget",
        arity: 3,
        flags: "admin stale no_async_loading",
        since: "3.0.0",
        complexity: "O(1)",
        summary: "Strikes a node from the node table",
        syntax: "node-id",
      },
      {
        name: "getkeysinslot",
        arity: 4,
        flags: "stale",
        tips: "nondeterministic_output",
        since: "3.0.0",
        complexity: "O(log(N)) where N is the number of requested keys",
        summary: "Lists keys of a slot that this node holds",
        syntax: "slot:integer count:integer",
      },
      {
        name: "info",
        arity: 2,
        flags: "stale",
        tips: "nondeterministic_output",
        since: "3.0.0",
        complexity: "O(1)",
        summary: "Answers the state of the cluster as this node sees it",
      },
      {
        name: "keyslot",
        arity: 3,
        flags: "stale",
        since: "3.0.0",
        complexity: "O(N) where N is the number of bytes in the key",
        summary: "Answers the slot of a key",
        syntax: "key",
      },
      {
        name: "links",
        arity: 2,
        flags: "stale",
        tips: "nondeterministic_output",
        since: "7.0.0",
        complexity: "O(N) where N is the total number of Cluster nodes",
        summary: "Lists the bus connections to and from peers",
      },
      {
        name: "meet",
        arity: -4,
        flags: "admin stale no_async_loading",
        since: "3.0.0",
        complexity: "O(1)",
        summary: "Invites another node into the cluster",
        history: ["4.0.0: A bus port."],
        syntax: "ip port:integer [cluster_bus_port:integer@4.0.0]",
      },
      {
        name: "myid",
        arity: 2,
        flags: "stale",
        since: "3.0.0",
        complexity: "O(1)",
        summary: "Answers the ID of this node",
      },
      {
        name: "nodes",
        arity: 2,
        flags: "stale",
        tips: "nondeterministic_output",
        since: "3.0.0",
        complexity: "O(N) where N is the total number of Cluster nodes",
        summary: "Answers the node table as this node sees it",
      },
      {
        name: "replicas",
        arity: 3,
        flags: "admin stale",
        tips: "nondeterministic_output",
        since: "5.0.0",
        complexity: "O(1)",
        summary: "Lists the replicas of a master",
        syntax: "node-id",
      },
      {
        name: "replicate",
        arity: 3,
        flags: "admin stale no_async_loading",
        since: "3.0.0",
        complexity: "O(1)",
        summary: "Makes this node a replica of a master",
        syntax: "node-id",
      },
      {
        name: "reset",
        arity: -2,
        flags: "admin noscript stale",
        since: "3.0.0",
        complexity: "O(N) where N is the number of known nodes, and FLUSHALL of a replica",
        summary: "Makes the node forget its cluster",
        syntax: "[hard_soft(HARD | SOFT)]",
      },
      {
        name: "saveconfig",
        arity: 2,
        flags: "admin stale no_async_loading",
        since: "3.0.0",
        complexity: "O(1)",
        summary: "Saves the cluster's state to disk",
      },
      {
        name: "set-config-epoch",
        arity: 3,
        flags: "admin stale no_async_loading",
        since: "3.0.0",
        complexity: "O(1)",
        summary: "Sets the configuration epoch of a fresh node",
        syntax: "config-epoch:integer",
      },
      {
        name: "setslot",
        arity: -4,
        flags: "admin stale no_async_loading",
        since: "3.0.0",
        complexity: "O(1)",
        summary: "Changes who owns a slot, or where it is moving",
        syntax:
          "slot:integer subcommand(IMPORTING node-id | MIGRATING node-id | NODE node-id | STABLE)",
      },
      {
        name: "shards",
        arity: 2,
        flags: "stale",
        tips: "nondeterministic_output",
        since: "7.0.0",
        complexity: "O(N) where N is the total number of cluster nodes",
        summary: "Lists the shards with their slots and nodes",
      },
      {
        name: "slaves",
        arity: 3,
        flags: "admin stale",
        tips: "nondeterministic_output",
        since: "3.0.0",
        complexity: "O(1)",
        summary: "Lists the replicas of a master",
        deprecated: ["5.0.0", "`CLUSTER REPLICAS`"],
        syntax: "node-id",
      },
      {
        name: "slots",
        arity: 2,
        flags: "stale",
        tips: "nondeterministic_output",
        since: "3.0.0",
        complexity: "O(N) where N is the total number of Cluster nodes",
        summary: "Lists the ranges of slots with the nodes that serve them",
        deprecated: ["7.0.0", "`CLUSTER SHARDS`"],
        history: ["4.0.0: Node IDs.", "7.0.0: Further addresses of each node."],
      },
      helpRow("5.0.0"),
    ],
    help: `
ADDSLOTS <slot> [<slot> ...]
    Assign slots to current node.
ADDSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]
    Assign slots which are between <start-slot> and <end-slot> to current node.
BUMPEPOCH
    Advance the cluster config epoch.
COUNT-FAILURE-REPORTS <node-id>
    Return number of failure reports for <node-id>.
COUNTKEYSINSLOT <slot>
    Return the number of keys in <slot>.
DELSLOTS <slot> [<slot> ...]
    Delete slots information from current node.
DELSLOTSRANGE <start slot> <end slot> [<start slot> <end slot> ...]
    Delete slots information which are between <start-slot> and <end-slot> from current node.
FAILOVER [FORCE|TAKEOVER]
    Promote current replica node to being a master.
FORGET <node-id>
    Remove a node from the cluster.
GETKEYSINSLOT <slot> <count>
    Return key names stored by current node in a slot.
FLUSHSLOTS
    Delete current node own slots information.
INFO
    Return information about the cluster.
KEYSLOT <key>
    Return the hash slot for <key>.
MEET <ip> <port> [<bus-port>]
    Connect nodes into a working cluster.
MYID
    Return the node id.
NODES
    Return cluster configuration seen by node. Output format:
    <id> <ip:port> <flags> <master> <pings> <pongs> <epoch> <link> <slot> ...
REPLICATE <node-id>
    Configure current node as replica to <node-id>.
RESET [HARD|SOFT]
    Reset current node (default: soft).
SET-CONFIG-EPOCH <epoch>
    Set config epoch of current node.
SETSLOT <slot> (IMPORTING <node-id>|MIGRATING <node-id>|STABLE|NODE <node-id>)
    Set slot state.
REPLICAS <node-id>
    Return <node-id> replicas.
SAVECONFIG
    Force saving cluster configuration on disk.
SLOTS
    Return information about slots range mappings. Each range is made of:
    start, end, master and replicas IP addresses, ports and ids
SHARDS
    Return information about slot range mappings and the nodes associated with them.
LINKS
    Return information about all network links between this node and its peers.
    Output format is an array where each array element is a map containing attributes of a link
`,
  },
  {
    name: "readonly",
    arity: 1,
    flags: "loading stale fast",
    categories: "connection",
    host: false,
    since: "3.0.0",
    complexity: "O(1)",
    summary: "Lets this connection read from a replica",
  },
  {
    name: "readwrite",
    arity: 1,
    flags: "loading stale fast",
    categories: "connection",
    host: false,
    since: "3.0.0",
    complexity: "O(1)",
    summary: "Lets this connection no longer read from a replica",
  },
]);
