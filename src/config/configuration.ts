import { globMatch } from "../base/glob.ts";
import {
  type ConfigEnvironment,
  checked,
  failure,
  type Outcome,
  type ParseContext,
  type Parsed,
  success,
} from "./directive.ts";
import {
  type DirectiveEntry,
  type DirectiveName,
  directiveEntries,
  directiveNames,
  directiveOf,
  findDirective,
  type ReadOf,
  type StoredOf,
} from "./directives.ts";
import type { ConfigError, SetFailure } from "./errors.ts";
import { splitArguments } from "./quoting.ts";

/** Lines of redis.conf that are no directive with a value: CONFIG GET does not know them. */
export interface FileOnlyLines {
  /** Words of each `user` line, without `user`. */
  readonly users: (readonly string[])[];
  /** Path and arguments of each `loadmodule` line. */
  readonly modules: (readonly string[])[];
  /** `module.setting value`, the last one of each. */
  readonly moduleSettings: Map<string, string>;
  /** `rename-command`, in order; an empty target removes the command. */
  readonly renames: { readonly source: string; readonly target: string }[];
  readonly sentinel: SentinelLine[];
}

export interface SentinelLine {
  /** The words behind `sentinel`. */
  readonly words: readonly string[];
  readonly lineNumber: number;
  readonly line: string;
}

/**
 * Takes over changed directives. A text is the reason why they cannot be taken: the whole CONFIG SET is
 * then undone, and the listeners that had run are called again with the old values in place.
 */
export type ChangeListener = (changed: readonly DirectiveName[]) => string | undefined;

export interface SetOptions {
  /** A dataset is being loaded. */
  readonly loading?: boolean;
  /** The client is connected from this host: `enable-protected-configs local` lets it. */
  readonly local?: boolean;
}

interface Subscription {
  readonly names: ReadonlySet<DirectiveName>;
  readonly listener: ChangeListener;
}

/**
 * The values of all directives: read by name with the type of the row, shown and set as CONFIG does it.
 * Texts are Latin-1, one code unit per byte.
 */
export class Configuration {
  readonly fileOnly: FileOnlyLines = {
    users: [],
    modules: [],
    moduleSettings: new Map(),
    renames: [],
    sentinel: [],
  };
  readonly #environment: ConfigEnvironment;
  readonly #stored = new Map<DirectiveName, unknown>();
  readonly #read = new Map<DirectiveName, unknown>();
  readonly #seen = new Set<DirectiveName>();
  readonly #subscriptions: Subscription[] = [];

  constructor(
    options: { /** The absolute working directory. */ readonly directory: string },
    modules: { readonly environment: ConfigEnvironment },
  ) {
    this.#environment = modules.environment;
    for (const name of directiveNames) this.#put(name, directiveOf(name).initial);
    this.#put("dir", options.directory);
  }

  get environment(): ConfigEnvironment {
    return this.#environment;
  }

  /** The value of a directive, by its primary name. */
  get<Name extends DirectiveName>(name: Name): ReadOf<Name> {
    return this.#read.get(name) as ReadOf<Name>;
  }

  /** The value as CONFIG GET shows it. */
  text(name: DirectiveName): string {
    return directiveOf(name).format(this.#stored.get(name));
  }

  /** The exact value, as `overwrite` takes it and as CONFIG REWRITE writes it. */
  stored<Name extends DirectiveName>(name: Name): StoredOf<Name> {
    return this.#stored.get(name) as StoredOf<Name>;
  }

  /**
   * Puts a value in place without the rules of CONFIG SET and without telling the listeners: for the
   * server's own changes (REPLICAOF, a maxclients that the system does not allow).
   */
  overwrite<Name extends DirectiveName>(
    name: Name,
    value: StoredOf<Name>,
  ): Outcome<void, ConfigError> {
    const valid = checked(directiveOf(name).schema(), value);
    if (!valid.ok) return valid;
    this.#put(name, value);
    return success(undefined);
  }

  /**
   * Calls the listener after a CONFIG SET that changed at least one of the names, once per command.
   * Listeners run in the order of their registration.
   */
  onChange(names: readonly DirectiveName[], listener: ChangeListener): void {
    this.#subscriptions.push({ names: new Set(names), listener });
  }

  /** CONFIG GET: pairs of name and value for all patterns, each name once. */
  show(patterns: readonly string[]): readonly (readonly [name: string, value: string])[] {
    const shown = new Map<string, readonly [string, string]>();
    const add = (key: string, as: string, { name }: DirectiveEntry) => {
      if (!shown.has(key)) shown.set(key, [as, this.text(name)]);
    };
    for (const pattern of patterns) {
      if (!/[[*?]/.test(pattern)) {
        const entry = findDirective(pattern);
        // Redis answers with the name as the client spelt it.
        if (entry !== undefined) add(entry.shownName, pattern, entry);
        continue;
      }
      for (const entry of directiveEntries.values()) {
        if (entry.directive.flags.hidden === true) continue;
        if (globMatch(pattern, entry.shownName, true)) {
          add(entry.shownName, entry.shownName, entry);
        }
      }
    }
    return [...shown.values()];
  }

  /**
   * CONFIG SET with its words behind SET: all of them take effect or none does. Answers the names that
   * changed.
   */
  set(
    words: readonly string[],
    options: SetOptions = {},
  ): Outcome<readonly DirectiveName[], SetFailure> {
    if (words.length % 2 !== 0) return failure({ code: "odd-arguments" });
    const admitted = this.#admit(words, options);
    if (!admitted.ok) return admitted;
    const before = new Map<DirectiveName, unknown>();
    const changed: DirectiveName[] = [];
    for (const { entry, value } of admitted.value) {
      const { name, directive } = entry;
      const previous = this.#stored.get(name);
      const parsed = directive.parse(
        directive.multiple ? splitAtSpaces(value) : [value],
        this.#context(name, false),
      );
      if (!parsed.ok) {
        this.#restore(before);
        return failure({ code: "failed", name: entry.shownName, error: parsed.error });
      }
      if (!before.has(name)) before.set(name, previous);
      this.#put(name, directive.settle(parsed.value));
      if (directive.format(previous) !== this.text(name)) changed.push(name);
    }
    const refused = this.#tell(changed, before);
    return refused === undefined ? success(changed) : failure(refused);
  }

  /** One directive of a start-up configuration, with its words behind the name. */
  load(entry: DirectiveEntry, words: readonly string[]): Parsed<void> {
    const { name, directive } = entry;
    let values = words;
    if (!directive.multiple) {
      if (words.length !== 1) return failure({ code: "argument-count" });
    } else if (words.length === 1 && words[0] !== "") {
      // One quoted word may hold them all, as in: --save "3600 1 300 100".
      values = splitArguments(words[0]!) ?? [];
    }
    const parsed = directive.parse(values, this.#context(name, true));
    if (!parsed.ok) return parsed;
    this.#put(name, parsed.value);
    this.#seen.add(name);
    return success(undefined);
  }

  /** Brings what was loaded into its effective range; returns what is wrong with the whole. */
  finishLoading(): ConfigError | undefined {
    const logFile = this.get("logfile");
    if (logFile !== "") {
      const reason = this.#environment.logFileFault(logFile);
      if (reason !== undefined) return { code: "log-file", reason };
    }
    if (this.get("cluster-enabled") && this.get("replicaof") !== undefined) {
      return { code: "replica-in-cluster" };
    }
    this.#put("hz", directiveOf("hz").settle(this.stored("hz")));
    return undefined;
  }

  /** Looks all names up and applies the rules on who may set what, before any value is parsed. */
  #admit(
    words: readonly string[],
    options: SetOptions,
  ): Outcome<readonly { entry: DirectiveEntry; value: string }[], SetFailure> {
    const pairs: { entry: DirectiveEntry; value: string }[] = [];
    for (let i = 0; i < words.length; i += 2) {
      const given = words[i]!;
      const entry = findDirective(given);
      if (entry === undefined) return failure({ code: "unknown-option", name: given });
      const { flags } = entry.directive;
      if (flags.immutable === true) return refusal(given, "immutable");
      if (flags.protected === true && !this.#allowsProtected(options)) {
        return refusal(given, "protected");
      }
      if (flags.denyLoading === true && options.loading === true) {
        return failure({ code: "loading" });
      }
      // A name and its alias may stand side by side: Redis takes them for two directives.
      if (pairs.some((pair) => pair.entry === entry)) return refusal(given, "duplicate");
      pairs.push({ entry, value: words[i + 1]! });
    }
    return success(pairs);
  }

  #allowsProtected(options: SetOptions): boolean {
    const allowed = this.get("enable-protected-configs");
    return allowed === "yes" || (allowed === "local" && options.local === true);
  }

  #tell(
    changed: readonly DirectiveName[],
    before: ReadonlyMap<DirectiveName, unknown>,
  ): SetFailure | undefined {
    const told: Subscription[] = [];
    for (const subscription of this.#subscriptions) {
      const theirs = changed.filter((name) => subscription.names.has(name));
      if (theirs.length === 0) continue;
      told.push(subscription);
      const reason = subscription.listener(theirs);
      if (reason === undefined) continue;
      this.#restore(before);
      for (const { names, listener } of told) listener(changed.filter((name) => names.has(name)));
      return { code: "failed", name: theirs[0]!, error: { code: "refused", reason } };
    }
    return undefined;
  }

  #restore(before: ReadonlyMap<DirectiveName, unknown>): void {
    for (const [name, value] of before) {
      this.#put(name, value);
      if (name === "dir") this.#environment.changeDirectory(this.get("dir"));
    }
  }

  #context(name: DirectiveName, loading: boolean): ParseContext<unknown> {
    return {
      previous: this.#stored.get(name),
      loading,
      seen: this.#seen.has(name),
      environment: this.#environment,
    };
  }

  #put(name: DirectiveName, value: unknown): void {
    this.#stored.set(name, value);
    this.#read.set(name, directiveOf(name).read(value));
  }
}

function refusal(name: string, code: "immutable" | "protected" | "duplicate") {
  return failure<SetFailure>({ code: "failed", name, error: { code } });
}

/** CONFIG SET splits at every single space: two in a row leave an empty word between them. */
function splitAtSpaces(text: string): readonly string[] {
  return text === "" ? [] : text.split(" ");
}
