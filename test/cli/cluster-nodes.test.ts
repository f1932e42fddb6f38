import { describe, expect, test } from "bun:test";
import {
  countSlots,
  parseClusterNodes,
  rangesText,
  slotSignature,
} from "../../src/cli/cluster-nodes.ts";

const first = "07c37dfeb235213a872192d90877d0cd55635b91";
const second = "67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1";
const text = [
  `${first} 127.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-5460 7000 [93->-${second}]`,
  `${second} 127.0.0.1:7004@17004,host-4 slave ${first} 0 1426238317239 4 connected`,
  "",
].join("\n");

describe("CLUSTER NODES", () => {
  test("is read line by line", () => {
    expect(parseClusterNodes(text)).toEqual([
      {
        id: first,
        host: "127.0.0.1",
        port: 7000,
        flags: ["myself", "master"],
        isPrimary: true,
        primaryId: undefined,
        slots: [
          { first: 0, last: 5460 },
          { first: 7000, last: 7000 },
        ],
        openSlots: [`[93->-${second}]`],
      },
      {
        id: second,
        host: "127.0.0.1",
        port: 7004,
        flags: ["slave"],
        isPrimary: false,
        primaryId: first,
        slots: [],
        openSlots: [],
      },
    ]);
  });

  test("with an IPv6 address keeps its port apart", () => {
    const [node] = parseClusterNodes(`${first} ::1:7000@17000 master - 0 0 1 connected`);
    expect(node).toMatchObject({ host: "::1", port: 7000 });
  });

  test("with lines of another kind leaves them out", () => {
    expect(parseClusterNodes("vars currentEpoch 6 lastVoteEpoch 0\nnonsense\n")).toEqual([]);
  });
});

test("ranges are counted and shown as redis-cli shows them", () => {
  const [node] = parseClusterNodes(text);
  expect(countSlots(node?.slots ?? [])).toBe(5462);
  expect(rangesText(node?.slots ?? [])).toBe("[0-5460],[7000]");
});

test("the signature does not depend on the order of the nodes", () => {
  const nodes = parseClusterNodes(text.replace("slave", "master").replace("4 conn", "4 conn"));
  expect(slotSignature(nodes)).toBe(slotSignature([...nodes].reverse()));
  const moved = parseClusterNodes(text.replace("0-5460", "0-5459"));
  expect(slotSignature(moved)).not.toBe(slotSignature(nodes));
});
