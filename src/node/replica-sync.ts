import { Gate } from "../../assembly/settings.ts";
import { type DatasetLoader, historyOf, type LoadOutcome } from "./dataset-loader.ts";
import type { Node } from "./node.ts";
import type { SnapshotFile, SnapshotFiles } from "./snapshot-files.ts";

export interface ReplicaSyncEvents {
  /** The image is loaded and serves; `database` is the one that the stream goes on in. */
  onLoaded(linkId: number, database: number): void;
  onFailed(linkId: number, reason: string): void;
  /** The old data is gone and nothing whole took its place. */
  onDataLost(): void;
}

/**
 * Receives our primary's snapshot. It is kept in a temporary file while the old data goes on serving; once it
 * is whole, the databases are emptied and it is loaded, with -LOADING as the answer meanwhile (what Redis does
 * with `repl-diskless-load disabled`). Where there is no data, `on-empty-db` loads it as it arrives.
 */
export class ReplicaSync {
  private linkId = 0;
  private file: SnapshotFile | undefined;
  /** Loading as the bytes arrive. */
  private direct = false;
  private flushed = false;

  constructor(
    private readonly node: Node,
    private readonly modules: {
      readonly files: SnapshotFiles;
      readonly loader: DatasetLoader;
      readonly events: ReplicaSyncEvents;
    },
  ) {}

  begin(linkId: number, length: number | null): void {
    this.abort();
    this.linkId = linkId;
    const direct = this.node.configuration.get("repl-diskless-load") === "on-empty-db";
    const target = direct && this.isEmpty() ? "parser" : "disk";
    this.node.log.notice(
      length === null
        ? `MASTER <-> REPLICA sync: receiving streamed RDB from master with EOF to ${target}`
        : `MASTER <-> REPLICA sync: receiving ${length} bytes from master to ${target}`,
    );
    if (target === "parser") this.beginDirect(length);
    else this.beginFile();
  }

  private beginDirect(length: number | null): void {
    this.say("Loading DB in memory");
    this.direct = true;
    this.flushed = true;
    this.node.setGate(Gate.Loading, true);
    this.modules.loader.begin(length ?? 0);
  }

  private beginFile(): void {
    const file = this.modules.files.createUnnamed("sync");
    if (typeof file === "string") this.modules.events.onFailed(this.linkId, file);
    else this.file = file;
  }

  chunk(bytes: Uint8Array): void {
    if (this.direct) {
      this.modules.loader.push(bytes);
      return;
    }
    const failure = this.file?.write(bytes);
    if (failure === undefined) return;
    this.abort();
    this.modules.events.onFailed(this.linkId, failure);
  }

  end(): void {
    const { node, modules, file } = this;
    if (this.direct) {
      this.direct = false;
      this.finish(modules.loader.finish());
      return;
    }
    if (file === undefined) return;
    this.file = undefined;
    const prepare = (): void => {
      this.say("Flushing old data");
      this.flushed = true;
      node.engine.flush(-1, node.configuration.get("replica-lazy-flush"));
      node.setGate(Gate.Loading, true);
      this.say("Loading DB in memory");
    };
    modules.loader.load(file.reread(), prepare, (outcome) => this.finish(outcome));
  }

  abort(): void {
    this.file?.discard();
    this.file = undefined;
    this.modules.loader.abort();
    if (this.flushed) this.loseData();
  }

  private finish(outcome: LoadOutcome): void {
    const { events } = this.modules;
    if (outcome.ok) {
      this.flushed = false;
      this.node.setGate(Gate.Loading, false);
      events.onLoaded(this.linkId, historyOf(outcome.aux)?.database ?? 0);
      return;
    }
    this.loseData();
    events.onFailed(this.linkId, outcome.detail);
  }

  private say(step: string): void {
    this.node.log.notice(`MASTER <-> REPLICA sync: ${step}`);
  }

  private loseData(): void {
    this.direct = false;
    this.flushed = false;
    this.node.engine.flush(-1, false);
    this.node.setGate(Gate.Loading, false);
    this.modules.events.onDataLost();
  }

  private isEmpty(): boolean {
    const { engine, configuration } = this.node;
    for (let index = 0; index < configuration.get("databases"); index++) {
      if (engine.keyCount(index) > 0) return false;
    }
    return true;
  }
}
