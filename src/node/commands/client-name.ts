import { error } from "../../base/reply.ts";

export const badClientName = error(
  "ERR Client names cannot contain spaces, newlines or special characters.",
);

/** Printable ASCII without blanks, so that CLIENT LIST stays one line per client. */
export function isClientName(name: string): boolean {
  return /^[!-~]*$/.test(name);
}
