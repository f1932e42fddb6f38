/** Chunks of a client that wait are gathered in blocks of at least so many bytes. */
const blockBytesMin = 64 * 1024;

interface Block {
  readonly bytes: Uint8Array;
  length: number;
}

/** Input of a client that cannot be worked on yet, in order. */
export class HeldInput {
  /** In all. */
  bytes = 0;
  private blocks: Block[] = [];
  /** The first block that has not been taken. */
  private first = 0;

  /** Copies the chunk. */
  push(chunk: Uint8Array): void {
    let block = this.first < this.blocks.length ? this.blocks.at(-1) : undefined;
    if (block === undefined || block.bytes.length - block.length < chunk.length) {
      block = { bytes: new Uint8Array(Math.max(blockBytesMin, chunk.length)), length: 0 };
      this.blocks.push(block);
    }
    block.bytes.set(chunk, block.length);
    block.length += chunk.length;
    this.bytes += chunk.length;
  }

  /** The oldest bytes, or undefined. */
  shift(): Uint8Array | undefined {
    const block = this.blocks[this.first];
    if (block === undefined) return undefined;
    this.blocks[this.first++] = taken;
    if (this.first === this.blocks.length) this.clear();
    else this.bytes -= block.length;
    return block.bytes.subarray(0, block.length);
  }

  clear(): void {
    this.blocks = [];
    this.first = 0;
    this.bytes = 0;
  }
}

const taken: Block = { bytes: new Uint8Array(0), length: 0 };
