import { CommandStat, type Stat } from "../../assembly/abi.ts";
import { latin1Text } from "../base/bytes.ts";
import type { EngineExports } from "./exports.ts";
import type { EngineMemory } from "./memory.ts";

/** What the engine counts: for itself, by command, and by the code of an error reply. */
export class EngineCounters {
  private readonly stats: number;
  private readonly commandStats: number;

  constructor(
    private readonly modules: { readonly wasm: EngineExports; readonly memory: EngineMemory },
  ) {
    this.stats = (modules.wasm.statsPtr() >>> 0) / 8;
    this.commandStats = (modules.wasm.commandStatsPtr() >>> 0) / 8;
  }

  stat(stat: Stat): number {
    return this.modules.memory.floats[this.stats + stat] as number;
  }

  resetStat(stat: Stat): void {
    this.modules.memory.floats[this.stats + stat] = 0;
  }

  /** `index`: the row's `stat`. */
  commandStat(index: number, stat: CommandStat): number {
    const at = this.commandStats + index * CommandStat.Size + stat;
    return this.modules.memory.floats[at] as number;
  }

  addCommandStat(id: number, stat: CommandStat, amount: number): void {
    const { floats } = this.modules.memory;
    const at = this.commandStats + id * CommandStat.Size + stat;
    floats[at] = (floats[at] as number) + amount;
  }

  resetCommandStats(count: number): void {
    const { floats } = this.modules.memory;
    floats.fill(0, this.commandStats, this.commandStats + count * CommandStat.Size);
  }

  /** Error replies of the engine by code (`ERR`, `WRONGTYPE` ...), in the order of their first use. */
  errorCounts(): [code: string, count: number][] {
    const { wasm, memory } = this.modules;
    const { words, floats } = memory;
    const counts: [string, number][] = [];
    for (let at = wasm.errorStatsPtr() >>> 0; counts.length < 64; at += 32) {
      const length = words[at / 4] as number;
      if (length === 0) break;
      counts.push([latin1Text(memory.copy(at + 4, length)), floats[at / 8 + 3] as number]);
    }
    return counts;
  }

  resetErrorCounts(): void {
    this.modules.wasm.resetErrorStats();
  }
}
