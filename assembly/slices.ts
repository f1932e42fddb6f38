/**
 * When a call into the engine comes back to the host with `Yield.Slice`, so that the host may look at the clock. Small
 * commands are counted by their arguments. Of those that may take long, two are run before the host is asked, then four,
 * then eight: as long as it lets the client go on they were quick.
 */
import { Region } from "./abi";

const HEAVY_FIRST: u32 = 2;
const HEAVY_MAX: u32 = 16;

/** Arguments of commands since the call began; and heavy commands, and how many of them there may be. */
let argumentsRun: u32 = 0;
let heavyRun: u32 = 0;
let heavyMax: u32 = HEAVY_FIRST;

export class Slices {
  /** Another call has begun. */
  @inline static begin(): void {
    argumentsRun = 0;
    heavyRun = 0;
  }
  /** The client in hand had to give way, or another one is in hand. */
  @inline static forget(): void {
    heavyMax = HEAVY_FIRST;
  }
  /** The host has looked at the clock, and the client goes on. */
  @inline static widen(): void {
    if (heavyMax < HEAVY_MAX) heavyMax <<= 1;
  }
  @inline static addHeavy(): void {
    if (++heavyRun >= heavyMax) argumentsRun = Region.SliceArguments;
  }
  /** After a command of so many arguments: whether it is time to ask. */
  @inline static isOver(count: u32): bool {
    argumentsRun += count;
    return argumentsRun >= <u32>Region.SliceArguments;
  }
}
