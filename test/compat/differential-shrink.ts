/** From a failing list of steps to the shortest that still fails (delta debugging, Zeller & Hildebrandt 2002). */
import type { Mismatch, Pair } from "./differential-pair.ts";
import { nameOfStep, type Step } from "./differential-step.ts";

export interface Shrunk {
  readonly steps: readonly Step[];
  readonly mismatch: Mismatch;
}

/** Undefined when the mismatch does not show again. */
export async function shrink(
  pair: Pair,
  protocol: 2 | 3,
  steps: readonly Step[],
  mismatch: Mismatch,
): Promise<Shrunk | undefined> {
  // Another bug on the way must not take the place of the one that is being narrowed down.
  const wanted = nameOfStep(steps[mismatch.at]);
  const attempt = async (candidate: readonly Step[]): Promise<Shrunk | undefined> => {
    await pair.reset(protocol);
    const found = await pair.run(candidate);
    if (found === undefined || nameOfStep(candidate[found.at]) !== wanted) return undefined;
    return { steps: candidate.slice(0, found.at + 1), mismatch: found };
  };
  let best = await attempt(steps.slice(0, mismatch.at + 1));
  if (best === undefined) return undefined;
  for (let parts = 2; best.steps.length > 1; ) {
    const smaller: Shrunk | undefined = await withoutOnePart(best.steps, parts, attempt);
    if (smaller !== undefined) {
      best = smaller;
      parts = Math.max(2, Math.min(parts - 1, best.steps.length));
    } else if (parts >= best.steps.length) {
      break;
    } else {
      parts = Math.min(parts * 2, best.steps.length);
    }
  }
  return best;
}

async function withoutOnePart(
  steps: readonly Step[],
  parts: number,
  attempt: (candidate: readonly Step[]) => Promise<Shrunk | undefined>,
): Promise<Shrunk | undefined> {
  const size = Math.ceil(steps.length / parts);
  for (let from = 0; from < steps.length; from += size) {
    const found = await attempt([...steps.slice(0, from), ...steps.slice(from + size)]);
    if (found !== undefined) return found;
  }
  return undefined;
}
