import { Frame } from "../../assembly/abi.ts";
import type { EngineMemory } from "./memory.ts";

/** The region where engine calls leave answers that are bytes. */
export class OutputRegion {
  /** `frame`: index of the frame's first word. */
  constructor(
    private readonly memory: EngineMemory,
    private readonly frame: number,
  ) {}

  /** Good until the next call. */
  view(): Uint8Array {
    const { words } = this.memory;
    const address = words[this.frame + Frame.OutputPtr] as number;
    return this.memory.view(address, words[this.frame + Frame.OutputLength] as number);
  }

  /** Strings, each behind its length (u32, little-endian), in copies. */
  strings(): Uint8Array[] {
    const output = this.view().slice();
    const view = new DataView(output.buffer);
    const strings: Uint8Array[] = [];
    for (let at = 0; at < output.length; ) {
      const length = view.getUint32(at, true);
      strings.push(output.subarray(at + 4, at + 4 + length));
      at += 4 + length;
    }
    return strings;
  }
}
