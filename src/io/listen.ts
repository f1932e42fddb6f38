/** Listening on the addresses of `bind`, for the client port and the bus alike (listenToPort in Redis). */

export type Listening = { stop(closeActiveConnections?: boolean): void };

/** Errors after which Redis tries the next address: this machine has no such protocol family. */
const unsupported: ReadonlySet<string> = new Set([
  "EAFNOSUPPORT",
  "ENOPROTOOPT",
  "EPROTONOSUPPORT",
  "ESOCKTNOSUPPORT",
  "EPFNOSUPPORT",
]);

export interface ListenOptions {
  readonly hostname: string;
  readonly port: number;
  readonly ipv6Only: boolean;
}

/**
 * Opens `port` on each address; `*` and `::*` stand for all. An address behind `-` may be missing from this
 * machine. Undefined when one could not be opened, and then none is; `onFault` hears why.
 */
export function listenOnAll(
  addresses: readonly string[],
  port: number,
  open: (options: ListenOptions) => Listening,
  onFault: (address: string, code: string) => void,
): Listening[] | undefined {
  const opened: Listening[] = [];
  for (const entry of addresses) {
    const optional = entry.startsWith("-");
    const address = optional ? entry.slice(1) : entry;
    const hostname = address === "*" ? "0.0.0.0" : address === "::*" ? "::" : address;
    try {
      opened.push(open({ hostname, port, ipv6Only: hostname.includes(":") }));
    } catch (reason) {
      const code = codeOf(reason);
      onFault(address, code);
      if ((optional && code === "EADDRNOTAVAIL") || unsupported.has(code)) continue;
      for (const listening of opened) listening.stop();
      return undefined;
    }
  }
  return opened;
}

/** The code of a failed system call, or what else went wrong. */
export function codeOf(reason: unknown): string {
  return (reason as { readonly code?: string }).code ?? String(reason);
}
