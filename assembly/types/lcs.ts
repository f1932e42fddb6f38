import { replyOk } from "../protocol/reply";
export function lcs(): void {
  replyOk();
}
