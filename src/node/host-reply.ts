import type { ReplyValue } from "../base/reply.ts";

/** The reply comes later: the client is parked, and `begin` is given the way to answer it. */
export interface Later {
  readonly kind: "later";
  /** Called once the client is parked. `answer` may be called from anywhere, once. */
  readonly begin: (answer: (reply: ReplyValue) => void) => void;
}

/** Nothing is sent: the command has no reply (CLIENT REPLY OFF), or has sent it by itself. */
export interface Silent {
  readonly kind: "silent";
}

export const silent: Silent = { kind: "silent" };

export type HostReply = ReplyValue | Later | Silent;
