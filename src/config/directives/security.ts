import { enumeration, integer, natural64, optionalText, text } from "../kinds.ts";

/** Passwords, users, and commands that are off unless asked for. */
export const securityDirectives = {
  requirepass: optionalText({ sensitive: true, binary: true }),
  aclfile: text("", { immutable: true }),
  "acllog-max-len": integer(128, natural64, "count"),
  "acl-pubsub-default": enumeration("resetchannels", ["allchannels", "resetchannels"]),
  "enable-protected-configs": enumeration("no", ["no", "yes", "local"], { immutable: true }),
  "enable-debug-command": enumeration("no", ["no", "yes", "local"], { immutable: true }),
  "enable-module-command": enumeration("no", ["no", "yes", "local"], { immutable: true }),
};
