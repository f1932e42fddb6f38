/** The value that is being read from an RDB: see loading.ts. */
export class Loading {
  /** `ValueType`. */
  static type: u32 = 0;
  static rdbType: u32 = 0;
  /** What has been built so far; 0: nothing. Elements may move it. */
  static ptr: usize = 0;
  /** `Encoding` of `ptr`. */
  static encoding: u32 = 0;
  /** How many times `continueValue` is still to be called. */
  static left: u64 = 0;
  /** For the type's own use between its calls. */
  static state: u64 = 0;
}
