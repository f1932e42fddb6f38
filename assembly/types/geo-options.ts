/** The arguments of GEOSEARCH, GEORADIUS and their kin. Behaviour: Redis 7.0 geo.c, georadiusGeneric. */
import { equalsWord } from "../base/bytes";
import { Arg, argc } from "../base/frame";
import { parseDouble, parsedDouble } from "../protocol/double";
import { parsedInt64, parseInt64 } from "../protocol/number";
import {
  beginError,
  cTextLength,
  endError,
  errorBytes,
  errorText,
  replyError,
  replyNotInteger,
  replySyntaxError,
} from "../protocol/reply";
import { Z } from "../structures/sorted-set";
import { Geo, Shape } from "./geo-hash";
import { parsePlace, parseUnit } from "./geo-place";

/** Where the center of the search comes from. */
export enum Center {
  /** Longitude and latitude behind the key. */
  Place = 0,
  /** A member behind the key. */
  Member = 1,
  /** FROMMEMBER or FROMLONLAT. */
  Option = 2,
}

export enum Order {
  None = 0,
  Nearest = 1,
  Farthest = 2,
}

/** What the options say. */
export class Options {
  static withDistance: bool = false;
  static withHash: bool = false;
  static withPlace: bool = false;
  static any: bool = false;
  static order: Order = Order.None;
  static count: i64 = 0;
  /** Argument with the key to store in; 0: none. */
  static store: u32 = 0;
  static storeDistance: bool = false;
  static fromMember: bool = false;
  static fromPlace: bool = false;
  static byRadius: bool = false;
  static byBox: bool = false;

  static reset(): void {
    Options.withDistance = false;
    Options.withHash = false;
    Options.withPlace = false;
    Options.any = false;
    Options.order = Order.None;
    Options.count = 0;
    Options.store = 0;
    Options.storeDistance = false;
    Options.fromMember = false;
    Options.fromPlace = false;
    Options.byRadius = false;
    Options.byBox = false;
  }
}

/** A number from the argument; the error was replied when false. */
function parseLength(argument: u32, error: string): bool {
  if (parseDouble(Arg.ptr(argument), <i32>Arg.length(argument))) return true;
  replyError(error);
  return false;
}

export function parseRadius(argument: u32): bool {
  if (!parseLength(argument, "ERR need numeric radius")) return false;
  Shape.radius = parsedDouble();
  Shape.isBox = false;
  if (Shape.radius < 0) {
    replyError("ERR radius cannot be negative");
    return false;
  }
  Shape.unit = parseUnit(argument + 1);
  return Shape.unit > 0;
}

function parseBox(argument: u32): bool {
  if (!parseLength(argument, "ERR need numeric width")) return false;
  Shape.width = parsedDouble();
  if (!parseLength(argument + 1, "ERR need numeric height")) return false;
  Shape.height = parsedDouble();
  Shape.isBox = true;
  if (Shape.width < 0 || Shape.height < 0) {
    replyError("ERR height or width cannot be negative");
    return false;
  }
  Shape.unit = parseUnit(argument + 2);
  return Shape.unit > 0;
}

/** The center at the member of the set in hand. */
export function centerOnMember(argument: u32): bool {
  if (!Z.find(Arg.ptr(argument), Arg.length(argument))) {
    replyError("ERR could not decode requested zset member");
    return false;
  }
  Geo.decode(Z.score);
  centerHere();
  return true;
}

export function centerHere(): void {
  Shape.longitude = Geo.longitude;
  Shape.latitude = Geo.latitude;
}

export function parseOptions(
  first: u32,
  there: bool,
  option: bool,
  mayStore: bool,
  stores: bool,
): bool {
  for (let i = first; i < argc; i++) {
    const ptr = Arg.ptr(i);
    const length = Arg.length(i);
    const rest = argc - i - 1;
    if (plainOption(ptr, length)) continue;
    if (rest >= 1 && equalsWord(ptr, length, "count")) {
      if (!parseCount(++i)) return false;
    } else if (mayStore && rest >= 1 && equalsWord(ptr, length, "store")) {
      Options.store = ++i;
      Options.storeDistance = false;
    } else if (mayStore && rest >= 1 && equalsWord(ptr, length, "storedist")) {
      Options.store = ++i;
      Options.storeDistance = true;
    } else if (stores && equalsWord(ptr, length, "storedist")) {
      Options.storeDistance = true;
    } else {
      const taken = option ? shapeOption(i, rest, there) : 0;
      if (taken < 0) return false;
      if (taken == 0) {
        replySyntaxError();
        return false;
      }
      i += <u32>taken;
    }
  }
  return true;
}

function plainOption(ptr: usize, length: u32): bool {
  if (equalsWord(ptr, length, "withdist")) Options.withDistance = true;
  else if (equalsWord(ptr, length, "withhash")) Options.withHash = true;
  else if (equalsWord(ptr, length, "withcoord")) Options.withPlace = true;
  else if (equalsWord(ptr, length, "any")) Options.any = true;
  else if (equalsWord(ptr, length, "asc")) Options.order = Order.Nearest;
  else if (equalsWord(ptr, length, "desc")) Options.order = Order.Farthest;
  else return false;
  return true;
}

function parseCount(argument: u32): bool {
  if (!parseInt64(Arg.ptr(argument), <i32>Arg.length(argument))) {
    replyNotInteger();
    return false;
  }
  Options.count = parsedInt64();
  if (Options.count > 0) return true;
  replyError("ERR COUNT must be > 0");
  return false;
}

/** An option of GEOSEARCH; answers how many arguments it took, 0: it is none, -1: the error was replied. */
function shapeOption(i: u32, rest: u32, there: bool): i32 {
  const ptr = Arg.ptr(i);
  const length = Arg.length(i);
  if (rest >= 1 && !Options.fromPlace && equalsWord(ptr, length, "frommember")) {
    if (there && !centerOnMember(i + 1)) return -1;
    Options.fromMember = true;
    return 1;
  }
  if (rest >= 2 && !Options.fromMember && equalsWord(ptr, length, "fromlonlat")) {
    if (!parsePlace(i + 1)) return -1;
    centerHere();
    Options.fromPlace = true;
    return 2;
  }
  if (rest >= 2 && !Options.byBox && equalsWord(ptr, length, "byradius")) {
    if (!parseRadius(i + 1)) return -1;
    Options.byRadius = true;
    return 2;
  }
  if (rest >= 3 && !Options.byRadius && equalsWord(ptr, length, "bybox")) {
    if (!parseBox(i + 1)) return -1;
    Options.byBox = true;
    return 3;
  }
  return 0;
}

/** Whether the options go together. */
export function checkOptions(option: bool, stores: bool): bool {
  if (Options.store != 0 && (Options.withDistance || Options.withHash || Options.withPlace)) {
    replyError(
      stores
        ? "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
        : "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
    );
    return false;
  }
  if (option && !Options.fromMember && !Options.fromPlace) {
    return refuseCommand("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ");
  }
  if (option && !Options.byRadius && !Options.byBox) {
    return refuseCommand("ERR exactly one of BYRADIUS and BYBOX can be specified for ");
  }
  if (Options.any && Options.count == 0) {
    replyError("ERR the ANY argument requires COUNT argument");
    return false;
  }
  return true;
}

/** The text, and the command's name as the client wrote it. */
function refuseCommand(text: string): bool {
  beginError();
  errorText(text);
  errorBytes(Arg.ptr(0), cTextLength(Arg.ptr(0), Arg.length(0)));
  endError();
  return false;
}
