/** What the tests of the server share. */
import { afterAll, beforeAll } from "bun:test";
import type { Argument, Reply, RespClient } from "../support/resp-client.ts";
import { type ServerOptions, startServer, type TestServer } from "../support/server.ts";

/** One server and one client for all tests of a file; `client` is reconnected by `fresh`. */
export class Shared {
  server!: TestServer;
  client!: RespClient;

  constructor(options: ServerOptions = {}) {
    beforeAll(async () => {
      this.server = await startServer(options);
      this.client = await this.server.connect();
    });
    afterAll(async () => {
      await this.server.stop();
    });
  }

  call(...args: Argument[]): Promise<Reply> {
    return this.client.call(...args);
  }

  /** The text of an error reply; fails the test on any other reply. */
  async fails(...args: Argument[]): Promise<string> {
    const reply = await this.client.call(...args);
    if (!(reply instanceof Error)) throw new Error(`no error: ${JSON.stringify(reply)}`);
    return reply.message;
  }

  /** INFO as a map from field to value. */
  async info(...sections: string[]): Promise<Map<string, string>> {
    return infoFields(String(await this.client.must("INFO", ...sections)));
  }
}

export function infoFields(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split("\r\n")) {
    const at = line.indexOf(":");
    if (at > 0 && !line.startsWith("#")) fields.set(line.slice(0, at), line.slice(at + 1));
  }
  return fields;
}
