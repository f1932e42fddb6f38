/** Sets as inputs of ZUNION and its kin: each member counts with a score of 1. */

export class SetWalk {
  static member: usize = 0;
  static length: u32 = 0;

  static start(_encoding: u32, _ptr: usize): void {
    unreachable();
  }

  static step(): bool {
    return unreachable();
  }
}

export function setHas(_encoding: u32, _ptr: usize, _member: usize, _length: u32): bool {
  return unreachable();
}
