/** Docker's flag grammar. The refusals are the words of docker 28's own client. */
import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS, GROUPS } from "../../../src/cli/commands.ts";
import { RUN_FLAGS } from "../../../src/cli/container/flags.ts";
import { HelpRequest, nearest, parseFlags, UsageError } from "../../../src/cli/grammar/flags.ts";

const run = (...argv: string[]) => parseFlags(RUN_FLAGS, argv, false);
const refusal = (...argv: string[]): string => {
  try {
    run(...argv);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return "accepted";
};

describe("flags", () => {
  test("end at the first operand of run", () => {
    const { flags, operands } = run("--rm", "alpine", "ls", "-l", "--no-color", "--rm=false");
    expect(operands).toEqual(["alpine", "ls", "-l", "--no-color", "--rm=false"]);
    expect(flags.bool("rm")).toBe(true);
  });

  test("stand anywhere where a command is interspersed", () => {
    const { flags, operands } = parseFlags([{ name: "force", short: "f", type: "bool", help: "" }], ["a", "-f", "b"]);
    expect(flags.bool("force")).toBe(true);
    expect(operands).toEqual(["a", "b"]);
  });

  test("end at two dashes", () => {
    expect(run("-t", "--", "--rm", "x").operands).toEqual(["--rm", "x"]);
  });

  test("of one letter can be joined, with a value at the end in each of three ways", () => {
    for (const argv of [["-itp80:80", "x"], ["-itp=80:80", "x"], ["-itp", "80:80", "x"]]) {
      const { flags } = run(...argv);
      expect([flags.bool("interactive"), flags.bool("tty"), flags.list("publish")]).toEqual([true, true, ["80:80"]]);
    }
  });

  test("that are empty are none, where Docker takes them for none", () => {
    const { flags } = run("--name", "", "--cidfile=", "--platform", "", "--entrypoint", "", "x");
    expect(["name", "cidfile", "platform", "entrypoint", "user"].map((name) => flags.string(name))).toEqual([null, null, null, null, null]);
    expect([flags.given("entrypoint"), flags.given("user")]).toEqual([true, false]);
    expect(refusal("-m", "", "x")).toBe('invalid argument "" for "-m, --memory" flag: invalid size: \'\'');
    expect(refusal("--stop-timeout", "", "x")).toBe('invalid argument "" for "--stop-timeout" flag: strconv.ParseInt: parsing "": invalid syntax');
    expect(refusal("-d=", "x")).toBe("unknown shorthand flag: '=' in -d=");
  });

  test("that repeat add up in lists and override otherwise", () => {
    const { flags } = run("-e", "A=1", "--env=B=2", "--name", "a", "--name=b", "x");
    expect(flags.list("env")).toEqual(["A=1", "B=2"]);
    expect(flags.string("name")).toBe("b");
  });

  test("of kind bool take a value only after an equals sign", () => {
    const { flags, operands } = run("-t=false", "--init", "false");
    expect(flags.bool("tty", true)).toBe(false);
    expect(flags.bool("init")).toBe(true);
    expect(operands).toEqual(["false"]);
  });

  test("of sizes and CPUs are read as Docker reads them", () => {
    const { flags } = run("-m", "100M", "--memory-swap", "-1", "--shm-size=1.5g", "--cpus", ".25", "x");
    expect([flags.bytes("memory"), flags.bytes("memory-swap"), flags.bytes("shm-size"), flags.nano("cpus")]).toEqual([100 << 20, -1, 1.5 * 2 ** 30, 250_000_000]);
  });
});

describe("refusals", () => {
  test("are in Docker's words", () => {
    expect(refusal("--memory", "xx", "x")).toBe('invalid argument "xx" for "-m, --memory" flag: invalid size: \'xx\'');
    expect(refusal("--cpus", "abc", "x")).toBe('invalid argument "abc" for "--cpus" flag: failed to parse abc as a rational number');
    expect(refusal("-it=maybe", "x")).toBe('invalid argument "maybe" for "-t, --tty" flag: strconv.ParseBool: parsing "maybe": invalid syntax');
    expect(refusal("-e", "=x", "x")).toBe('invalid argument "=x" for "-e, --env" flag: invalid environment variable: =x');
    expect(refusal("-l", "", "x")).toBe('invalid argument "" for "-l, --label" flag: invalid label \'\': empty name');
    expect(refusal("--name")).toBe("flag needs an argument: --name");
    expect(refusal("-Z", "x")).toBe("unknown shorthand flag: 'Z' in -Z");
  });

  test("suggest the near flag, and the one that another tool calls so", () => {
    expect(refusal("--port", "80", "x")).toBe("unknown flag: --port\nDid you mean --publish?");
    expect(refusal("-cpushare", "256", "x")).toBe('invalid argument "pushare" for "-c, --cpu-shares" flag: strconv.ParseInt: parsing "pushare": invalid syntax\nDid you mean --cpu-shares?');
    expect(refusal("--memroy", "80", "x")).toBe("unknown flag: --memroy\nDid you mean --memory?");
    expect(refusal("--entirely-unknown", "x")).toBe("unknown flag: --entirely-unknown");
  });

  test("name what Docker has and mdk has not", () => {
    expect(refusal("--gpus", "all", "x")).toBe("--gpus is not supported by this version of mdk");
    expect(refusal("--no-healthcheck=false", "x")).toBe("accepted");
  });

  test("leave -h of run to the host name, and --help to the help", () => {
    expect(run("-h", "box", "x").flags.string("hostname")).toBe("box");
    expect(() => run("--help")).toThrow(HelpRequest);
  });
});

test("the nearest word counts swapped neighbours as one mistake and knows when nothing is near", () => {
  expect(nearest("exce", ["exec", "export"])).toBe("exec");
  expect(nearest("imagse", ["images", "image"])).toBe("images");
  expect(nearest("frobnicate", ["exec", "export"])).toBeNull();
});

test("every flag that a command asks for is in a table", async () => {
  const known = new Set(["root", "run-root", "config", "config-file", "debug", "storage-driver", "version"]);
  const tables = await Promise.all([...Object.values(COMMANDS), ...Object.values(GROUPS).flatMap((group) => Object.values(group.commands))].map(async (entry) => (await entry.load()).command.flags));
  for (const flag of tables.flat()) if (flag.missing !== true) known.add(flag.name);
  const asked = new Set<string>();
  const folder = join(import.meta.dir, "../../../src");
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => /^(cli\/.*|main)\.ts$/.test(name))) {
    const text = readFileSync(join(folder, file), "utf8");
    for (const [, name] of text.matchAll(/(?:(?:flags|globals)\.(?:given|bool|string|list|int|bytes|nano)\(|\w+\(flags, )"([^"]+)"/g)) asked.add(name!);
  }
  expect(asked.size).toBeGreaterThan(60);
  expect([...asked].filter((name) => !known.has(name))).toEqual([]);
});
