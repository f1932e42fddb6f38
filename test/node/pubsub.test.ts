/** The registry of subscriptions, and the form of what is sent. */
import { expect, test } from "bun:test";
import { latin1, latin1Text } from "../../src/base/bytes.ts";
import { Prng } from "../../src/base/prng.ts";
import { MessageLog } from "../../src/node/message-log.ts";
import { Topics } from "../../src/node/pubsub.ts";

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

test("the log of messages: runs for the same listeners, in both protocols, whatever the bytes", () => {
  const log = new MessageLog<string>();
  const binary = new Uint8Array([9, 0, 13, 10, 255, 9]);
  const say = (topic: string, head: string, body: Uint8Array, at: number, length: number): void => {
    log.begin(topic, head.length + length + 32);
    log.put(latin1(head), 0, head.length);
    log.putBulk(body, at, length);
    log.end();
  };
  say("a", "*head", binary, 1, 4);
  say("a", "*head", binary, 0, 0);
  say("b", "*other", new Uint8Array(100_000), 0, 100_000);
  say("a", "*head", latin1("1234567890"), 0, 10);
  const ranges = Array.from({ length: log.segmentCount }, (_, at) => [
    log.topicAt(at),
    log.startOf(at),
    log.endOf(at),
  ]);
  const first = "*head$4\r\n\x00\r\n\xff\r\n*head$0\r\n\r\n";
  const second = "*other$100000\r\n".length + 100_002;
  expect(ranges).toEqual([
    ["a", 0, first.length],
    ["b", first.length, first.length + second],
    ["a", first.length + second, log.length],
  ]);
  const text = (from: number, to: number): string => latin1Text(log.bytes.slice(from, to));
  expect(text(0, first.length)).toBe(first);
  log.mark(3, first.length);
  expect(text(0, first.length)).toBe(first);
  expect(text(first.length + second, log.length)).toBe(">head$10\r\n1234567890\r\n");
  log.mark(3, 0);
  expect(text(0, first.length)).toBe(first.replaceAll("*", ">"));
  log.mark(2, 0);
  expect(text(first.length, first.length + 7)).toBe("*other$");
  log.clear();
  expect([log.length, log.segmentCount]).toEqual([0, 0]);
  for (let count = 0; count < 5000; count++) say(`${count % 2}`, "*x", binary, 0, 1);
  expect(log.segmentCount).toBe(5000);
  log.mark(3, 0);
  expect(text(log.startOf(4999), log.length)).toBe(">x$1\r\n\t\r\n");
});
