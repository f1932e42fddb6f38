/** The classes of keyspace notifications, one letter each, in the order in which CONFIG GET shows them. */
const valueClasses = "g$lshzxetdn";
const allClasses = "g$lshzxetd";
const targets = "KEm";
const shownOrder = "g$lshzxetdnKEm";

/**
 * The letters a `notify-keyspace-events` value stands for, `A` resolved, without repeats; undefined when
 * one is unknown. Letters: K keyspace channel, E keyevent channel, g generic, $ string, l list, s set,
 * h hash, z sorted set, x expired, e evicted, t stream, m key miss, d module, n new key.
 */
export function parseEventClasses(text: string): string | undefined {
  const chosen = new Set<string>();
  for (const letter of text) {
    if (letter === "A") for (const each of allClasses) chosen.add(each);
    else if (valueClasses.includes(letter) || targets.includes(letter)) chosen.add(letter);
    else return undefined;
  }
  return [...shownOrder].filter((letter) => chosen.has(letter)).join("");
}

/** As CONFIG GET shows it. With all classes on, Redis writes `A` and leaves out `n`. */
export function formatEventClasses(letters: string): string {
  const all = [...allClasses].every((letter) => letters.includes(letter));
  if (!all) return letters;
  return `A${[...targets].filter((letter) => letters.includes(letter)).join("")}`;
}
