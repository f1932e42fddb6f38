/** A line that is rewritten in place on a terminal; elsewhere every text is a line of its own. */
export class StatusLine {
  readonly #write: (text: string) => void;
  readonly #columns: number | undefined;
  #shown = false;

  /** `columns` is the terminal's width, undefined when the output is not a terminal. */
  constructor(write: (text: string) => void, columns: number | undefined) {
    this.#write = write;
    this.#columns = columns;
  }

  get isTerminal(): boolean {
    return this.#columns !== undefined;
  }

  /** Replaces the line. */
  set(text: string): void {
    if (this.#columns === undefined) {
      this.#write(`${text}\n`);
      return;
    }
    this.#write(`\r${text.slice(0, Math.max(1, this.#columns - 1))}\x1b[K`);
    this.#shown = true;
  }

  /** Prints whole lines; the rewritten one goes, to be set again. */
  print(text: string): void {
    this.clear();
    this.#write(text);
  }

  clear(): void {
    if (this.#shown) this.#write("\r\x1b[K");
    this.#shown = false;
  }
}
