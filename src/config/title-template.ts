/** The template of the process title (`proc-title-template`). */

export const titleVariables = [
  "title",
  "listen-addr",
  "server-mode",
  "port",
  "tls-port",
  "config-file",
  "unixsocket",
] as const;
export type TitleVariable = (typeof titleVariables)[number];

/**
 * The title with each `{name}` replaced and blanks at both ends cut; `{{` is a brace. Undefined when a
 * name is unknown or a brace is left open.
 */
export function expandTitleTemplate(
  template: string,
  values: Readonly<Record<TitleVariable, string>>,
): string | undefined {
  let title = "";
  let at = 0;
  while (at < template.length) {
    const open = template.indexOf("{", at);
    if (open < 0) return trimSpaces(title + template.slice(at));
    title += template.slice(at, open);
    if (template[open + 1] === "{") {
      title += "{";
      at = open + 2;
      continue;
    }
    const close = template.indexOf("}", open);
    if (close < 0) return undefined;
    const name = titleVariables.find((known) => known === template.slice(open + 1, close));
    if (name === undefined) return undefined;
    title += values[name];
    at = close + 1;
  }
  return trimSpaces(title);
}

/** As Redis checks it: the result must not be empty for a plain server without a Unix socket. */
export function isTitleTemplate(template: string): boolean {
  const title = expandTitleTemplate(template, {
    title: "",
    "listen-addr": "*:6379",
    "server-mode": "",
    port: "6379",
    "tls-port": "0",
    "config-file": "redis.conf",
    unixsocket: "",
  });
  return title !== undefined && title !== "";
}

function trimSpaces(text: string): string {
  return text.replace(/^ +| +$/g, "");
}
