import { type ReplyValue, verbatim } from "../../base/reply.ts";
import { atollVersion, redisVersion } from "../../base/version.ts";
import type { HostCall } from "../call.ts";
import { notAnInteger } from "../call.ts";

const columns = 64;
const rows = 19;

/**
 * An island of our own each time: LOLWUT [VERSION n]. Other versions' pictures are Redis's; we draw an
 * atoll whatever the number, and end with the line that names the version.
 */
export function lolwut(call: HostCall): ReplyValue {
  if (call.count >= 3 && call.word(1) === "version" && call.integer(2) === undefined) {
    return notAnInteger;
  }
  const seed = Number.parseInt(call.node.modules.system.randomHex(8), 16);
  return verbatim(`${drawAtoll(seed)}\nRedis ver. ${redisVersion} (Atoll ${atollVersion})\n`);
}

/** A ring of sand around a lagoon, in a sea with a few waves; the same seed gives the same island. */
export function drawAtoll(seed: number): string {
  const phases = [1, 2, 3, 5].map((wave) => ((seed >>> wave) % 628) / 100);
  const openAt = ((seed % 360) * Math.PI) / 180;
  const lines: string[] = [];
  for (let row = 0; row < rows; row++) {
    let line = "";
    for (let column = 0; column < columns; column++) {
      const x = (column - columns / 2 + 0.5) / (columns / 2);
      const y = (row - rows / 2 + 0.5) / (rows / 2);
      line += glyph(x, y, phases, openAt, hash(seed, row, column));
    }
    lines.push(line.trimEnd());
  }
  return `${lines.join("\n")}\n`;
}

function glyph(
  x: number,
  y: number,
  phases: readonly number[],
  openAt: number,
  noise: number,
): string {
  const angle = Math.atan2(y, x);
  let shore = 0.68;
  for (const [index, phase] of phases.entries()) {
    shore += (0.07 / (index + 1)) * Math.sin((index + 2) * angle + phase);
  }
  const distance = Math.hypot(x, y);
  const fromPassage = Math.abs(Math.atan2(Math.sin(angle - openAt), Math.cos(angle - openAt)));
  const ring = distance < shore && distance > shore - 0.17 && fromPassage > 0.22;
  if (ring) return noise < 0.16 ? "Y" : noise < 0.45 ? "%" : "#";
  if (distance <= shore - 0.17) return noise < 0.06 ? "." : " ";
  if (distance < shore + 0.07) return noise < 0.5 ? "~" : ":";
  return noise < 0.07 ? "~" : " ";
}

/** A number in [0, 1) for one place of the picture. */
function hash(seed: number, row: number, column: number): number {
  let mixed = (seed ^ Math.imul(row + 1, 0x9e3779b1) ^ Math.imul(column + 1, 0x85ebca6b)) >>> 0;
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  return ((mixed ^ (mixed >>> 15)) >>> 0) / 0x1_0000_0000;
}
