/** Geo commands. Behaviour: Redis 7.0 geo.c. */

import { equalsWord } from "../base/bytes";
import { Arg, argc, argv, setArguments } from "../base/frame";
import { alloc, canAllocate, free } from "../base/memory";
import { Command } from "../command-ids";
import { writeInt64 } from "../protocol/number";
import {
  replyArray,
  replyBulk,
  replyNull,
  replyNullArray,
  replyOutOfMemory,
  replySyntaxError,
} from "../protocol/reply";
import { Z } from "../structures/sorted-set";
import { exactDistance } from "./geo-distance";
import { Geo, geoEncode, LATITUDE_MAX, STEP_MAX } from "./geo-hash";
import { Center } from "./geo-options";
import { parsePlace, parseUnit, replyDistance, replyPlace } from "./geo-place";
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
const text: usize = memory.data(16, 16);

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
