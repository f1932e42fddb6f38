/** What only tests may call, in the two test builds: structures by themselves, and their invariant walks. */
export { VERIFY } from "./config";
export { hash32 } from "./base/hash";
export { keySlot } from "./protocol/crc16";
export { int64Length, parsedInt64, parseInt64, writeInt64 } from "./protocol/number";
export { parsedDouble, parseDouble, writeDouble, writeDouble17 } from "./protocol/double";
export { incrByFloatText, isLongDouble, writeHumanDouble } from "./protocol/long-double";
export { globMatch } from "./protocol/glob";
export { sha1Final, sha1Init, sha1Update } from "./base/sha1";
export { crc64 } from "./snapshot/crc64";
export { lzfCompress, lzfDecompress } from "./snapshot/lzf";
