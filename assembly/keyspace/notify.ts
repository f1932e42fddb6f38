/** Keyspace notifications (notify.c): records for the host, which knows the subscribers. */
import { KeyEvent, Notify } from "../abi";
import { copyBytes, writeText } from "../base/bytes";
import { notifyEvents, Streams } from "../base/frame";

/** Room for the longest name of an event. */
const NAME_MAX: u32 = 64;

/** Tells that `event` has happened to the key, where its class (a `Notify` bit) is wanted. The event is a literal. */
export function notify(kind: Notify, event: string, database: u32, key: usize, length: u32): void {
  if ((notifyEvents & <u32>kind) == 0) return;
  const events = Streams.events;
  const bytes = <usize>length + 20 + NAME_MAX;
  // A notification that memory has no room for is lost: they are fire and forget.
  if (!events.reserve(bytes)) return;
  const at = events.room(bytes);
  store<u32>(at, KeyEvent.Notify);
  store<u32>(at, database, 4);
  store<u32>(at, length, 8);
  copyBytes(at + 12, key, length);
  const behind = at + 12 + length;
  store<u32>(behind, kind);
  const name = writeText(behind + 8, event);
  store<u32>(behind, name, 4);
  events.length += 20 + length + name;
}

/** Tells the host that everything has been removed: files may hold what is gone. */
export function tellFlushed(): void {
  const events = Streams.events;
  if (!events.reserve(12)) return;
  const at = events.room(12);
  store<u32>(at, KeyEvent.Flushed);
  store<u64>(at, 0, 4);
  events.length += 12;
}
