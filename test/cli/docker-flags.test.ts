/**
 * The flags of Docker 28's `run`, kept in docker-run-flags.json, beside mdk's: all are there, with their letters and kinds; README's table tells
 * which are refused. MDK_UPDATE_GOLDEN=1 rewrites the table.
 */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { CONTAINER_FLAGS, RUN_FLAGS } from "../../src/cli/container/flags.ts";
import { parseFlags, UsageError, type Flag } from "../../src/cli/grammar/flags.ts";
import docker from "./docker-run-flags.json";

interface DockerFlag {
  readonly name: string;
  readonly short?: string;
  /** Docker's word for the value; "bool" where there is none. */
  readonly type: string;
}

/** mdk's own. */
const OWN = ["health-on-failure", "insecure-registry", "rootfs", "wait"];

const find = (name: string): Flag | undefined => RUN_FLAGS.find((flag) => flag.name === name);

/** What mdk lacks or has otherwise, by what a command line can tell. */
function differences(flags: readonly DockerFlag[]): string[] {
  return flags.filter(({ name }) => name !== "help").flatMap(({ name, short, type }) => {
    const flag = find(name);
    if (flag === undefined) return [`--${name} is missing`];
    if (flag.short !== short) return [`--${name}: -${flag.short} for -${short}`];
    return (flag.type === "bool") === (type === "bool") ? [] : [`--${name} takes ${flag.type} for ${type}`];
  });
}

/** `docker run --help`: two columns, the second one continued on lines of its own. */
function parseHelp(text: string): DockerFlag[] {
  return [...text.matchAll(/^ {2}(?:-(\w), | {4})--([\w-]+)(?: ([a-z][\w-]*))?(?: {2,}.*)?$/gm)].map(([, short, name = "", type = "bool"]) => ({ name, type, ...(short === undefined ? {} : { short }) }));
}

test("every flag of Docker 28 is there, or refused by its name; mdk has no others", () => {
  expect(docker.length).toBeGreaterThan(100);
  expect(differences(docker)).toEqual([]);
  const names = new Set(docker.map(({ name }) => name));
  expect(RUN_FLAGS.filter(({ name, hidden }) => hidden !== true && !names.has(name)).map(({ name }) => name).sort()).toEqual(OWN);
});

test("and every flag of whatever Docker's clients this machine has", () => {
  const clients = ["/usr/local/bin/docker", "/usr/bin/docker", Bun.which("docker") ?? ""].filter((path, index, all) => path !== "" && existsSync(path) && all.indexOf(path) === index);
  for (const client of clients) {
    const { stdout, exitCode } = Bun.spawnSync([client, "run", "--help"], { timeout: 20_000 });
    const flags = parseHelp(stdout.toString());
    expect([client, exitCode, flags.length > 90, differences(flags)]).toEqual([client, 0, true, []]);
  }
  // The file is what such a client says: its own columns are read back.
  const page = `Options:\n${docker.map(({ name, type, help, ...flag }) => `  ${"short" in flag ? `-${String(flag.short)}, ` : "    "}--${name}${type === "bool" ? "" : ` ${type}`}   ${help}`).join("\n")}\n`;
  expect(parseHelp(page)).toEqual(docker.map(({ help: _, ...flag }) => flag));
});

describe("a refused flag", () => {
  const value = ({ type }: Flag): string => (["int", "uint16", "bytes", "decimal"].includes(type) ? "10000000" : "x");
  for (const flag of CONTAINER_FLAGS.filter(({ missing }) => missing === true)) {
    test(`--${flag.name}`, () => {
      const words = flag.type === "bool" ? [`--${flag.name}`] : [`--${flag.name}`, value(flag)];
      expect(() => parseFlags(RUN_FLAGS, [...words, "image"], false)).toThrow(new UsageError(`--${flag.name} is not supported by this version of mdk`));
    });
  }
});

const [BEGIN, END] = ["<!-- the flags of run: written by test/cli/docker-flags.test.ts -->\n", "<!-- end of the flags -->\n"];

function table(): string {
  const row = ({ name, short, type }: DockerFlag): string => {
    const told = find(name)?.missing === true ? "refused" : "yes";
    return `| \`${short === undefined ? "" : `-${short} `}--${name}\` | ${type} | ${told} |`;
  };
  const rows = docker.filter(({ name }) => name !== "help");
  const refused = rows.filter(({ name }) => find(name)?.missing === true).length;
  return [
    `<details><summary>The ${rows.length} flags of Docker 28's <code>run</code>: ${rows.length - refused} are there, ${refused} are refused by name</summary>`, "",
    "| flag | value | mdk |", "|---|---|---|", ...rows.map(row), "", "</details>", "",
  ].join("\n");
}

test("README's table is the one that these flags make", () => {
  const text = readFileSync("README.md", "utf8");
  const [from, to] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  expect([text.includes(BEGIN), to >= from]).toEqual([true, true]);
  const made = `${text.slice(0, from)}${table()}${text.slice(to)}`;
  if (process.env["MDK_UPDATE_GOLDEN"] === "1") writeFileSync("README.md", made);
  expect(readFileSync("README.md", "utf8")).toBe(made);
});
