import type { AnyDirective, Directive } from "./directive.ts";
import { clusterDirectives } from "./directives/cluster.ts";
import { generalDirectives, observationDirectives } from "./directives/general.ts";
import { memoryDirectives } from "./directives/memory.ts";
import { networkDirectives, tlsDirectives } from "./directives/network.ts";
import { persistenceDirectives } from "./directives/persistence.ts";
import { replicationDirectives } from "./directives/replication.ts";
import { securityDirectives } from "./directives/security.ts";
import { typeDirectives } from "./directives/types.ts";

/** Every directive of Redis 7.0.15 that has a value, by its primary name. */
export const directives = {
  ...networkDirectives,
  ...tlsDirectives,
  ...generalDirectives,
  ...securityDirectives,
  ...memoryDirectives,
  ...persistenceDirectives,
  ...replicationDirectives,
  ...clusterDirectives,
  ...typeDirectives,
  ...observationDirectives,
};

export type Directives = typeof directives;
export type DirectiveName = keyof Directives;
export type StoredOf<Name extends DirectiveName> =
  Directives[Name] extends Directive<infer Stored, infer _Read> ? Stored : never;
export type ReadOf<Name extends DirectiveName> =
  Directives[Name] extends Directive<infer _Stored, infer Read> ? Read : never;

/** A name under which CONFIG knows a directive: its own, or its older alias. */
export interface DirectiveEntry {
  /** As Redis spells it, in lower case. */
  readonly shownName: string;
  readonly name: DirectiveName;
  readonly directive: AnyDirective;
}

export const directiveNames: readonly DirectiveName[] = Object.keys(directives) as DirectiveName[];

export function directiveOf(name: DirectiveName): AnyDirective {
  return directives[name] as AnyDirective;
}

/** Every name and alias, in the order of the table. */
export const directiveEntries: ReadonlyMap<string, DirectiveEntry> = new Map(
  directiveNames.flatMap((name) => {
    const directive = directiveOf(name);
    const alias = directive.flags.alias;
    const names = alias === undefined ? [name] : [name, alias];
    return names.map((shownName) => [shownName, { shownName, name, directive }] as const);
  }),
);

/** Finds a directive by any of its names, in any case. */
export function findDirective(name: string): DirectiveEntry | undefined {
  return directiveEntries.get(name.toLowerCase());
}
