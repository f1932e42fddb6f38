/**
 * What must hold at every step of every run:
 * - two nodes never claim one slot under one config epoch, now or at different times;
 * - a node never gives two votes in one epoch, whether it restarted in between or not.
 */
import type { ClusterConfig } from "../../src/cluster/nodes-conf.ts";
import { hasSlot } from "../../src/cluster/slot-bitmap.ts";

const slotCount = 16384;

export class BrokenInvariant extends Error {
  override name = "BrokenInvariant";
}

export class Invariants {
  /** Per epoch: who ever claimed each slot. */
  private readonly claims = new Map<number, (string | undefined)[]>();
  /** What each node claimed last, so that only changes are looked at. */
  private readonly lastClaims = new Map<string, { epoch: number; slots: Uint8Array }>();
  private readonly votes = new Map<string, string>();

  /**
   * `strict` is off where an operator's commands make epochs without asking (TAKEOVER, SETSLOT):
   * the protocol then allows a collision for a while.
   */
  constructor(private readonly strict: boolean) {}

  noteClaim(nodeId: string, configEpoch: number, slots: Uint8Array): void {
    if (!this.strict) return;
    const last = this.lastClaims.get(nodeId);
    if (last?.epoch === configEpoch && sameBytes(last.slots, slots)) return;
    this.lastClaims.set(nodeId, { epoch: configEpoch, slots: slots.slice() });
    let claimed = this.claims.get(configEpoch);
    if (claimed === undefined) {
      claimed = new Array<string | undefined>(slotCount);
      this.claims.set(configEpoch, claimed);
    }
    for (let slot = 0; slot < slotCount; slot++) {
      if (!hasSlot(slots, slot)) continue;
      const other = claimed[slot];
      if (other !== undefined && other !== nodeId) {
        throw new BrokenInvariant(
          `slot ${slot} claimed in epoch ${configEpoch} by ${other} and by ${nodeId}`,
        );
      }
      claimed[slot] = nodeId;
    }
  }

  noteVote(voterId: string, epoch: number, candidateId: string): void {
    const key = `${voterId} ${epoch}`;
    const before = this.votes.get(key);
    if (before !== undefined) {
      throw new BrokenInvariant(
        `${voterId} voted twice in epoch ${epoch}: for ${before} and for ${candidateId}`,
      );
    }
    this.votes.set(key, candidateId);
  }

  /** A node forgot its past on purpose (CLUSTER RESET HARD). */
  forget(nodeId: string): void {
    this.lastClaims.delete(nodeId);
  }
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

/** Who serves which slots under which epoch, as one text: equal texts are equal views. */
export function viewOf(config: ClusterConfig): string {
  return config.nodes
    .map(({ id, primaryId, configEpoch, slots, flags }) => {
      const failed = (flags & (4 | 8)) !== 0 ? "down" : "up";
      return `${id} ${primaryId || "-"} ${configEpoch} ${failed} ${Bun.hash(slots).toString(16)}`;
    })
    .sort()
    .join("\n");
}
