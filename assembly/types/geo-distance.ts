/** Distances between places on a sphere, in meters: the haversine formula of geohash_helper.c of Redis 7.0. */
import { arcSine, cosine, sine } from "../base/trigonometry";

export const EARTH_RADIUS: f64 = 6372797.560856;
export const DEGREE: f64 = NativeMath.PI / 180;
/** Between opposite sides of the earth. */
export const DISTANCE_MAX: f64 = EARTH_RADIUS * NativeMath.PI;
/** From here on the formula makes much of little errors. */
const FAR: f64 = 19000000;
/** How much of a rough distance is not to be relied on. */
const DOUBT: f64 = 1e-12;

/** Between two places on one meridian. */
function latitudeDistance(a: f64, b: f64): f64 {
  return EARTH_RADIUS * abs(b * DEGREE - a * DEGREE);
}

/**
 * To the last bit what a careful C library gives. No number, as in Redis, should rounding ask for the arc sine of more
 * than 1 for places on opposite sides of the earth.
 */
export function exactDistance(
  longitude1: f64,
  latitude1: f64,
  longitude2: f64,
  latitude2: f64,
): f64 {
  const v = sine((longitude2 * DEGREE - longitude1 * DEGREE) / 2);
  if (v == 0) return latitudeDistance(latitude1, latitude2);
  const from = latitude1 * DEGREE;
  const to = latitude2 * DEGREE;
  const u = sine((to - from) / 2);
  return 2 * EARTH_RADIUS * arcSine(sqrt(u * u + cosine(from) * cosine(to) * v * v));
}

/** The same but for the last bits, and in an eighth of the time: for places that a search only goes past. */
export function roughDistance(
  longitude1: f64,
  latitude1: f64,
  longitude2: f64,
  latitude2: f64,
): f64 {
  const v = NativeMath.sin((longitude2 * DEGREE - longitude1 * DEGREE) / 2);
  if (v == 0) return latitudeDistance(latitude1, latitude2);
  const from = latitude1 * DEGREE;
  const to = latitude2 * DEGREE;
  const u = NativeMath.sin((to - from) / 2);
  const a = u * u + NativeMath.cos(from) * NativeMath.cos(to) * v * v;
  const rough = 2 * EARTH_RADIUS * NativeMath.asin(sqrt(a));
  return rough < FAR ? rough : exactDistance(longitude1, latitude1, longitude2, latitude2);
}

/** Whether the last bits decide which is more, a rough distance or the other length; also where one is no number. */
export function isDoubtful(rough: f64, length: f64): bool {
  return !(abs(rough - length) > rough * DOUBT);
}
