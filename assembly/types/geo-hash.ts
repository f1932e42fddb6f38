/**
 * Geohashes of 52 bits, and searching an area by them: geohash.c and geohash_helper.c of Redis 7.0. The bits of a
 * latitude and a longitude, each a share of its range, stand in turn, the longitude's in the higher places.
 */
import { DEGREE, EARTH_RADIUS, exactDistance, isDoubtful, roughDistance } from "./geo-distance";

export const LONGITUDE_MAX: f64 = 180;
/** Where a map in Mercator's projection is a square. */
export const LATITUDE_MAX: f64 = 85.05112878;
export const STEP_MAX: u32 = 26;
/** Half of the earth's circumference on that map, in meters. */
const MERCATOR_MAX: f64 = 20037726.37;

const LATITUDE_BITS: u64 = 0x5555555555555555;
const LONGITUDE_BITS: u64 = 0xaaaaaaaaaaaaaaaa;

/** Every second bit of the result is one of `value`, the lowest first. */
function spread(value: u32): u64 {
  let x = <u64>value;
  x = (x | (x << 16)) & 0x0000ffff0000ffff;
  x = (x | (x << 8)) & 0x00ff00ff00ff00ff;
  x = (x | (x << 4)) & 0x0f0f0f0f0f0f0f0f;
  x = (x | (x << 2)) & 0x3333333333333333;
  return (x | (x << 1)) & 0x5555555555555555;
}

function gather(bits: u64): u32 {
  let x = bits & 0x5555555555555555;
  x = (x | (x >> 1)) & 0x3333333333333333;
  x = (x | (x >> 2)) & 0x0f0f0f0f0f0f0f0f;
  x = (x | (x >> 4)) & 0x00ff00ff00ff00ff;
  x = (x | (x >> 8)) & 0x0000ffff0000ffff;
  return <u32>(x | (x >> 16));
}

/** The hash of a place, of `step` bits each way; latitudes range from -`limit` to `limit`. */
export function geoEncode(longitude: f64, latitude: f64, step: u32, limit: f64): u64 {
  const scale = <f64>((<u64>1) << (<u64>step));
  const x = ((longitude + LONGITUDE_MAX) / (2 * LONGITUDE_MAX)) * scale;
  const y = ((latitude + limit) / (2 * limit)) * scale;
  return spread(<u32>y) | (spread(<u32>x) << 1);
}

/** What a hash stands for: a field of the map. */
export class Area {
  static west: f64 = 0;
  static east: f64 = 0;
  static south: f64 = 0;
  static north: f64 = 0;

  static decode(bits: u64, step: u32): void {
    const cells = <f64>((<u64>1) << (<u64>step));
    const y = <f64>gather(bits);
    const x = <f64>gather(bits >> 1);
    const height = 2 * LATITUDE_MAX;
    const width = 2 * LONGITUDE_MAX;
    Area.south = -LATITUDE_MAX + (y / cells) * height;
    Area.north = -LATITUDE_MAX + (<f64>(<u32>y + 1) / cells) * height;
    Area.west = -LONGITUDE_MAX + (x / cells) * width;
    Area.east = -LONGITUDE_MAX + (<f64>(<u32>x + 1) / cells) * width;
  }
}

/** The place that a score stands for. */
export class Geo {
  static longitude: f64 = 0;
  static latitude: f64 = 0;

  static decode(score: f64): void {
    Area.decode(scoreBits(score), STEP_MAX);
    Geo.longitude = clamp((Area.west + Area.east) / 2, LONGITUDE_MAX);
    Geo.latitude = clamp((Area.south + Area.north) / 2, LATITUDE_MAX);
  }
}

function clamp(value: f64, most: f64): f64 {
  return value > most ? most : value < -most ? -most : value;
}

/** A score as an unsigned integer, as x86 converts also what does not fit: any sorted set may be asked for places. */
export function scoreBits(score: f64): u64 {
  const half: f64 = 9223372036854775808.0;
  if (score < half) return score >= -half ? <u64>(<i64>score) : (<u64>1) << 63;
  const rest = score - half;
  return rest < half ? <u64>(<i64>rest) ^ ((<u64>1) << 63) : 0;
}

/** The area that is searched; lengths in units of `unit` meters. */
export class Shape {
  static longitude: f64 = 0;
  static latitude: f64 = 0;
  static isBox: bool = false;
  static radius: f64 = 0;
  static width: f64 = 0;
  static height: f64 = 0;
  static unit: f64 = 1;
  /** From the center to the place that `contains` was asked about, roughly. */
  static distance: f64 = 0;

  /** Whether the place lies in the area. */
  static contains(longitude: f64, latitude: f64): bool {
    const x = Shape.longitude;
    const y = Shape.latitude;
    if (Shape.isBox) {
      const across = (Shape.width * Shape.unit) / 2;
      if (Shape.isFarther(longitude, latitude, x, latitude, across)) return false;
      const along = (Shape.height * Shape.unit) / 2;
      if (Shape.isFarther(longitude, latitude, longitude, y, along)) return false;
      Shape.distance = roughDistance(x, y, longitude, latitude);
      return true;
    }
    return !Shape.isFarther(x, y, longitude, latitude, Shape.radius * Shape.unit);
  }

  /** Whether two places are farther apart than `most`. No number (of opposite sides of the earth) is not, as in Redis. */
  private static isFarther(x1: f64, y1: f64, x2: f64, y2: f64, most: f64): bool {
    Shape.distance = roughDistance(x1, y1, x2, y2);
    if (!isDoubtful(Shape.distance, most)) return Shape.distance > most;
    return exactDistance(x1, y1, x2, y2) > most;
  }

  /** From the center to a place, to the last bit. */
  static distanceTo(longitude: f64, latitude: f64): f64 {
    return exactDistance(Shape.longitude, Shape.latitude, longitude, latitude);
  }
}

// The nine fields of the map that cover an area: its middle and the ones around it.

/** Order in which fields are searched: the middle, north, south, east, west, then the corners. */
export const FIELD_COUNT: u32 = 9;
const fieldBits: usize = memory.data(9 * 8, 16);
/** 0: the field need not be searched. */
const fieldSteps: usize = memory.data(9 * 4, 16);

export class Field {
  @inline static bits(at: u32): u64 {
    return load<u64>(fieldBits + ((<usize>at) << 3));
  }
  @inline static step(at: u32): u32 {
    return load<u32>(fieldSteps + ((<usize>at) << 2));
  }
  /** The lowest score in the field, and the one behind its highest. */
  @inline static first(at: u32): f64 {
    return <f64>(Field.bits(at) << (<u64>(52 - Field.step(at) * 2)));
  }
  @inline static end(at: u32): f64 {
    return <f64>((Field.bits(at) + 1) << (<u64>(52 - Field.step(at) * 2)));
  }
  static set(at: u32, bits: u64, step: u32): void {
    store<u64>(fieldBits + ((<usize>at) << 3), bits);
    store<u32>(fieldSteps + ((<usize>at) << 2), step);
  }
  /** A field that need not be searched. */
  static drop(at: u32): void {
    Field.set(at, 0, 0);
  }
}

const NORTH: u32 = 1;
const SOUTH: u32 = 2;
const EAST: u32 = 3;
const WEST: u32 = 4;
const NORTH_EAST: u32 = 5;
const NORTH_WEST: u32 = 6;
const SOUTH_EAST: u32 = 7;
const SOUTH_WEST: u32 = 8;

/** Moves one coordinate of a hash, the bits in `own`, by one field, round the map. */
function moved(bits: u64, own: u64, step: u32, by: i32): u64 {
  if (by == 0) return bits;
  const shift = <u64>(64 - step * 2);
  const others = ~own >> shift;
  let moving = bits & own;
  // The other coordinate's places, all ones, hand a carry on.
  if (by > 0) moving += others + 1;
  else moving = (moving | others) - (others + 1);
  return (moving & (own >> shift)) | (bits & ~own);
}

function neighbor(at: u32, bits: u64, step: u32, x: i32, y: i32): void {
  Field.set(at, moved(moved(bits, LONGITUDE_BITS, step, x), LATITUDE_BITS, step, y), step);
}

function makeFields(bits: u64, step: u32): void {
  Field.set(0, bits, step);
  neighbor(NORTH, bits, step, 0, 1);
  neighbor(SOUTH, bits, step, 0, -1);
  neighbor(EAST, bits, step, 1, 0);
  neighbor(WEST, bits, step, -1, 0);
  neighbor(NORTH_EAST, bits, step, 1, 1);
  neighbor(NORTH_WEST, bits, step, -1, 1);
  neighbor(SOUTH_EAST, bits, step, 1, -1);
  neighbor(SOUTH_WEST, bits, step, -1, -1);
}

/** Bits each way of the smallest fields of which nine cover the radius, more or less: fewer near the poles. */
function estimateStep(meters: f64, latitude: f64): u32 {
  if (meters == 0) return STEP_MAX;
  let step: i32 = 1;
  for (let reach = meters; reach < MERCATOR_MAX; reach *= 2) step++;
  step -= 2;
  if (latitude > 66 || latitude < -66) {
    step--;
    if (latitude > 80 || latitude < -80) step--;
  }
  return <u32>max(1, min(step, <i32>STEP_MAX));
}

/** Lays the fields over `Shape`. */
export function coverShape(): void {
  const longitude = Shape.longitude;
  const latitude = Shape.latitude;
  const height = Shape.unit * (Shape.isBox ? Shape.height / 2 : Shape.radius);
  const width = Shape.unit * (Shape.isBox ? Shape.width / 2 : Shape.radius);
  const latitudeDelta = height / EARTH_RADIUS / DEGREE;
  // The wider end of the area is the one nearer to the pole.
  const widest = latitude < 0 ? latitude - latitudeDelta : latitude + latitudeDelta;
  const longitudeDelta = width / EARTH_RADIUS / NativeMath.cos(widest * DEGREE) / DEGREE;
  const west = longitude - longitudeDelta;
  const east = longitude + longitudeDelta;
  const south = latitude - latitudeDelta;
  const north = latitude + latitudeDelta;

  let reach = Shape.radius;
  if (Shape.isBox) {
    const x = Shape.width / 2;
    const y = Shape.height / 2;
    reach = sqrt(x * x + y * y);
  }
  let step = estimateStep(reach * Shape.unit, latitude);
  makeFields(geoEncode(longitude, latitude, step, LATITUDE_MAX), step);
  if (step > 1 && !reachesAround(west, east, south, north)) {
    step--;
    makeFields(geoEncode(longitude, latitude, step, LATITUDE_MAX), step);
  }
  if (step < 2) return;
  Area.decode(Field.bits(0), step);
  if (Area.south < south) dropThree(SOUTH, SOUTH_WEST, SOUTH_EAST);
  if (Area.north > north) dropThree(NORTH, NORTH_EAST, NORTH_WEST);
  if (Area.west < west) dropThree(WEST, SOUTH_WEST, NORTH_WEST);
  if (Area.east > east) dropThree(EAST, SOUTH_EAST, NORTH_EAST);
}

function dropThree(first: u32, second: u32, third: u32): void {
  Field.drop(first);
  Field.drop(second);
  Field.drop(third);
}

/** Whether the fields around the middle one reach beyond the area on each side. */
function reachesAround(west: f64, east: f64, south: f64, north: f64): bool {
  Area.decode(Field.bits(NORTH), Field.step(NORTH));
  if (Area.north < north) return false;
  Area.decode(Field.bits(SOUTH), Field.step(SOUTH));
  if (Area.south > south) return false;
  Area.decode(Field.bits(EAST), Field.step(EAST));
  if (Area.east < east) return false;
  Area.decode(Field.bits(WEST), Field.step(WEST));
  return Area.west <= west;
}
