import { type ReplyValue, verbatim } from "../../base/reply.ts";
import type { HostCall } from "../call.ts";
import { type Section, sections } from "../info/sections.ts";

/** INFO [section ...]. Names that are not known add nothing, as in Redis. */
export function info(call: HostCall): ReplyValue {
  const words = new Set<string>();
  for (let at = 1; at < call.count; at++) words.add(call.word(at));
  return verbatim(infoText(call, chooseSections(words)));
}

function chooseSections(words: ReadonlySet<string>): readonly Section[] {
  const everything = words.has("everything") || words.has("all");
  const byDefault = words.size === 0 || words.has("default");
  return sections.filter(
    (section) => everything || (byDefault && section.byDefault) || words.has(section.name),
  );
}

function infoText(call: HostCall, chosen: readonly Section[]): string {
  return chosen
    .map(({ title, lines }) => {
      const body = lines(call.node, call.nowMs).map((line) => `${line}\r\n`);
      return `# ${title}\r\n${body.join("")}`;
    })
    .join("\r\n");
}
