/**
 * Reading a value of many elements. `beginValue` reads what stands in front (a count, or a whole listpack), then
 * `continueValue` one element at a time, so that a value may be longer than what has arrived. Either answers
 * false when it cannot go on, with the reason in `RdbReader.status`, and has then changed nothing but the reader.
 */
import { LoadStatus, ValueType } from "../abi";
import { freeSomeOf, valueCount } from "../keyspace/value";
import { beginHash, continueHash } from "./hash-rdb";
import { beginList, continueList } from "./list-rdb";
import { Loading } from "./loading-state";
import { RdbType } from "./rdb-format";
import { RdbReader } from "./rdb-read";
import { beginSet, continueSet } from "./set-rdb";
import { beginSortedSet, continueSortedSet } from "./sorted-set-rdb";
import { beginStream, continueStream } from "./stream-rdb";

/** The type of value that an RDB type stands for; -1: unknown. */
export function valueTypeOf(rdbType: u32): i32 {
  switch (rdbType) {
    case RdbType.String:
      return ValueType.String;
    case RdbType.List:
    case RdbType.ListZiplist:
    case RdbType.ListQuicklist:
    case RdbType.ListQuicklist2:
      return ValueType.List;
    case RdbType.Set:
    case RdbType.SetIntset:
    case RdbType.SetListpack:
      return ValueType.Set;
    case RdbType.ZSet:
    case RdbType.ZSet2:
    case RdbType.ZSetZiplist:
    case RdbType.ZSetListpack:
      return ValueType.SortedSet;
    case RdbType.Hash:
    case RdbType.HashZipmap:
    case RdbType.HashZiplist:
    case RdbType.HashListpack:
    case RdbType.HashMetadata:
    case RdbType.HashListpackEx:
      return ValueType.Hash;
    case RdbType.StreamListpacks:
    case RdbType.StreamListpacks2:
    case RdbType.StreamListpacks3:
      return ValueType.Stream;
    default:
      return -1;
  }
}

export function beginValue(rdbType: u32): bool {
  Loading.ptr = 0;
  Loading.left = 0;
  Loading.rdbType = rdbType;
  Loading.type = <u32>valueTypeOf(rdbType);
  switch (Loading.type) {
    case ValueType.List:
      return beginList(rdbType);
    case ValueType.Set:
      return beginSet(rdbType);
    case ValueType.SortedSet:
      return beginSortedSet(rdbType);
    case ValueType.Hash:
      return beginHash(rdbType);
    case ValueType.Stream:
      return beginStream(rdbType);
    default:
      RdbReader.status = LoadStatus.UnknownType;
      return false;
  }
}

export function continueValue(): bool {
  switch (Loading.type) {
    case ValueType.List:
      return continueList();
    case ValueType.Set:
      return continueSet();
    case ValueType.SortedSet:
      return continueSortedSet();
    case ValueType.Hash:
      return continueHash();
    default:
      return continueStream();
  }
}

/** Whether the value read has no elements: such keys are left out of a load and refused by RESTORE. */
export function loadedEmpty(): bool {
  if (Loading.ptr == 0) return true;
  // A stream without entries is a value.
  return (
    Loading.type != <u32>ValueType.Stream &&
    valueCount(Loading.type, Loading.encoding, Loading.ptr) == 0
  );
}

/** Frees what has been read of a value that will not be whole. */
export function dropLoading(): void {
  if (Loading.ptr != 0) freeSomeOf(Loading.type, Loading.encoding, Loading.ptr, u32.MAX_VALUE);
  Loading.ptr = 0;
  Loading.left = 0;
}
