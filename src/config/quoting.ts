/**
 * The quoting of redis.conf lines, of inline commands and of `redis-cli` input. Text is Latin-1, one
 * code unit per byte, so that `\xHH` can name any byte.
 */

const escapes: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  b: "\b",
  a: "\x07",
};

const escapeNames: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  '"': '\\"',
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\x07": "\\a",
  "\b": "\\b",
};

/**
 * Splits a line into arguments. Within `"..."`, `\xHH`, `\n`, `\r`, `\t`, `\b` and `\a` are one byte and any
 * other `\c` is `c`; within `'...'` only `\'` is special. Undefined when a quote is left open or when text
 * follows a closing quote without a blank between.
 */
export function splitArguments(line: string): string[] | undefined {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && isSpace(line[at]!)) at++;
    if (at >= line.length || line[at] === "\0") return words;
    const word = readWord(line, at);
    if (word === undefined) return undefined;
    words.push(word.text);
    at = word.end;
  }
}

interface Word {
  readonly text: string;
  readonly end: number;
}

function readWord(line: string, start: number): Word | undefined {
  let text = "";
  let at = start;
  while (at < line.length) {
    const char = line[at]!;
    if (char === " " || char === "\n" || char === "\r" || char === "\t" || char === "\0") break;
    if (char !== '"' && char !== "'") {
      text += char;
      at++;
      continue;
    }
    const quoted = char === '"' ? readDouble(line, at + 1) : readSingle(line, at + 1);
    if (quoted === undefined) return undefined;
    const after = line[quoted.end];
    if (after !== undefined && after !== "\0" && !isSpace(after)) return undefined;
    return { text: text + quoted.text, end: quoted.end };
  }
  return { text, end: at };
}

function readDouble(line: string, start: number): Word | undefined {
  let text = "";
  let at = start;
  while (at < line.length) {
    const char = line[at]!;
    if (char === '"') return { text, end: at + 1 };
    if (char !== "\\" || at + 1 >= line.length) {
      text += char;
      at++;
      continue;
    }
    const hex = /^x[0-9a-fA-F]{2}/.exec(line.slice(at + 1, at + 4));
    if (hex !== null) {
      text += String.fromCharCode(Number.parseInt(hex[0].slice(1), 16));
      at += 4;
    } else {
      const escaped = line[at + 1]!;
      text += escapes[escaped] ?? escaped;
      at += 2;
    }
  }
  return undefined;
}

function readSingle(line: string, start: number): Word | undefined {
  let text = "";
  let at = start;
  while (at < line.length) {
    if (line[at] === "'") return { text, end: at + 1 };
    if (line[at] === "\\" && line[at + 1] === "'") at++;
    text += line[at];
    at++;
  }
  return undefined;
}

/** The text in double quotes, so that `splitArguments` gives it back. */
export function quote(text: string): string {
  let quoted = '"';
  for (const char of text) {
    const named = escapeNames[char];
    if (named !== undefined) quoted += named;
    else if (char >= " " && char <= "~") quoted += char;
    else quoted += `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
  }
  return `${quoted}"`;
}

function isSpace(char: string): boolean {
  return char === " " || (char >= "\t" && char <= "\r");
}
