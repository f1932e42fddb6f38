/** Places, units and distances as arguments and in replies. Behaviour: Redis 7.0 geo.c. */
import { equalsWord } from "../base/bytes";
import { Arg, needReply, replyAt, resp3, setReplyAt } from "../base/frame";
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
} from "../protocol/reply";
import { Geo, LATITUDE_MAX, LONGITUDE_MAX } from "./geo-hash";

const text: usize = memory.data(384, 16);

/**
 * A fraction below 1 in millionths, rounded half to even as it is and not as the product is, which may be a half only
 * for being rounded itself. What the product has lost is found by multiplying in two parts (Dekker 1971).
 */
function millionths(fraction: f64): f64 {
  const product = fraction * 1000000;
  const nearby = nearest<f64>(product);
  if (abs(product - floor(product)) != 0.5) return nearby;
  const scaled = fraction * 134217729;
  const high = scaled - (scaled - fraction);
  const lost = high * 1000000 - product + (fraction - high) * 1000000;
  if (lost == 0) return nearby;
  return lost > 0 ? ceil(product) : floor(product);
}

/** A number as `%f` shows it, with six places. */
function errorNumber(value: f64): void {
  if (abs(value) == Infinity) {
    errorText(value < 0 ? "-inf" : "inf");
    return;
  }
  let whole = floor(abs(value));
  let places = millionths(abs(value) - whole);
  if (places == 1000000) {
    places = 0;
    whole++;
  }
  // Zero has a sign, too.
  if (reinterpret<i64>(value) < 0) errorText("-");
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
