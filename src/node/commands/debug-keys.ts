/** DEBUG OBJECT and DEBUG DIGEST-VALUE: what they say about single keys. */
import { createHash } from "node:crypto";
import { Encoding, ValueType } from "../../../assembly/abi.ts";
import { latin1, latin1Text } from "../../base/bytes.ts";
import { array, error, type ReplyValue, simple } from "../../base/reply.ts";
import type { KeyFacts } from "../../engine/engine.ts";
import type { HostCall } from "../call.ts";

export function debugObject(call: HostCall): ReplyValue {
  const facts = call.node.engine.inspect(2, true);
  if (facts === undefined) return error("ERR no such key");
  const clock = (Math.floor(call.nowMs / 1000) - facts.idleSeconds) & 0xffffff;
  return simple(
    `Value at:0x${facts.address.toString(16).padStart(12, "0")} refcount:${facts.references} ` +
      `encoding:${encodingName(facts)} serializedlength:${serializedLength(facts)} ` +
      `lru:${clock} lru_seconds_idle:${facts.idleSeconds}`,
  );
}

/** OBJECT ENCODING's word for it. */
function encodingName(facts: KeyFacts): string {
  switch (facts.encoding) {
    case Encoding.Int:
      return "int";
    case Encoding.Inline:
      return facts.valueLength <= embeddedMax ? "embstr" : "raw";
    case Encoding.InlineRaw:
    case Encoding.Raw:
      return "raw";
    case Encoding.Listpack:
      return "listpack";
    case Encoding.Quicklist:
      return "quicklist";
    case Encoding.IntSet:
      return "intset";
    case Encoding.HashTable:
      return "hashtable";
    case Encoding.SkipList:
      return "skiplist";
    case Encoding.Stream:
      return "stream";
  }
}

/** OBJ_ENCODING_EMBSTR_SIZE_LIMIT in Redis's object.c, bytes. */
const embeddedMax = 44;

/** Bytes of the value in an RDB file (rdbSaveStringObject), before compression. */
function serializedLength(facts: KeyFacts): number {
  const { valueLength } = facts;
  const integer = valueLength <= 11 ? Number(latin1Text(facts.value)) : Number.NaN;
  if (Number.isSafeInteger(integer) && String(integer) === latin1Text(facts.value)) {
    if (integer >= -128 && integer <= 127) return 2;
    if (integer >= -32768 && integer <= 32767) return 3;
    if (integer >= -(2 ** 31) && integer < 2 ** 31) return 5;
  }
  return valueLength + (valueLength < 64 ? 1 : valueLength < 16384 ? 2 : 5);
}

export function debugDigestValue(call: HostCall): ReplyValue {
  const digests: ReplyValue[] = [];
  for (let at = 2; at < call.count; at++) {
    const facts = call.node.engine.inspect(at, true);
    digests.push(simple(facts === undefined ? "0".repeat(40) : digestOf(facts)));
  }
  return array(digests);
}

/** The digest of one value, its type and whether it expires (xorObjectDigest in Redis's debug.c). */
function digestOf(facts: KeyFacts): string {
  const digest = new Uint8Array(20);
  mix(digest, Uint8Array.of(0, 0, 0, facts.type));
  if (facts.type === ValueType.String) mix(digest, facts.value);
  if (facts.expires) exclusiveOr(digest, latin1("!!expire!!"));
  return Buffer.from(digest).toString("hex");
}

/** Order matters: the digest so far goes through the hash again. */
function mix(digest: Uint8Array, bytes: Uint8Array): void {
  exclusiveOr(digest, bytes);
  digest.set(createHash("sha1").update(digest).digest());
}

function exclusiveOr(digest: Uint8Array, bytes: Uint8Array): void {
  const hash = createHash("sha1").update(bytes).digest();
  for (let at = 0; at < 20; at++) digest[at] = (digest[at] as number) ^ (hash[at] as number);
}
