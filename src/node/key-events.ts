import { KeyEvent, type Notify } from "../../assembly/abi.ts";
import { latin1Text } from "../base/bytes.ts";
import type { Engine } from "../engine/engine.ts";

/** Who hears of key events. Keys are views, good until the call returns. */
export interface KeyEventSink {
  onReady(database: number, key: Uint8Array): void;
  onFlushed(): void;
  onNotify(database: number, key: Uint8Array, kind: Notify, event: string): void;
}

/** Takes the engine's key events out and tells them in order; `KeyEvent` in `abi.ts` describes the records. */
export function takeKeyEvents(engine: Engine, sink: KeyEventSink): void {
  const events = engine.eventsView();
  const words = new DataView(events.buffer, events.byteOffset, events.length);
  for (let at = 0; at < events.length; ) {
    const kind = words.getUint32(at, true);
    const database = words.getUint32(at + 4, true);
    const keyEnd = at + 12 + words.getUint32(at + 8, true);
    const key = events.subarray(at + 12, keyEnd);
    at = keyEnd;
    if (kind === KeyEvent.Ready) sink.onReady(database, key);
    else if (kind === KeyEvent.Flushed) sink.onFlushed();
    else if (kind === KeyEvent.Notify) {
      const nameEnd = keyEnd + 8 + words.getUint32(keyEnd + 4, true);
      const name = latin1Text(events.subarray(keyEnd + 8, nameEnd));
      sink.onNotify(database, key, words.getUint32(keyEnd, true), name);
      at = nameEnd;
    }
  }
  engine.eventsTaken();
}
