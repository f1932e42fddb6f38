/** Loaded before the program: a system that does not let us have a loop of our own. */
import { PolledLoop } from "../../src/io/polled-loop.ts";

PolledLoop.open = () => undefined;
