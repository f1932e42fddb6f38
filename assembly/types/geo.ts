/** Geo commands. Behaviour: Redis 7.0 geo.c. */

import { equalsWord } from "../base/bytes";
import {
  Arg,
  argc,
  argv,
  needReply,
  replyAt,
  resp3,
  setArguments,
  setReplyAt,
} from "../base/frame";
import { alloc, canAllocate, free } from "../base/memory";
import { Command } from "../command-ids";
import { parseDouble, parsedDouble } from "../protocol/double";
import { writeHumanDouble } from "../protocol/long-double";
import { writeInt64 } from "../protocol/number";
import {
  beginError,
  endError,
  errorBytes,
  errorText,
  replyArray,
  replyBulk,
  replyBulkText,
  replyError,
  replyNull,
  replyNullArray,
  replyOutOfMemory,
  replySyntaxError,
} from "../protocol/reply";
import { Z } from "../structures/sorted-set";
import { exactDistance } from "./geo-distance";
import { Geo, geoEncode, LATITUDE_MAX, LONGITUDE_MAX, STEP_MAX } from "./geo-hash";
import { Center } from "./geo-options";
import { geoSearch } from "./geo-search";
import { zAdd } from "./sorted-set";
import { Opened, openKey } from "./sorted-set-key";

export function runGeo(id: u32): void {
  switch (id) {
    case Command.GeoAdd:
      return geoAdd();
    case Command.GeoPos:
      return geoPos();
    case Command.GeoHash:
      return geoHash();
    case Command.GeoDist:
      return geoDist();
    case Command.GeoRadius:
      return geoSearch(1, Center.Place, true, false);
    case Command.GeoRadius_Ro:
      return geoSearch(1, Center.Place, false, false);
    case Command.GeoRadiusByMember:
      return geoSearch(1, Center.Member, true, false);
    case Command.GeoRadiusByMember_Ro:
      return geoSearch(1, Center.Member, false, false);
    case Command.GeoSearch:
      return geoSearch(1, Center.Option, false, false);
    case Command.GeoSearchStore:
      return geoSearch(2, Center.Option, false, true);
    default:
      unreachable();
  }
}

// Arguments.

const text: usize = memory.data(384, 16);

/** A number as `%f` shows it, with six places. */
function errorNumber(value: f64): void {
  if (abs(value) == Infinity) {
    errorText(value < 0 ? "-inf" : "inf");
    return;
  }
  let whole = floor(abs(value));
  let places = nearest<f64>((abs(value) - whole) * 1000000);
  if (places == 1000000) {
    places = 0;
    whole++;
  }
  if (value < 0) errorText("-");
  errorBytes(text, <u32>writeHumanDouble(text, whole));
  errorText(".");
  // A one in front keeps the zeros.
  writeInt64(text, <i64>places + 1000000);
  errorBytes(text + 1, 6);
}

let longitude: f64 = 0;
let latitude: f64 = 0;

/** Longitude and latitude from the argument on. */
export function parsePlace(argument: u32): bool {
  for (let i: u32 = 0; i < 2; i++) {
    if (!parseDouble(Arg.ptr(argument + i), <i32>Arg.length(argument + i))) {
      replyError("ERR value is not a valid float");
      return false;
    }
    if (i == 0) longitude = parsedDouble();
    else latitude = parsedDouble();
  }
  if (abs(longitude) <= LONGITUDE_MAX && abs(latitude) <= LATITUDE_MAX) {
    Geo.longitude = longitude;
    Geo.latitude = latitude;
    return true;
  }
  beginError();
  errorText("ERR invalid longitude,latitude pair ");
  errorNumber(longitude);
  errorText(",");
  errorNumber(latitude);
  endError();
  return false;
}

/** Meters of the unit that the argument names; -1 after an error reply. */
export function parseUnit(argument: u32): f64 {
  const ptr = Arg.ptr(argument);
  const length = Arg.length(argument);
  if (equalsWord(ptr, length, "m")) return 1;
  if (equalsWord(ptr, length, "km")) return 1000;
  if (equalsWord(ptr, length, "ft")) return 0.3048;
  if (equalsWord(ptr, length, "mi")) return 1609.34;
  replyError("ERR unsupported unit provided. please use M, KM, FT, MI");
  return -1;
}

// Replies.

/** A distance with four places, always as a string. */
export function replyDistance(value: f64): void {
  if (F64.isNaN(value)) {
    // Opposite sides of the earth, with bad luck in rounding: what the C library prints.
    replyBulkText("-nan");
    return;
  }
  let whole = floor(value);
  let places = nearest<f64>((value - whole) * 10000);
  if (places == 10000) {
    places = 0;
    whole++;
  }
  const digits = <usize>writeInt64(text, <i64>whole);
  writeInt64(text + digits, <i64>places + 10000);
  store<u8>(text + digits, 46);
  replyBulk(text, <u32>digits + 5);
}

function replyCoordinate(value: f64): void {
  const length = <u32>writeHumanDouble(text, value);
  if (!resp3) {
    replyBulk(text, length);
    return;
  }
  needReply(512);
  store<u8>(replyAt, 44);
  memory.copy(replyAt + 1, text, length);
  store<u16>(replyAt + 1 + length, 0x0a0d);
  setReplyAt(replyAt + 3 + length);
}

export function replyPlace(longitude: f64, latitude: f64): void {
  replyArray(2);
  replyCoordinate(longitude);
  replyCoordinate(latitude);
}

// Commands.

/** GEOADD is ZADD with places instead of scores; replicas get it as that. */
function geoAdd(): void {
  let first: u32 = 2;
  let onlyNew = false;
  let onlyOld = false;
  for (; first < argc; first++) {
    const ptr = Arg.ptr(first);
    const length = Arg.length(first);
    if (equalsWord(ptr, length, "nx")) onlyNew = true;
    else if (equalsWord(ptr, length, "xx")) onlyOld = true;
    else if (!equalsWord(ptr, length, "ch")) break;
  }
  if ((argc - first) % 3 != 0 || (onlyNew && onlyOld)) {
    replySyntaxError();
    return;
  }
  const count = (argc - first) / 3;
  const words = first + count * 2;
  const bytes = ((<usize>words) << 3) + <usize>count * 24;
  if (!canAllocate(bytes)) {
    replyOutOfMemory();
    return;
  }
  const block = alloc(bytes);
  if (writeScores(block, first, count)) {
    const givenCount = argc;
    const given = argv;
    setArguments(words, block);
    zAdd(0);
    setArguments(givenCount, given);
  }
  free(block);
}

const zaddWord: usize = memory.data<u8>([122, 97, 100, 100]);

function setArgument(block: usize, at: u32, ptr: usize, length: u32): void {
  store<usize>(block + ((<usize>at) << 3), ptr);
  store<u32>(block + ((<usize>at) << 3), length, 4);
}

/** The arguments of the ZADD, then the texts of its scores. */
function writeScores(block: usize, first: u32, count: u32): bool {
  setArgument(block, 0, zaddWord, 4);
  for (let i: u32 = 1; i < first; i++) setArgument(block, i, Arg.ptr(i), Arg.length(i));
  let score = block + ((<usize>(first + count * 2)) << 3);
  for (let i: u32 = 0; i < count; i++) {
    if (!parsePlace(first + i * 3)) return false;
    const bits = geoEncode(Geo.longitude, Geo.latitude, STEP_MAX, LATITUDE_MAX);
    setArgument(block, first + i * 2, score, <u32>writeInt64(score, <i64>bits));
    const member = first + i * 3 + 2;
    setArgument(block, first + i * 2 + 1, Arg.ptr(member), Arg.length(member));
    score += 24;
  }
  return true;
}

function geoPos(): void {
  const state = openKey(1, false);
  if (state == Opened.Wrong) return;
  replyArray(argc - 2);
  for (let i: u32 = 2; i < argc; i++) {
    if (state == Opened.Set && Z.find(Arg.ptr(i), Arg.length(i))) {
      Geo.decode(Z.score);
      replyPlace(Geo.longitude, Geo.latitude);
    } else replyNullArray();
  }
}

/** "0123456789bcdefghjkmnpqrstuvwxyz" */
const alphabet: usize = memory.data<u8>([
  48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 98, 99, 100, 101, 102, 103, 104, 106, 107, 109, 110, 112,
  113, 114, 115, 116, 117, 118, 119, 120, 121, 122,
]);
const HASH_DIGITS: u32 = 11;

/** The usual geohash, over latitudes up to the poles; of its eleventh digit there are no bits. */
function geoHash(): void {
  const state = openKey(1, false);
  if (state == Opened.Wrong) return;
  replyArray(argc - 2);
  for (let i: u32 = 2; i < argc; i++) {
    if (state == Opened.Missing || !Z.find(Arg.ptr(i), Arg.length(i))) {
      replyNull();
      continue;
    }
    Geo.decode(Z.score);
    const bits = geoEncode(Geo.longitude, Geo.latitude, STEP_MAX, 90);
    for (let digit: u32 = 0; digit < HASH_DIGITS; digit++) {
      const index = digit == 10 ? 0 : (bits >> <u64>(47 - digit * 5)) & 31;
      store<u8>(text + digit, load<u8>(alphabet + <usize>index));
    }
    replyBulk(text, HASH_DIGITS);
  }
}

function geoDist(): void {
  let unit: f64 = 1;
  if (argc == 5) {
    unit = parseUnit(4);
    if (unit < 0) return;
  } else if (argc > 5) {
    replySyntaxError();
    return;
  }
  const state = openKey(1, false);
  if (state == Opened.Wrong) return;
  if (state == Opened.Missing || !Z.find(Arg.ptr(2), Arg.length(2))) {
    replyNull();
    return;
  }
  Geo.decode(Z.score);
  const longitude = Geo.longitude;
  const latitude = Geo.latitude;
  if (!Z.find(Arg.ptr(3), Arg.length(3))) {
    replyNull();
    return;
  }
  Geo.decode(Z.score);
  replyDistance(exactDistance(longitude, latitude, Geo.longitude, Geo.latitude) / unit);
}
