/** The server's log in Redis's line format: `PID:M 20 Nov 2026 18:52:01.123 * text`. */

/** In rising order of weight; the mark stands before the text. */
const levels = [
  { name: "debug", mark: "." },
  { name: "verbose", mark: "-" },
  { name: "notice", mark: "*" },
  { name: "warning", mark: "#" },
] as const;

export type LogLevel = (typeof levels)[number]["name"];

/** M primary, S replica, C child or before start, X sentinel. */
export type LogRole = "M" | "S" | "C" | "X";

/** Redis's LOG_MAX_LEN: longer texts are cut. */
const textLengthMax = 1024;

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export class Logger {
  /** The role that lines show from now on. */
  role: LogRole = "C";
  private threshold = 2;

  /** `write` gets whole lines with their end. */
  constructor(
    private readonly options: { readonly pid: number },
    private readonly modules: {
      readonly nowMs: () => number;
      readonly write: (line: string) => void;
    },
  ) {}

  set level(level: LogLevel) {
    this.threshold = levels.findIndex(({ name }) => name === level);
  }

  /** True when lines of this level are written: asked before making a costly one. */
  shows(level: LogLevel): boolean {
    return levels.findIndex(({ name }) => name === level) >= this.threshold;
  }

  debug(text: string): void {
    this.at(0, text);
  }

  verbose(text: string): void {
    this.at(1, text);
  }

  notice(text: string): void {
    this.at(2, text);
  }

  warning(text: string): void {
    this.at(3, text);
  }

  /** Text as it is, such as the start-up banner: no prefix, no cut; of level notice. */
  raw(text: string): void {
    if (this.threshold <= 2) this.modules.write(text);
  }

  private at(level: number, text: string): void {
    if (level < this.threshold) return;
    const { mark } = levels[level] as (typeof levels)[number];
    const time = logTime(this.modules.nowMs());
    const cut = text.length > textLengthMax ? text.slice(0, textLengthMax) : text;
    this.modules.write(`${this.options.pid}:${this.role} ${time} ${mark} ${cut}\n`);
  }
}

/** `20 Nov 2026 18:52:01.123` in local time. */
export function logTime(nowMs: number): string {
  const date = new Date(nowMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  const fraction = String(date.getMilliseconds()).padStart(3, "0");
  const day = `${two(date.getDate())} ${months[date.getMonth()]} ${date.getFullYear()}`;
  return `${day} ${clock}.${fraction}`;
}
