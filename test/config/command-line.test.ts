import { expect, test } from "bun:test";
import { parseCommandLine } from "../../src/config/command-line.ts";

const options = (...words: string[]) => parseCommandLine(words).options;

test("pairs become lines", () => {
  expect(options("--port", "7000", "--cluster-enabled", "yes")).toBe(
    'port "7000" \ncluster-enabled "yes" ',
  );
  expect(options("--save", "900", "1", "300", "10")).toBe('save "900" "1" "300" "10" ');
  expect(options("--replicaof", "127.0.0.1 6379")).toBe('replicaof "127.0.0.1 6379" ');
  expect(options("--masterauth", 'a"b\n')).toBe('masterauth "a\\"b\\n" ');
});

test("name and value in one word", () => {
  expect(options("--port 7000", "--save 900 1", "300", "10")).toBe(
    'port 7000 \nsave 900 1 "300" "10" ',
  );
});

test("two dashes are a value where a name waits for one", () => {
  expect(options("--requirepass", "--secret", "--port", "1")).toBe(
    'requirepass "--secret" \nport "1" ',
  );
});

test("--save and --sentinel may stand alone", () => {
  expect(options("--save", "--port", "1")).toBe('save ""\nport "1" ');
  expect(options("--port", "1", "--SAVE")).toBe('port "1" \nSAVE ""');
  expect(options("--sentinel", "--port", "1")).toBe('sentinel \nport "1" ');
});

test("a file comes first, a lone dash last", () => {
  expect(parseCommandLine([])).toEqual({ path: undefined, readsStandardInput: false, options: "" });
  expect(parseCommandLine(["r.conf", "--hz", "5", "-"])).toEqual({
    path: "r.conf",
    readsStandardInput: true,
    options: 'hz "5" ',
  });
  expect(parseCommandLine(["--hz", "5", "-", "6"])).toEqual({
    path: undefined,
    readsStandardInput: false,
    options: 'hz "5" "-" "6" ',
  });
});
