import { replyOk } from "../protocol/reply";
export function dump(): void {
  replyOk();
}
export function restore(): void {
  replyOk();
}
