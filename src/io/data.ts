import { Prng } from "../base/prng.ts";
import { addHandlers } from "../node/call.ts";
import { persistenceHandlers } from "../node/commands/persistence.ts";
import { replicationHandlers } from "../node/commands/replication.ts";
import { DatasetLoader } from "../node/dataset-loader.ts";
import type { Node } from "../node/node.ts";
import { Persistence } from "../node/persistence.ts";
import { NodeReplication } from "../node/replication.ts";
import { Snapshots } from "../node/snapshots.ts";
import { PrimaryConnection } from "./primary-link.ts";
import { DiskSnapshotFiles } from "./snapshot-files.ts";

/** What keeps the data set in step with files and with other servers. */
export interface DataServices {
  readonly replication: NodeReplication;
  readonly persistence: Persistence;
}

/** Gives the node its replication and its persistence, with sockets and files under them. */
export function openDataServices(node: Node): DataServices {
  const { engine, clock, log, system } = node.modules;
  const { soon } = system;
  const files = new DiskSnapshotFiles();
  const snapshots = new Snapshots({ engine, clock, soon, onSaved: () => node.retryPaused() });
  const loader = new DatasetLoader({ engine, clock, log, soon });
  const replication = new NodeReplication(node, {
    io: { soon, connect: (host, port, events) => new PrimaryConnection(host, port, events) },
    files,
    snapshots,
    loader,
    random: new Prng(Number.parseInt(system.randomHex(8), 16)),
  });
  const persistence = new Persistence(node, { files, snapshots, loader, replication });
  node.replication = replication;
  node.persistence = persistence;
  addHandlers(node, replicationHandlers(replication));
  addHandlers(node, persistenceHandlers(persistence));
  return { replication, persistence };
}
