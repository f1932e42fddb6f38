import { integerOf } from "./context.ts";
import { ANNOUNCED_IP_BYTES_MAX } from "./limits.ts";
import type { ReplicaTraits } from "./replica-link.ts";

export type ReplconfOutcome =
  | { readonly kind: "ok" }
  | { readonly kind: "error"; readonly text: string }
  /** REPLCONF ACK: no reply. `offset` null: not a number, ignored. */
  | { readonly kind: "ack"; readonly offset: number | null }
  /** REPLCONF GETACK from a client: no reply. */
  | { readonly kind: "getack" };

const ok: ReplconfOutcome = { kind: "ok" };
const failed = (text: string): ReplconfOutcome => ({ kind: "error", text });

/**
 * Applies option-value pairs to `traits`, one after the other as replconfCommand does: those before
 * a bad one stay. Unknown capabilities are ignored, unknown options are an error.
 */
export function applyReplconf(traits: ReplicaTraits, args: readonly string[]): ReplconfOutcome {
  if (args.length % 2 !== 0) return failed("ERR syntax error");
  for (let i = 0; i < args.length; i += 2) {
    const option = args[i] as string;
    const outcome = applyOption(traits, option, args[i + 1] as string);
    if (outcome.kind !== "ok") return outcome;
  }
  return ok;
}

function applyOption(traits: ReplicaTraits, option: string, value: string): ReplconfOutcome {
  switch (option.toLowerCase()) {
    case "listening-port": {
      const port = integerOf(value);
      if (port === null) return failed("ERR value is not an integer or out of range");
      traits.listeningPort = port;
      return ok;
    }
    case "ip-address":
      if (value.length > ANNOUNCED_IP_BYTES_MAX) {
        return failed(
          `ERR REPLCONF ip-address provided by replica instance is too long: ${value.length} bytes`,
        );
      }
      traits.announcedIp = value;
      return ok;
    case "capa":
      if (value.toLowerCase() === "eof") traits.capaEof = true;
      else if (value.toLowerCase() === "psync2") traits.capaPsync2 = true;
      return ok;
    case "ack":
      return { kind: "ack", offset: integerOf(value) };
    case "getack":
      return { kind: "getack" };
    case "rdb-only":
      return applyRdbOnly(traits, value);
    case "rdb-filter-only":
      return applyFilter(traits, value);
    default:
      return failed(`ERR Unrecognized REPLCONF option: ${option}`);
  }
}

function applyRdbOnly(traits: ReplicaTraits, value: string): ReplconfOutcome {
  const flag = integerOf(value);
  if (flag === null) return failed("ERR value is not an integer or out of range");
  if (flag !== 0 && flag !== 1) {
    return failed("ERR value is out of range, value must between 0 and 1");
  }
  traits.rdbOnly = flag === 1;
  return ok;
}

/** Names of what the snapshot shall hold; the empty list: neither data nor functions. */
function applyFilter(traits: ReplicaTraits, value: string): ReplconfOutcome {
  let withFunctions = false;
  for (const name of value.split(" ").filter((part) => part !== "")) {
    if (name.toLowerCase() !== "functions") {
      return failed(`ERR Unsupported rdb-filter-only option: ${name}`);
    }
    withFunctions = true;
  }
  traits.filter = { withData: false, withFunctions };
  return ok;
}
