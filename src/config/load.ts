import type { Configuration } from "./configuration.ts";
import { findDirective } from "./directives.ts";
import type { ConfigError, LoadFailure, PlainCode } from "./errors.ts";
import { splitArguments } from "./quoting.ts";

/** Directives that older versions knew: read over, with exactly one argument. */
const retired: ReadonlySet<string> = new Set([
  "list-max-ziplist-entries",
  "list-max-ziplist-value",
  "lua-replicate-commands",
]);

/** A file that includes itself must end in an error, not in a full stack. */
const includeDepthMax = 64;

export interface LoadSources {
  /** redis.conf, or undefined when none was named. */
  readonly path?: string | undefined;
  /** Text of standard input, when the command line asked for it with `-`. */
  readonly standardInput?: string | undefined;
  /** Lines made from the command line (`parseCommandLine`). */
  readonly options?: string | undefined;
}

export interface LoadMode {
  /** Running as a Sentinel, so `sentinel` lines are kept; elsewhere they are an error. */
  readonly sentinel?: boolean;
}

/**
 * Loads a start-up configuration: the file, then standard input, then the command line, as one text in
 * which the last word counts. Undefined when all went well; else the configuration must not be used.
 */
export function loadConfiguration(
  configuration: Configuration,
  sources: LoadSources,
  mode: LoadMode = {},
): LoadFailure | undefined {
  let text = "";
  if (sources.path !== undefined) {
    const file = readSource(configuration, sources.path);
    if (typeof file !== "string") return file;
    text = file;
  }
  if (sources.standardInput !== undefined) text += sources.standardInput;
  if (sources.options !== undefined) text += `\n${sources.options}`;
  return new Loader(configuration, mode, 0).run(text);
}

function readSource(configuration: Configuration, path: string): string | LoadFailure {
  const { environment } = configuration;
  const paths = /[*?[]/.test(path) ? environment.expandPattern(path) : [path];
  let text = "";
  for (const each of paths) {
    const file = environment.readFile(each);
    if (!file.ok) return { code: "unreadable", path: each, reason: file.error };
    text += file.value;
  }
  return text;
}

class Loader {
  readonly #configuration: Configuration;
  readonly #mode: LoadMode;
  readonly #depth: number;

  constructor(configuration: Configuration, mode: LoadMode, depth: number) {
    this.#configuration = configuration;
    this.#mode = mode;
    this.#depth = depth;
  }

  run(text: string): LoadFailure | undefined {
    const lines = text.split("\n");
    for (const [index, rawLine] of lines.entries()) {
      const line = rawLine.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
      if (line === "" || line.startsWith("#")) continue;
      const failed = this.#line(line, index + 1);
      if (failed === undefined) continue;
      if (isLoadFailure(failed)) return failed;
      return { code: "line", lineNumber: index + 1, line, error: failed };
    }
    const error = this.#configuration.finishLoading();
    return error === undefined ? undefined : { code: "whole", error };
  }

  #line(line: string, lineNumber: number): ConfigError | LoadFailure | undefined {
    const words = splitArguments(line);
    if (words === undefined) return { code: "unbalanced-quotes" };
    if (words.length === 0) return undefined;
    const name = words[0]!.toLowerCase();
    const values = words.slice(1);
    const entry = findDirective(name);
    if (entry !== undefined) {
      const loaded = this.#configuration.load(entry, values);
      return loaded.ok ? undefined : loaded.error;
    }
    if (retired.has(name) && values.length === 1) return undefined;
    return this.#fileOnly(name, values, lineNumber, line);
  }

  #fileOnly(
    name: string,
    values: readonly string[],
    lineNumber: number,
    line: string,
  ): ConfigError | LoadFailure | undefined {
    const { fileOnly, environment } = this.#configuration;
    if (name === "include" && values.length === 1) return this.#include(values[0]!);
    if (name === "rename-command" && values.length === 2) {
      return this.#rename(values[0]!, values[1]!);
    }
    if (name === "user" && values.length >= 1) {
      const fault = environment.userFault([name, ...values]);
      if (fault !== undefined) return { code: "user-declaration", ...fault };
      fileOnly.users.push(values);
      return undefined;
    }
    if (name === "loadmodule" && values.length >= 1) {
      fileOnly.modules.push(values);
      return undefined;
    }
    if (name.includes(".")) {
      if (values.length === 0) return { code: "module-setting" };
      fileOnly.moduleSettings.set(name, values.join(" "));
      return undefined;
    }
    if (name === "sentinel") {
      // Alone it only selects the mode, which happens before any line is read.
      if (values.length === 0) return undefined;
      if (this.#mode.sentinel !== true) return { code: "sentinel-mode" };
      fileOnly.sentinel.push({ words: values, lineNumber, line });
      return undefined;
    }
    return { code: "bad-directive" };
  }

  #include(path: string): ConfigError | LoadFailure | undefined {
    if (this.#depth >= includeDepthMax) return { code: "include-depth" };
    const text = readSource(this.#configuration, path);
    if (typeof text !== "string") return text;
    return new Loader(this.#configuration, this.#mode, this.#depth + 1).run(text);
  }

  #rename(source: string, target: string): ConfigError | undefined {
    const fault = this.#renameFault(source.toLowerCase(), target.toLowerCase());
    if (fault !== undefined) return { code: fault };
    this.#configuration.fileOnly.renames.push({ source, target });
    return undefined;
  }

  #renameFault(source: string, target: string): PlainCode | undefined {
    const { fileOnly, environment } = this.#configuration;
    const exists = (name: string) => {
      let known = environment.isCommand(name);
      for (const rename of fileOnly.renames) {
        if (rename.source.toLowerCase() === name) known = false;
        if (rename.target.toLowerCase() === name) known = true;
      }
      return known;
    };
    if (!exists(source)) return "rename-unknown";
    // The old name is free by now, so a command may be renamed to itself.
    if (target !== "" && target !== source && exists(target)) return "rename-taken";
    return undefined;
  }
}

function isLoadFailure(failed: ConfigError | LoadFailure): failed is LoadFailure {
  return failed.code === "line" || failed.code === "whole" || failed.code === "unreadable";
}
