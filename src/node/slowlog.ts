import { latin1, latin1Text } from "../base/bytes.ts";
import { slowlogArgumentBytesMax, slowlogArgumentsMax, slowlogBatchMax } from "../base/limits.ts";
import { array, bulk, integer, type ReplyValue, type Text } from "../base/reply.ts";

interface SlowlogEntry {
  readonly id: number;
  readonly seconds: number;
  readonly microseconds: number;
  readonly arguments: readonly Text[];
  readonly address: string;
  readonly name: string;
}

/** The slow log: newest entries first, at most `lengthMax` of them (slowlog-max-len). */
export class Slowlog {
  private entries: SlowlogEntry[] = [];
  private nextId = 0;

  add(
    entry: {
      readonly nowMs: number;
      readonly microseconds: number;
      readonly arguments: readonly Uint8Array[];
      readonly address: string;
      readonly name: string;
    },
    lengthMax: number,
  ): void {
    if (lengthMax <= 0) return;
    this.entries.unshift({
      id: this.nextId++,
      seconds: Math.floor(entry.nowMs / 1000),
      microseconds: Math.round(entry.microseconds),
      arguments: shorten(entry.arguments),
      address: entry.address,
      name: entry.name,
    });
    this.trim(lengthMax);
  }

  trim(lengthMax: number): void {
    if (this.entries.length > lengthMax) this.entries.length = lengthMax;
  }

  get length(): number {
    return this.entries.length;
  }

  reset(): void {
    this.entries = [];
  }

  /** SLOWLOG GET; a negative count means all. */
  reply(count: number): ReplyValue {
    const chosen = count < 0 ? this.entries : this.entries.slice(0, count);
    return array(
      chosen.map((entry) =>
        array([
          integer(entry.id),
          integer(entry.seconds),
          integer(entry.microseconds),
          array(entry.arguments.map(bulk)),
          bulk(entry.address),
          bulk(entry.name),
        ]),
      ),
    );
  }
}

function shorten(list: readonly Uint8Array[]): Text[] {
  const kept = list.length > slowlogArgumentsMax ? list.slice(0, slowlogArgumentsMax - 1) : list;
  const texts: Text[] = kept.map((argument) => {
    if (argument.length <= slowlogArgumentBytesMax) return argument.slice();
    const more = latin1(`... (${argument.length - slowlogArgumentBytesMax} more bytes)`);
    const cut = new Uint8Array(slowlogArgumentBytesMax + more.length);
    cut.set(argument.subarray(0, slowlogArgumentBytesMax));
    cut.set(more, slowlogArgumentBytesMax);
    return cut;
  });
  if (kept !== list) texts.push(`... (${list.length - kept.length} more arguments)`);
  return texts;
}

/**
 * The commands of a chunk of input behind the first `skipped`, at most `count`; none when the chunk starts inside a command.
 * Only for showing: the engine's parser is the one that counts.
 */
export function commandsIn(chunk: Uint8Array, count: number, skipped = 0): Uint8Array[][] {
  const commands: Uint8Array[][] = [];
  const reader = new LineReader(chunk);
  const wanted = skipped + Math.min(count, slowlogBatchMax);
  while (commands.length < wanted) {
    const line = reader.line();
    if (line === undefined) break;
    if (line.length === 0) continue;
    if (line[0] !== 0x2a) {
      commands.push(
        latin1Text(line)
          .split(" ")
          .filter((word) => word !== "")
          .map(latin1),
      );
      continue;
    }
    const argv: Uint8Array[] = [];
    const argumentCount = Number(latin1Text(line.subarray(1)));
    while (argv.length < argumentCount) {
      const header = reader.line();
      if (header === undefined || header[0] !== 0x24) return commands.slice(skipped);
      const argument = reader.take(Number(latin1Text(header.subarray(1))));
      if (argument === undefined) return commands.slice(skipped);
      argv.push(argument);
    }
    commands.push(argv);
  }
  return commands.slice(skipped);
}

class LineReader {
  private at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  line(): Uint8Array | undefined {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) return undefined;
    const cut = end > this.at && this.bytes[end - 1] === 0x0d ? end - 1 : end;
    const line = this.bytes.subarray(this.at, cut);
    this.at = end + 1;
    return line;
  }

  /** `length` bytes and the line end behind them. */
  take(length: number): Uint8Array | undefined {
    if (!(length >= 0) || this.at + length + 2 > this.bytes.length) return undefined;
    const taken = this.bytes.subarray(this.at, this.at + length);
    this.at += length + 2;
    return taken;
  }
}
