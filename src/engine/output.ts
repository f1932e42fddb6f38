/** Reading what engine calls leave in the output region: strings, each behind its length (u32, little-endian). */

/** The strings in order; they are views of `output`. */
export function stringsIn(output: Uint8Array): Uint8Array[] {
  const view = new DataView(output.buffer, output.byteOffset, output.length);
  const strings: Uint8Array[] = [];
  for (let at = 0; at < output.length; ) {
    const length = view.getUint32(at, true);
    strings.push(output.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return strings;
}
