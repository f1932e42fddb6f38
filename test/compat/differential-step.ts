/** One step of a differential run, as data: it can be removed, printed, kept in a file and sent again. */
export type Step =
  /** A command as an array of bulk strings; bytes are Latin-1 characters. */
  | { readonly kind: "command"; readonly client: number; readonly args: readonly string[] }
  /** A line as typed, with exactly one reply; `args` says how the server reads it. */
  | {
      readonly kind: "inline";
      readonly client: number;
      readonly line: string;
      readonly args: readonly string[];
    }
  /** A whole SCAN iteration by the observer in database `db`; the sets of keys are compared. */
  | { readonly kind: "scan"; readonly db: number; readonly options: readonly string[] }
  /** RANDOMKEY by the observer: each answer must be a key of both servers. */
  | { readonly kind: "randomkey"; readonly db: number }
  /** DUMP in both, and RESTORE of each payload in the other server. */
  | { readonly kind: "dump"; readonly db: number; readonly key: string }
  /** DEBUG DIGEST by the observer: the whole data set. */
  | { readonly kind: "digest" }
  /** INFO's counters since the reset; hits and misses with it unless chance had a part in them. */
  | { readonly kind: "counters"; readonly hits: boolean }
  | { readonly kind: "sleep"; readonly ms: number };

/** Clients 0 and 1 send random commands; the observer is never inside MULTI. */
export const clientCount = 3;
export const observer = 2;

export function command(client: number, ...args: string[]): Step {
  return { kind: "command", client, args };
}

/** The command's name, or the kind of a step that is more than one command. */
export function nameOfStep(step: Step | undefined): string {
  if (step === undefined) return "";
  return step.kind === "command" || step.kind === "inline" ? nameOf(step.args) : step.kind;
}

/** The command's name in lower case. */
export function nameOf(args: readonly string[]): string {
  return (args[0] ?? "").toLowerCase();
}

export function encodeStep(args: readonly string[]): Buffer {
  let text = `*${args.length}\r\n`;
  for (const arg of args) text += `$${arg.length}\r\n${arg}\r\n`;
  return Buffer.from(text, "latin1");
}

/** The step as one line to read, long arguments cut short. */
export function showStep(step: Step): string {
  switch (step.kind) {
    case "command":
      return `client ${step.client}: ${step.args.map((arg) => showText(arg)).join(" ")}`;
    case "inline":
      return `client ${step.client}, inline: ${showText(step.line)}`;
    case "scan":
      return `whole scan of database ${step.db}: SCAN ${step.options.map((arg) => showText(arg)).join(" ")}`;
    case "randomkey":
      return `RANDOMKEY in database ${step.db}`;
    case "dump":
      return `DUMP and RESTORE across of ${showText(step.key)} in database ${step.db}`;
    case "digest":
      return "DEBUG DIGEST";
    case "counters":
      return "INFO keyspace stats errorstats commandstats";
    case "sleep":
      return `wait ${step.ms} ms`;
  }
}

/** Latin-1 text with everything escaped that does not print. */
export function showText(text: string, lengthMax = 120): string {
  const shown = text.length > lengthMax ? text.slice(0, lengthMax - 20) : text;
  const quoted = JSON.stringify(shown).replace(
    /[\u007f-\u00ff]/g,
    (letter) => `\\x${letter.charCodeAt(0).toString(16)}`,
  );
  return text.length > lengthMax ? `${quoted}... (${text.length} bytes)` : quoted;
}
