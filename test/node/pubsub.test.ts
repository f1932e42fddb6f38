/** The registry of subscriptions, and the form of what is sent. */
import { expect, test } from "bun:test";
import { latin1, latin1Text } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { encodePush, Topics } from "../../src/node/pubsub.ts";

test("listeners come and go, and names with them", () => {
  const topics = new Topics<{ id: number }>();
  const [one, two] = [{ id: 1 }, { id: 2 }];
  topics.add("a", one);
  topics.add("a", one);
  topics.add("b", one);
  topics.add("a", two);
  expect([...(topics.get("a")?.listeners ?? [])]).toEqual([one, two]);
  expect([topics.size, topics.listenerCount("a"), topics.countOf(one)]).toEqual([2, 2, 2]);
  topics.remove("a", one);
  topics.remove("a", one);
  topics.remove("nothing", one);
  expect(topics.listOf(one)).toEqual(["b"]);
  topics.removeAll(one);
  expect([topics.size, topics.countOf(one), topics.listenerCount("a")]).toEqual([1, 0, 1]);
});

test("names are filtered by Redis's patterns", () => {
  const topics = new Topics<object>();
  for (const name of ["news.art", "news.sport", "weather", "\xff\x00"]) topics.add(name, {});
  expect(topics.names()).toHaveLength(4);
  expect(topics.names("news.*")).toEqual(["news.art", "news.sport"]);
  expect(topics.names("[^n]eather")).toEqual(["weather"]);
  expect(topics.names("\xff?")).toEqual(["\xff\x00"]);
});

test("against a list of pairs", () => {
  const seed = Number(process.env["ATOLL_SEED"] ?? 411);
  const random = new Prng(seed);
  const topics = new Topics<{ id: number }>();
  const listeners = Array.from({ length: 12 }, (_, id) => ({ id }));
  let pairs: string[] = [];
  for (let step = 0; step < 10_000; step++) {
    const listener = random.pick(listeners);
    const name = `n${random.below(20)}`;
    const pair = `${listener.id} ${name}`;
    if (random.chance(0.5)) {
      topics.add(name, listener);
      if (!pairs.includes(pair)) pairs.push(pair);
    } else if (random.chance(0.9)) {
      topics.remove(name, listener);
      pairs = pairs.filter((other) => other !== pair);
    } else {
      topics.removeAll(listener);
      pairs = pairs.filter((other) => !other.startsWith(`${listener.id} `));
    }
    const own = pairs.filter((other) => other.startsWith(`${listener.id} `));
    const here = pairs.filter((other) => other.endsWith(` ${name}`));
    const where = `ATOLL_SEED=${seed} step ${step}`;
    expect(topics.listOf(listener), where).toEqual(own.map((other) => other.split(" ")[1] ?? ""));
    expect(topics.listenerCount(name), where).toBe(here.length);
    expect(topics.size, where).toBe(new Set(pairs.map((other) => other.split(" ")[1])).size);
  }
});

test("a push is its word and its parts, whatever their bytes", () => {
  const binary = new Uint8Array([0, 13, 10, 255]);
  const bytes = encodePush("pmessage", [latin1("p*"), binary, new Uint8Array(0)]);
  expect(latin1Text(bytes)).toBe(
    ">4\r\n$8\r\npmessage\r\n$2\r\np*\r\n$4\r\n\x00\r\n\xff\r\n$0\r\n\r\n",
  );
  const large = encodePush("message", [latin1("c"), new Uint8Array(100_000)]);
  expect(large).toHaveLength(">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$100000\r\n\r\n".length + 100_000);
});
