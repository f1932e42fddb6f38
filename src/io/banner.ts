import { atollVersion, redisVersion } from "../base/version.ts";

/** The picture at start; tools look for `Port: N` and ` PID: N` in it. */
export function banner(facts: {
  readonly mode: string;
  readonly port: number;
  readonly pid: number;
}): string {
  const right = [
    `Atoll ${atollVersion}, speaks Redis ${redisVersion}, 64 bit`,
    "",
    `Running in ${facts.mode} mode`,
    `Port: ${facts.port}`,
    `PID: ${facts.pid}`,
  ];
  const left = [
    "        .  ~ ~ ~  .        ",
    "    ~  .-#%#Y###-.   ~     ",
    "   ~  #Y'       '##        ",
    " ~   ##           Y#   ~   ",
    "~   :#             #:   ~  ",
    " ~   ##                ~   ",
    "   ~  '#%-.     .#Y'  ~    ",
    "     ~  '-##Y###-'  ~      ",
    "         ~  ~ ~  ~         ",
  ];
  const lines = left.map((part, index) => `${part}   ${right[index - 2] ?? ""}`.trimEnd());
  return `\n${lines.join("\n")}\n\n`;
}
