/** OBJECT, and what it tells of a value. Behaviour: Redis 7.0 object.c. */
import { Encoding } from "../abi";
import { equalsWord } from "../base/bytes";
import { Arg, now, Settings, slot } from "../base/frame";
import { Entry } from "../keyspace/entry";
import {
  currentDatabase,
  lfuDecayed,
  lfuPolicy,
  lookupUnnoticed,
  policyUsesClock,
} from "../keyspace/keyspace";
import { stringLength } from "../keyspace/string-value";
import {
  replyArray,
  replyBulkText,
  replyError,
  replyInt,
  replyNull,
  replySimple,
} from "../protocol/reply";
import { Setting } from "../settings";

/** Longest string that Redis keeps inside its value object: OBJECT ENCODING says embstr. */
const EMBEDDED_MAX: u32 = 44;
const SHARED_INTEGERS: i64 = 10000;
const SHARED_REFERENCES: i64 = 2147483647;

/** The word of OBJECT ENCODING for how the value of the key is laid out. */
export function encodingName(e: usize): string {
  switch (Entry.encoding(e)) {
    case Encoding.Int:
      return "int";
    case Encoding.Inline:
      return stringLength(e) <= EMBEDDED_MAX ? "embstr" : "raw";
    case Encoding.InlineRaw:
    case Encoding.Raw:
      return "raw";
    case Encoding.Listpack:
      return "listpack";
    case Encoding.Quicklist:
      return "quicklist";
    case Encoding.IntSet:
      return "intset";
    case Encoding.HashTable:
    case Encoding.HashTableEx:
      return "hashtable";
    case Encoding.SkipList:
      return "skiplist";
    case Encoding.Stream:
      return "stream";
    case Encoding.ListpackEx:
      return "listpackex";
    default:
      return unreachable();
  }
}

/**
 * How many references Redis would report: its small integers are shared, unless each needs an access clock of its own
 * because memory is limited and the policy asks for it.
 */
export function referenceCount(e: usize): i64 {
  if (Entry.encoding(e) != Encoding.Int) return 1;
  if (Settings.value(Setting.MaxMemory) != 0 && policyUsesClock()) return 1;
  return <u64>Entry.integer(e) < <u64>SHARED_INTEGERS ? SHARED_REFERENCES : 1;
}

/** Seconds since the key was last used. */
export function idleSeconds(e: usize): u32 {
  return ((<u32>(now / 1000) & 0xffffff) - Entry.clock(e)) & 0xffffff;
}

export function object(): void {
  const ptr = Arg.ptr(1);
  const length = Arg.length(1);
  if (equalsWord(ptr, length, "help")) {
    objectHelp();
    return;
  }
  const e = lookupUnnoticed(currentDatabase(), slot, Arg.ptr(2), Arg.length(2));
  if (e == 0) replyNull();
  else if (equalsWord(ptr, length, "refcount")) replyInt(referenceCount(e));
  else if (equalsWord(ptr, length, "encoding")) replyBulkText(encodingName(e));
  else if (equalsWord(ptr, length, "idletime")) {
    if (lfuPolicy()) {
      replyError(
        "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
      );
    } else replyInt(idleSeconds(e));
  } else if (!lfuPolicy()) {
    replyError(
      "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
    );
  } else replyInt(lfuDecayed(Entry.clock(e)));
}

function objectHelp(): void {
  replyArray(15);
  replySimple("OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  replySimple("ENCODING <key>");
  replySimple("    Return the kind of internal representation used in order to store the value");
  replySimple("    associated with a <key>.");
  replySimple("FREQ <key>");
  replySimple("    Return the access frequency index of the <key>. The returned integer is");
  replySimple("    proportional to the logarithm of the recent access frequency of the key.");
  replySimple("IDLETIME <key>");
  replySimple("    Return the idle time of the <key>, that is the approximated number of");
  replySimple("    seconds elapsed since the last access to the key.");
  replySimple("REFCOUNT <key>");
  replySimple("    Return the number of references of the value associated with the specified");
  replySimple("    <key>.");
  replySimple("HELP");
  replySimple("    Prints this help.");
}
