/**
 * The arguments of a command as one line of text, read into the tree that COMMAND DOCS prints.
 *
 *   word                 an argument of type string; `word:integer` has another type
 *   word#0               a key, found by the command's key specification 0
 *   word#0:pattern       the same of another type
 *   NX                   a token that stands for itself, called `nx`; `NX=other`: called otherwise
 *   any!*                a token that is no word, `*`, called `any`
 *   EX seconds:integer   an argument that follows its token
 *   [x]                  optional
 *   x...                 may be repeated
 *   x....                may be repeated, each time with its token
 *   name(a | b)          one of several
 *   name(a b)            a block: all of them in this order
 *   x@6.2.0              since this version of Redis; `x@..2.8.12`: deprecated since
 */
import { assert } from "../base/assert.ts";

export interface Argument {
  readonly name: string;
  readonly type: string;
  readonly keySpec?: number;
  readonly token?: string;
  readonly since?: string;
  readonly deprecatedSince?: string;
  readonly optional: boolean;
  readonly multiple: boolean;
  readonly multipleToken?: boolean;
  readonly arguments: readonly Argument[];
}

const types = ["string", "integer", "double", "key", "pattern", "unix-time"];
const lexeme = /\.{3,4}|@[\d.]+|[[\]()|]|[^\s[\]()|@.]+/g;

export function parseSyntax(text: string): Argument[] {
  const reader = new Reader(text);
  const parsed = reader.sequence();
  assert(reader.done, `command syntax "${text}": "${reader.next}" was not expected`);
  return parsed.list;
}

class Reader {
  private readonly lexemes: readonly string[];
  private at = 0;

  constructor(private readonly text: string) {
    this.lexemes = text.match(lexeme) ?? [];
  }

  get next(): string {
    return this.lexemes[this.at] ?? "";
  }

  get done(): boolean {
    return this.at === this.lexemes.length;
  }

  /** Up to a closing bracket or the end. */
  sequence(): { list: Argument[]; alternatives: boolean } {
    const list: Argument[] = [];
    let alternatives = false;
    while (!this.done && this.next !== ")" && this.next !== "]") {
      if (this.take("|")) alternatives = true;
      else list.push(this.argument());
    }
    return { list, alternatives };
  }

  private argument(): Argument {
    if (this.take("[")) {
      const inner = this.argument();
      this.expect("]");
      return { ...inner, optional: true };
    }
    const word = this.word();
    const mark = word.indexOf("!");
    if (mark > 0) {
      const parts = { name: word.slice(0, mark), token: word.slice(mark + 1) };
      return this.suffixed({ ...parts, type: "pure-token" });
    }
    const [named = "", other] = word.split("=");
    if (other !== undefined)
      return this.suffixed({ name: other, type: "pure-token", token: named });
    if (!isToken(word)) return this.afterToken(word, undefined);
    const follows = this.next;
    if (/^[a-z]/.test(follows)) return this.afterToken(this.word(), word);
    return this.suffixed({ name: word.toLowerCase(), type: "pure-token", token: word });
  }

  private afterToken(word: string, token: string | undefined): Argument {
    const tokenPart = token === undefined ? {} : { token };
    if (this.take("(")) {
      const { list, alternatives } = this.sequence();
      this.expect(")");
      const type = alternatives ? "oneof" : "block";
      return this.suffixed({ name: word, type, arguments: list, ...tokenPart });
    }
    const [keyName, keySpec] = word.split("#");
    if (keySpec !== undefined) {
      const [index, type = "key"] = keySpec.split(":");
      const part = { name: keyName ?? "", type, keySpec: Number(index) };
      return this.suffixed({ ...part, ...tokenPart });
    }
    // A colon may also belong to the name, as in `ip:port`.
    const colon = word.lastIndexOf(":");
    const type = word.slice(colon + 1);
    const typed = colon > 0 && types.includes(type);
    const name = typed ? word.slice(0, colon) : word;
    return this.suffixed({ name, type: typed ? type : "string", ...tokenPart });
  }

  private suffixed(part: Pick<Argument, "name" | "type"> & Partial<Argument>): Argument {
    const multipleToken = this.take("....");
    const multiple = multipleToken || this.take("...");
    const versions: { since?: string; deprecatedSince?: string } = {};
    if (this.next.startsWith("@")) {
      const [since = "", deprecatedSince] = this.next.slice(1).split("..");
      if (since !== "") versions.since = since;
      if (deprecatedSince !== undefined) versions.deprecatedSince = deprecatedSince;
      this.at++;
    }
    const repeats = multipleToken ? { multipleToken } : {};
    return { arguments: [], optional: false, ...part, multiple, ...repeats, ...versions };
  }

  private word(): string {
    const word = this.next;
    assert(/^[A-Za-z]/.test(word), `command syntax "${this.text}": a word expected at "${word}"`);
    this.at++;
    return word;
  }

  private take(mark: string): boolean {
    if (this.next !== mark || this.done) return false;
    this.at++;
    return true;
  }

  private expect(mark: string): void {
    assert(this.take(mark), `command syntax "${this.text}": "${mark}" expected`);
  }
}

function isToken(word: string): boolean {
  return /^[A-Z][A-Z0-9-]*$/.test(word);
}
