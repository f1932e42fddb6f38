import { globMatch } from "../../src/base/glob.ts";
import { Configuration } from "../../src/config/configuration.ts";
import { type ConfigEnvironment, failure, success } from "../../src/config/directive.ts";

/** A file system of a few texts under "/etc" and directories "/", "/data" and "/etc". */
export function fakeEnvironment(files: Readonly<Record<string, string>> = {}): ConfigEnvironment {
  const missing = "No such file or directory";
  let directory = "/data";
  const absolute = (path: string) => (path.startsWith("/") ? path : `${directory}/${path}`);
  return {
    readFile: (path) => {
      const text = files[absolute(path)];
      return text === undefined ? failure(missing) : success(text);
    },
    expandPattern: (pattern) =>
      Object.keys(files)
        .filter((path) => globMatch(absolute(pattern), path))
        .sort(),
    changeDirectory: (path) => {
      if (!["/", "/data", "/etc"].includes(absolute(path))) return failure(missing);
      directory = absolute(path);
      return success(directory);
    },
    logFileFault: (path) => (path.startsWith("/nonexistent/") ? missing : undefined),
    isCommand: (name) => ["get", "set", "flushall"].includes(name),
    userFault: (words) =>
      words.includes("bad") ? { argument: "user", reason: "Syntax error" } : undefined,
  };
}

export function newConfiguration(files: Readonly<Record<string, string>> = {}): Configuration {
  return new Configuration({ directory: "/data" }, { environment: fakeEnvironment(files) });
}
