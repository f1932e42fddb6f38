import { quote, splitArguments } from "./quoting.ts";

export interface CommandLine {
  /** The configuration file, as it was given. */
  readonly path: string | undefined;
  /** A lone `-` stands last: standard input is part of the configuration. */
  readonly readsStandardInput: boolean;
  /** The `--name value` pairs as lines of redis.conf. */
  readonly options: string;
}

/**
 * The arguments of `redis-server [file] [--name value ...] [-]`, as Redis 7.0.15 reads them. A word with
 * two dashes opens a directive only where a value has come before, so that `--requirepass --secret` works;
 * `--save` and `--sentinel` may stand without a value.
 */
export function parseCommandLine(words: readonly string[]): CommandLine {
  const hasPath = words.length > 0 && !words[0]!.startsWith("-");
  let options = "";
  let readsStandardInput = false;
  let nameMayFollow = true;
  for (let i = hasPath ? 1 : 0; i < words.length; i++) {
    const word = words[i]!;
    const isLast = i === words.length - 1;
    if (word === "-" && isLast) {
      readsStandardInput = true;
    } else if (nameMayFollow && word.startsWith("--")) {
      if (options !== "") options += "\n";
      options += `${word.slice(2)} `;
      // A name alone waits for its value; "--port 7000" in one word brings it along.
      nameMayFollow = splitArguments(word)?.length !== 1;
      const isBare = isLast || words[i + 1]!.startsWith("--");
      const name = word.toLowerCase();
      if (isBare && (name === "--save" || name === "--sentinel")) {
        if (name === "--save") options += '""';
        nameMayFollow = true;
      }
    } else {
      options += `${quote(word)} `;
      nameMayFollow = true;
    }
  }
  return { path: hasPath ? words[0]! : undefined, readsStandardInput, options };
}
