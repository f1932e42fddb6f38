import { CommandFlag } from "../../assembly/command-ids.ts";
import { latin1, latin1Text } from "../base/bytes.ts";
import type { CommandRow } from "../commands/row.ts";
import { findDirective } from "../config/directives.ts";

const hidden = latin1("(redacted)");

/**
 * The arguments of a host command as logs and MONITOR may show them, with secrets hidden
 * (redactClientCommandArgument in Redis); undefined for commands that must not be shown at all.
 */
export function redactedArguments(
  row: CommandRow,
  argv: readonly Uint8Array[],
): readonly Uint8Array[] | undefined {
  switch (row.fullName) {
    case "auth":
      return [argv[0] as Uint8Array, ...argv.slice(1).map(() => hidden)];
    case "hello":
      return redactHello(argv);
    case "config|set":
      return redactConfigSet(argv);
    default:
      return (row.flags & CommandFlag.SkipSlowlog) !== 0 ? undefined : argv;
  }
}

function redactHello(argv: readonly Uint8Array[]): Uint8Array[] {
  const shown = [...argv];
  for (let at = 2; at + 2 < shown.length; at++) {
    if (latin1Text(shown[at] as Uint8Array).toLowerCase() !== "auth") continue;
    shown[at + 1] = hidden;
    shown[at + 2] = hidden;
    at += 2;
  }
  return shown;
}

function redactConfigSet(argv: readonly Uint8Array[]): Uint8Array[] {
  const shown = [...argv];
  for (let at = 2; at + 1 < shown.length; at += 2) {
    const entry = findDirective(latin1Text(shown[at] as Uint8Array));
    if (entry?.directive.flags.sensitive === true) shown[at + 1] = hidden;
  }
  return shown;
}
