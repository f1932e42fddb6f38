/** Memory of values with elements: many small ones of each type, and one large sorted set. */
import type { BenchServer } from "./server.ts";

export interface AggregateRow {
  readonly name: string;
  /** What one value, or one member of the large one, adds to used_memory. */
  readonly bytes: number;
  /** Of redis-server's, at most. */
  readonly ratioMax?: number;
}

const VALUES = 200_000;
const MEMBERS = 1_000_000;
const PER_COMMAND = 100;
/** Commands under way at a time. */
const BATCH = 100;

/** Ten characters, all different. */
function element(number: number): string {
  return `e${String(number).padStart(9, "0")}`;
}

const ten = Array.from({ length: 10 }, (_, index) => index);

interface Kind {
  readonly name: string;
  readonly ratioMax?: number;
  readonly command: (index: number) => string[];
}

const KINDS: readonly Kind[] = [
  {
    name: "hash, 10 fields x 10 B",
    ratioMax: 0.75,
    command: (index) => [
      "HSET",
      `h${element(index)}`,
      ...ten.flatMap((at) => [element(at), element(index + at)]),
    ],
  },
  {
    name: "set, 10 members",
    ratioMax: 0.75,
    command: (index) => ["SADD", `s${element(index)}`, ...ten.map((at) => element(index + at))],
  },
  {
    name: "sorted set, 10 members",
    ratioMax: 0.75,
    command: (index) => [
      "ZADD",
      `z${element(index)}`,
      ...ten.flatMap((at) => [String(index + at), element(index + at)]),
    ],
  },
  {
    name: "list, 10 elements",
    command: (index) => ["RPUSH", `l${element(index)}`, ...ten.map((at) => element(index + at))],
  },
];

export async function aggregateRows(
  server: BenchServer,
  scale: number,
): Promise<readonly AggregateRow[]> {
  const rows: AggregateRow[] = [];
  const values = Math.round(VALUES * scale);
  for (const { name, ratioMax, command } of KINDS) {
    const bytes = (await growth(server, values, command)) / values;
    rows.push({ name, bytes, ...(ratioMax === undefined ? {} : { ratioMax }) });
  }
  const members = Math.round(MEMBERS * scale);
  const zadd = (index: number): string[] => [
    "ZADD",
    "large",
    ...Array.from({ length: PER_COMMAND }, (_, at) => index * PER_COMMAND + at).flatMap(
      (number) => [
        // Scores in no order, and with digits behind the point.
        String(((number * 7919) % 1_000_003) / 7),
        element(number),
      ],
    ),
  ];
  const bytes = (await growth(server, members / PER_COMMAND, zadd)) / members;
  rows.push({ name: `member of a sorted set of ${members}`, bytes, ratioMax: 0.7 });
  return rows;
}

/** What `count` commands add to used_memory, after the keyspace has settled. */
async function growth(
  server: BenchServer,
  count: number,
  command: (index: number) => string[],
): Promise<number> {
  const before = await server.usedMemoryBytes();
  const client = await server.connect();
  for (let from = 0; from < count; from += BATCH) {
    const size = Math.min(BATCH, count - from);
    await Promise.all(Array.from({ length: size }, (_, at) => client.call(...command(from + at))));
  }
  client.close();
  return (await server.usedMemoryBytes()) - before;
}
