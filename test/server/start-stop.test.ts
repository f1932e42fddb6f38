/** Starting, refusing to start, and ending: exit codes and the lines that tools read. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../support/ports.ts";
import { RespClient } from "../support/resp-client.ts";
import {
  atollCommand,
  spawnServer,
  startServer,
  type TestServer,
  until,
} from "../support/server.ts";

const logLine = /^\d+:[CMSX] \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3} [.\-*#] .+$/;

async function withServer(
  options: Parameters<typeof startServer>[0],
  body: (server: TestServer) => Promise<void>,
): Promise<void> {
  const server = await startServer(options);
  try {
    await body(server);
  } finally {
    await server.stop();
  }
}

describe("start", () => {
  test("logs in Redis's format, with the lines that tools wait for", async () => {
    await withServer({}, async (server) => {
      await server.untilLogged("Ready to accept connections");
      for (const line of server.log.trim().split("\n")) expect(line).toMatch(logLine);
      expect(server.log).toContain(`Running mode=standalone, port=${server.port}.`);
      expect(server.log).toContain("# Server initialized");
      expect(server.log).toMatch(/:M .* \* Ready to accept connections/);
      expect(server.log).toContain("# Configuration loaded");
    });
  });

  test("shows port and process id in the banner with always-show-logo", async () => {
    await withServer({ args: ["--always-show-logo", "yes"] }, async (server) => {
      expect(server.log).toContain("Running in standalone mode");
      expect(server.log).toContain(`Port: ${server.port}`);
      expect(server.log).toMatch(new RegExp(` PID: ${server.pid}\\n`));
    });
  });

  test("a busy port is named and ends the start with 1", async () => {
    await withServer({}, async (first) => {
      const second = await spawnServer({ port: first.port, args: ["--bind", "127.0.0.1"] });
      await second.process.exited;
      await second.untilLogged("aborting");
      expect(second.process.exitCode).toBe(1);
      expect(second.log).toContain(
        `Could not create server TCP listening socket 127.0.0.1:${first.port}: ` +
          "bind: Address already in use",
      );
      expect(second.log).toContain(`Failed listening on port ${first.port} (TCP), aborting.`);
      await second.stop();
    });
  });

  test("maxclients is fitted into the number of files that may be open", async () => {
    const port = freePort();
    const command = ["sh", "-c", 'ulimit -n 100; exec "$@"', "sh", ...atollCommand()];
    const child = Bun.spawn([...command, "--port", String(port), "--save", ""], {
      stdout: "pipe",
    });
    let client: RespClient | undefined;
    await until(async () => {
      client = await RespClient.connect({ port }).catch(() => undefined);
      return client !== undefined;
    });
    expect(await client?.call("CONFIG", "GET", "maxclients")).toEqual(["maxclients", "68"]);
    expect(String(await client?.call("CONFIG", "SET", "maxclients", "69"))).toContain(
      "try with 68",
    );
    expect(await client?.call("CONFIG", "SET", "maxclients", "50")).toBe("OK");
    client?.close();
    child.kill();
    await child.exited;
    expect(await new Response(child.stdout).text()).toContain("Current maximum open files is 100.");
  });

  test("a busy bus port is named and ends the start with 1", async () => {
    await withServer({ cluster: true }, async (first) => {
      const port = first.port + 10_000;
      const args = ["--bind", "127.0.0.1", "--cluster-port", String(port)];
      const second = await spawnServer({ cluster: true, args });
      await second.process.exited;
      await second.untilLogged("aborting");
      expect(second.process.exitCode).toBe(1);
      expect(second.log).toContain(`127.0.0.1:${port}: bind: Address already in use`);
      await second.stop();
    });
  });

  test("a data file that is no file, or no cluster's, ends the start with 1", async () => {
    const directory = mkdtempSync(join(tmpdir(), "atoll-data-"));
    const failsWith = async (line: string): Promise<void> => {
      const server = await spawnServer({ directory, cluster: true });
      expect(await server.process.exited).toBe(1);
      await server.untilLogged(line);
      expect(server.log).not.toContain("BUG REPORT");
    };
    mkdirSync(join(directory, "dump.rdb"));
    await failsWith("Fatal error: can't open the RDB file dump.rdb for reading");
    rmSync(join(directory, "dump.rdb"), { recursive: true });
    // SELECTDB 3, foo = bar, no checksum.
    const image = Buffer.from("REDIS0009\xfe\x03\0\x03foo\x03bar\xff\0\0\0\0\0\0\0\0", "latin1");
    writeFileSync(join(directory, "dump.rdb"), image);
    await failsWith("You can't have keys in a DB different than DB 0 when in Cluster mode.");
    expect(readFileSync(join(directory, "dump.rdb"))).toEqual(image);
    rmSync(directory, { recursive: true });
  });

  test("an address that this machine does not have is skipped only with a dash", async () => {
    await withServer({ args: ["--bind", "127.0.0.1", "-192.0.2.1"] }, async (server) => {
      expect(server.log).toContain("192.0.2.1");
    });
    const strict = await spawnServer({ args: ["--bind", "192.0.2.1"] });
    await strict.process.exited;
    expect(strict.process.exitCode).toBe(1);
    await strict.stop();
  });

  test("listens on IPv4 and IPv6 by default, and on a unix socket when told", async () => {
    const directory = mkdtempSync(join(tmpdir(), "atoll-unix-"));
    const path = join(directory, "atoll.sock");
    const args = ["--unixsocket", path, "--unixsocketperm", "700"];
    await withServer({ args }, async (server) => {
      for (const address of [{ port: server.port, host: "::1" }, { unix: path }]) {
        const client = await RespClient.connect(address);
        expect(await client.call("PING")).toBe("PONG");
        client.close();
      }
    });
    expect(existsSync(path)).toBe(false);
    rmSync(directory, { recursive: true });
  });

  test("port 0 means no TCP", async () => {
    const directory = mkdtempSync(join(tmpdir(), "atoll-unix-"));
    const path = join(directory, "atoll.sock");
    const options = { port: 0, args: ["--unixsocket", path], address: { unix: path } };
    await withServer(options, async (server) => {
      expect(server.log).toContain("Running mode=standalone, port=0.");
    });
    rmSync(directory, { recursive: true });
  });

  test("reads standard input after a dash", async () => {
    const port = freePort();
    const child = Bun.spawn([...atollCommand(), "--maxclients", "77", "-"], {
      stdin: Buffer.from(`port ${port}\nmaxclients 99\nsave ""\n`),
      stdout: "ignore",
      stderr: "ignore",
    });
    let client: RespClient | undefined;
    await until(async () => {
      client = await RespClient.connect({ port }).catch(() => undefined);
      return client !== undefined;
    });
    // The command line comes last.
    expect(await client?.call("CONFIG", "GET", "maxclients")).toEqual(["maxclients", "77"]);
    client?.close();
    child.kill();
    await child.exited;
  });
});

describe("configuration errors", () => {
  test("an unknown directive: Redis's text with the line, exit 1", async () => {
    const server = await spawnServer({ config: "# a comment\nmaxclients 10\nno-such-thing 1\n" });
    await server.process.exited;
    await server.untilLogged("Bad directive");
    expect(server.process.exitCode).toBe(1);
    expect(server.log).toContain("*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***");
    expect(server.log).toContain("Reading the configuration file, at line 3");
    expect(server.log).toContain(">>> 'no-such-thing 1'");
    expect(server.log).toContain("Bad directive or wrong number of arguments");
    await server.stop();
  });

  test("a file that cannot be read is named", async () => {
    const child = Bun.spawn([...atollCommand(), "/no/such/redis.conf"], { stdout: "pipe" });
    const output = await new Response(child.stdout).text();
    expect(await child.exited).toBe(1);
    expect(output).toContain(
      "Fatal error, can't open config file '/no/such/redis.conf': No such file or directory",
    );
  });
});

describe("end", () => {
  test("SIGTERM: orderly, exit 0, and the pid file is gone", async () => {
    const directory = mkdtempSync(join(tmpdir(), "atoll-pid-"));
    const pidFile = join(directory, "atoll.pid");
    const server = await startServer({ args: ["--pidfile", pidFile] });
    expect(readFileSync(pidFile, "utf8")).toBe(`${server.pid}\n`);
    expect(await server.signal("SIGTERM")).toBe(0);
    await server.untilLogged("bye bye");
    expect(server.log).toContain("# Received SIGTERM scheduling shutdown...");
    expect(server.log).toContain("# User requested shutdown...");
    expect(server.log).toContain("* Removing the pid file.");
    expect(server.log).toContain("# Redis is now ready to exit, bye bye...");
    expect(existsSync(pidFile)).toBe(false);
    rmSync(directory, { recursive: true });
    await server.stop();
  });

  test("SIGINT ends it too", async () => {
    const server = await startServer();
    expect(await server.signal("SIGINT")).toBe(0);
    await server.untilLogged("Received SIGINT scheduling shutdown...");
    await server.stop();
  });

  test("SHUTDOWN closes the connection without a reply", async () => {
    const server = await startServer();
    const client = await server.connect();
    expect(await client.call("SHUTDOWN", "ABORT")).toMatchObject({
      message: "ERR No shutdown in progress.",
    });
    expect(await client.call("SHUTDOWN", "SAVE", "NOSAVE")).toMatchObject({
      message: "ERR syntax error",
    });
    client.send("SHUTDOWN NOSAVE\r\n");
    await client.untilClosed();
    expect(client.leftover).toBe("");
    await server.process.exited;
    expect(server.process.exitCode).toBe(0);
    await server.stop();
  });

  test("DEBUG SEGFAULT is a crash, and only allowed when enabled", async () => {
    const closed = await startServer();
    const client = await closed.connect();
    expect(String(await client.call("DEBUG", "SEGFAULT"))).toContain("DEBUG command not allowed");
    await closed.stop();
    const open = await startServer({ args: ["--enable-debug-command", "local"] });
    const other = await open.connect();
    other.send("DEBUG SEGFAULT\r\n");
    await open.process.exited;
    expect(open.process.exitCode).not.toBe(0);
    await open.stop();
  });
});

describe("the process", () => {
  test("ps shows address and port", async () => {
    await withServer({ args: ["--bind", "127.0.0.1"] }, async (server) => {
      const text = readFileSync(`/proc/${server.pid}/cmdline`, "latin1").replace(/\0+$/, "");
      expect(text).toMatch(new RegExp(`^\\S+ 127\\.0\\.0\\.1:${server.port}$`));
    });
  });

  test("daemonize leaves a server of its own, whose pid file names it", async () => {
    const directory = mkdtempSync(join(tmpdir(), "atoll-daemon-"));
    const port = freePort();
    const config = join(directory, "redis.conf");
    const pidFile = join(directory, "atoll.pid");
    const logFile = join(directory, "atoll.log");
    writeFileSync(
      config,
      `port ${port}\ndaemonize yes\npidfile ${pidFile}\nlogfile ${logFile}\ndir ${directory}\n`,
    );
    const child = Bun.spawn([...atollCommand(), config], { stdout: "ignore", stderr: "ignore" });
    expect(await child.exited).toBe(0);
    await until(() => existsSync(pidFile));
    const pid = Number(readFileSync(pidFile, "utf8"));
    expect(pid).not.toBe(child.pid);
    await until(() => readFileSync(logFile, "utf8").includes("Ready to accept connections"));
    const client = await RespClient.connect({ port });
    expect(await client.call("PING")).toBe("PONG");
    process.kill(pid, "SIGTERM");
    await client.untilClosed();
    await until(() => !existsSync(pidFile));
    expect(readFileSync(logFile, "utf8")).toContain(`${pid}:M`);
    rmSync(directory, { recursive: true });
  });

  test("--version and --help", async () => {
    const version = Bun.spawnSync([...atollCommand(), "server", "--version"]);
    expect(version.stdout.toString()).toMatch(/^Redis server v=7\.0\.15 .*bits=64 /);
    expect(version.exitCode).toBe(0);
    const help = Bun.spawnSync([...atollCommand(), "server", "--help"]);
    expect(help.stdout.toString()).toStartWith("Usage: ");
  });
});
