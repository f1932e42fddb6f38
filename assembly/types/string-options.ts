/** The options of SET and GETEX, and the times they name. Behaviour: Redis 7.0 t_string.c. */
import { equalsWord } from "../base/bytes";
import { Arg, argc, now } from "../base/frame";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  beginError,
  endError,
  errorText,
  replyNotInteger,
  replySyntaxError,
} from "../protocol/reply";

/** Option bits of SET and GETEX. */
export enum Option {
  None = 0,
  IfMissing = 1,
  IfPresent = 2,
  Expiry = 4,
  KeepTtl = 8,
  Get = 16,
  Persist = 32,
  /** The expiry is a point in time, not a distance. */
  Absolute = 64,
  Seconds = 128,
}

/** What `parseOptions` read: bits and the argument that holds the expiry. */
export let options: u32 = 0;
export let expiryArgument: u32 = 0;

/** Reads the options from argument `from` on; false: a syntax error was replied. */
export function parseOptions(from: u32, forSet: bool): bool {
  options = 0;
  expiryArgument = 0;
  const exclusive = Option.KeepTtl | Option.Persist | Option.Expiry;
  for (let i = from; i < argc; i++) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    let bit: u32 = 0;
    if (forSet && equalsWord(ptr, length, "nx") && (options & Option.IfPresent) == 0) {
      bit = Option.IfMissing;
    } else if (forSet && equalsWord(ptr, length, "xx") && (options & Option.IfMissing) == 0) {
      bit = Option.IfPresent;
    } else if (forSet && equalsWord(ptr, length, "get")) {
      bit = Option.Get;
    } else if ((options & exclusive) == 0) {
      if (forSet && equalsWord(ptr, length, "keepttl")) bit = Option.KeepTtl;
      else if (!forSet && equalsWord(ptr, length, "persist")) bit = Option.Persist;
      else {
        bit = expiryOption(ptr, length);
        if (bit != 0 && i + 1 < argc) expiryArgument = ++i;
        else bit = 0;
      }
    } else if (forSet && (options & Option.KeepTtl) != 0 && equalsWord(ptr, length, "keepttl")) {
      bit = Option.KeepTtl;
    } else if (!forSet && (options & Option.Persist) != 0 && equalsWord(ptr, length, "persist")) {
      bit = Option.Persist;
    } else if ((options & Option.Expiry) != 0) {
      // The same expiry option may be said again; the last one counts.
      const again = expiryOption(ptr, length);
      const kind = Option.Expiry | Option.Absolute | Option.Seconds;
      if (again != 0 && again == (options & kind) && i + 1 < argc) {
        bit = again;
        expiryArgument = ++i;
      }
    }
    if (bit == 0) {
      replySyntaxError();
      return false;
    }
    options |= bit;
  }
  return true;
}

function expiryOption(ptr: usize, length: u32): u32 {
  if (equalsWord(ptr, length, "ex")) return Option.Expiry | Option.Seconds;
  if (equalsWord(ptr, length, "px")) return Option.Expiry;
  if (equalsWord(ptr, length, "exat")) return Option.Expiry | Option.Absolute | Option.Seconds;
  if (equalsWord(ptr, length, "pxat")) return Option.Expiry | Option.Absolute;
  return 0;
}

/** The expiry as a point in time (ms), or -1 after an error reply. `name`: as the error names the command. */
export function parseExpiry(argument: u32, kind: u32, name: string): i64 {
  if (!parseInt64(Arg.ptr(argument), <i32>Arg.length(argument))) {
    replyNotInteger();
    return -1;
  }
  let at = parsedInt64();
  const seconds = (kind & Option.Seconds) != 0;
  let valid = at > 0 && !(seconds && at > i64.MAX_VALUE / 1000);
  if (valid) {
    if (seconds) at *= 1000;
    if ((kind & Option.Absolute) == 0) {
      valid = at <= i64.MAX_VALUE - now;
      at += now;
    }
  }
  if (valid) return at;
  beginError();
  errorText("ERR invalid expire time in '");
  errorText(name);
  errorText("' command");
  endError();
  return -1;
}
