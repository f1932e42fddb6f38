/**
 * Bus messages that real redis-server 7.0.15 nodes sent, as a hex dump that a person can read:
 * `== name bytes`, then `offset: 16 bytes in hex` for each row that is not all zeros.
 */
import { join } from "node:path";

export const fixturePath = join(import.meta.dir, "fixtures", "redis-7.0.15-bus.hex");

export function dumpFixtures(messages: ReadonlyMap<string, Uint8Array>): string {
  let text = "";
  for (const [name, bytes] of messages) {
    text += `== ${name} ${bytes.length}\n`;
    for (let at = 0; at < bytes.length; at += 16) {
      const row = bytes.subarray(at, at + 16);
      if (row.every((byte) => byte === 0)) continue;
      const hex = [...row].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      text += `${at.toString(16).padStart(4, "0")}: ${hex}\n`;
    }
  }
  return text;
}

export async function readFixtures(): Promise<Map<string, Uint8Array>> {
  const messages = new Map<string, Uint8Array>();
  let bytes = new Uint8Array(0);
  for (const line of (await Bun.file(fixturePath).text()).split("\n")) {
    if (line === "") continue;
    if (line.startsWith("== ")) {
      const [, name = "", length] = line.split(" ");
      bytes = new Uint8Array(Number(length));
      messages.set(name, bytes);
    } else {
      const [offset = "", hex = ""] = line.split(": ");
      bytes.set(Uint8Array.fromHex(hex), Number.parseInt(offset, 16));
    }
  }
  return messages;
}
