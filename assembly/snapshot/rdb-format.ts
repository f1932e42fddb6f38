/**
 * Numbers of the RDB file format, version 10 (Redis 7.0, rdb.h). A file is:
 *
 *   "REDIS0010"  AUX ...  FUNCTION2 ...  { SELECTDB  RESIZEDB  { [EXPIRETIME_MS] [IDLE | FREQ] type key value } }  EOF  crc64
 *
 *   length   00nnnnnn | 01nnnnnn n8 | 10000000 n32 big-endian | 10000001 n64 big-endian | 11eeeeee special string
 *   string   length, bytes; or special: 0, 1, 2: an integer of 1, 2, 4 bytes (little-endian);
 *            3: LZF: length compressed, length plain, bytes
 */

/** The version that is written, in files and in DUMP payloads. */
export const RDB_VERSION: u32 = 10;
/** The latest version that is read: later ones keep the encodings of the types known here. */
export const RDB_VERSION_MAX: u32 = 12;
/** Files have a checksum since this version. */
export const RDB_VERSION_CHECKSUM: u32 = 5;

/** What stands where a value's type could stand. */
export enum Opcode {
  /** A slot's sizes (Redis 7.4 and later): three lengths. */
  SlotInfo = 244,
  Function2 = 245,
  ModuleAux = 247,
  Idle = 248,
  Freq = 249,
  Aux = 250,
  ResizeDb = 251,
  ExpireTimeMs = 252,
  ExpireTime = 253,
  SelectDb = 254,
  Eof = 255,
}

/** Value types, as the byte before a key and in front of a DUMP payload. */
export enum RdbType {
  String = 0,
  List = 1,
  Set = 2,
  /** Scores as text. */
  ZSet = 3,
  Hash = 4,
  ZSet2 = 5,
  HashZipmap = 9,
  ListZiplist = 10,
  SetIntset = 11,
  ZSetZiplist = 12,
  HashZiplist = 13,
  ListQuicklist = 14,
  StreamListpacks = 15,
  HashListpack = 16,
  ZSetListpack = 17,
  ListQuicklist2 = 18,
  StreamListpacks2 = 19,
  SetListpack = 20,
  StreamListpacks3 = 21,
  /** Hashes with field expiry: Redis 7.4's. */
  HashMetadataPreGa = 22,
  HashListpackExPreGa = 23,
  HashMetadata = 24,
  HashListpackEx = 25,
}

/** Special strings: the low six bits of a length whose high two are set. */
export enum StringCode {
  Int8 = 0,
  Int16 = 1,
  Int32 = 2,
  Lzf = 3,
}

/** Parts of a module's auxiliary data, each with its code in front. */
export enum ModulePart {
  Eof = 0,
  SignedInt = 1,
  UnsignedInt = 2,
  Float = 3,
  Double = 4,
  String = 5,
}
