/** What the makers of random commands draw from, and what they are. */
import type { Prng } from "../../src/base/prng.ts";
import type { Values } from "./differential-values.ts";

export interface Source {
  readonly prng: Prng;
  readonly values: Values;
}

export type Maker = (source: Source) => string[];
export type Weighted = readonly [weight: number, make: Maker];
