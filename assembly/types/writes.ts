/** Counts effective writes: what Redis calls `dirty`. */
import { Stat } from "../abi";
import { Stats } from "../base/stats";

export class Writes {
  @inline static one(): void {
    Stats.add(Stat.Dirty, 1);
  }
  @inline static many(count: u32): void {
    Stats.add(Stat.Dirty, count);
  }
}
