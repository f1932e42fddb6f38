/** Megabytes tested in one block. */
const blockMegabytes = 64;

/**
 * `--test-memory <megabytes>`: writes patterns over that much memory and reads them back. Answers the exit
 * code. A quick check only; a machine under suspicion needs a test that runs without an operating system.
 */
export function testMemory(words: readonly string[]): number {
  const megabytes = Number(words[0]);
  if (words.length !== 1 || !Number.isInteger(megabytes) || megabytes <= 0) {
    process.stderr.write("Please specify the amount of memory to test in megabytes.\n");
    return 1;
  }
  for (let done = 0; done < megabytes; done += blockMegabytes) {
    const size = Math.min(blockMegabytes, megabytes - done);
    const fault = testBlock(new Uint32Array((size * 1024 * 1024) / 4));
    if (fault !== undefined) {
      process.stdout.write(`*** MEMORY ERROR DETECTED: ${fault}\n`);
      return 1;
    }
    process.stdout.write(`\rTested ${done + size} of ${megabytes} MB`);
  }
  process.stdout.write("\nYour memory passed this test.\n");
  return 0;
}

function testBlock(block: Uint32Array): string | undefined {
  for (const pattern of [0, 0xffffffff, 0xaaaaaaaa, 0x55555555]) {
    block.fill(pattern);
    for (let at = 0; at < block.length; at++) {
      if (block[at] !== pattern) return `word ${at}: wrote ${pattern}, read ${block[at]}`;
    }
  }
  for (let at = 0; at < block.length; at++) block[at] = Math.imul(at, 0x9e3779b1);
  for (let at = 0; at < block.length; at++) {
    if (block[at] !== Math.imul(at, 0x9e3779b1) >>> 0) return `word ${at} differs from its address`;
  }
  return undefined;
}
