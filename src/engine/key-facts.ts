import { Inspect, ValueType } from "../../assembly/abi.ts";
import { latin1Text } from "../base/bytes.ts";

export interface InspectOptions {
  readonly serialize?: boolean;
  /** How many elements of a large value are measured; 0: all. */
  readonly samples?: number;
  readonly counts?: boolean;
}

/** What `inspect` tells of a key. */
export interface KeyFacts {
  readonly type: ValueType;
  /** As OBJECT ENCODING says it. */
  readonly encoding: string;
  /** Of the key, its value and its place in the table. */
  readonly bytes: number;
  readonly idleSeconds: number;
  /** As Redis would count them: small integers are shared. */
  readonly references: number;
  readonly expires: boolean;
  readonly address: number;
  /** Bytes of the value in an RDB file, when asked for; else 0. */
  readonly serializedLength: number;
  /** Of a list. */
  readonly list?: ListFacts;
}

export interface ListFacts {
  readonly elements: number;
  readonly nodes: number;
  /** `list-max-listpack-size` when the list was made. */
  readonly fill: number;
  /** Of all its nodes. */
  readonly bytes: number;
}

/** `output`: what the engine's `inspect` has left. */
export function keyFactsIn(output: Uint8Array): KeyFacts {
  const view = new DataView(output.buffer, output.byteOffset, output.length);
  const word = (at: Inspect): number => view.getUint32(at * 4, true);
  const list = {
    elements: word(Inspect.ListElements),
    nodes: word(Inspect.ListNodes),
    fill: word(Inspect.ListFill) | 0,
    bytes: word(Inspect.ListBytes),
  };
  return {
    type: word(Inspect.Type),
    encoding: latin1Text(output.subarray(Inspect.Size * 4)),
    bytes: word(Inspect.Bytes),
    idleSeconds: word(Inspect.IdleSeconds),
    references: word(Inspect.References),
    expires: word(Inspect.Expires) === 1,
    address: word(Inspect.Address),
    serializedLength: word(Inspect.SerializedLength),
    ...(word(Inspect.Type) === ValueType.List ? { list } : {}),
  };
}
