/**
 * Command lines as older and smaller tools have them, beside mdk's of today: run for real, and shown in README's table. MDK_UPDATE_GOLDEN=1
 * rewrites the table.
 */
import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";

useBusyboxWorld();

/** Theirs, ours; IMAGE is busybox. */
const LINES: readonly (readonly [older: string, today: string])[] = [
  ["run --port 50001:5678 IMAGE true", "run --rm -p 50001:5678 IMAGE echo published"],
  ["run -ti -cpushare 256 -m 100m IMAGE true", "run --rm --cpu-shares 256 -m 100m IMAGE echo limited"],
  ["run --cpu 0.5 --mem 100m IMAGE true", "run --rm --cpus 0.5 -m 100m IMAGE echo limited"],
  ["run --net= null IMAGE true", "run --rm --net none IMAGE ls /sys/class/net"],
  ["run -d -name bird IMAGE top", "run --rm --name bird IMAGE echo bird"],
  ["run --daemon IMAGE true", "run --rm -d --name quiet IMAGE sleep 1"],
  ["run -volume /srv:/data IMAGE true", "run --rm -v /srv:/data IMAGE ls -d /data"],
  ["logs --lines 5 bird", "logs -n 5 nobody"],
  ["ps --running", "ps --format {{.Names}} -f status=paused"],
  ["rm --all", "container prune -f"],
  ["stop --all", "ps -q -f name=nobody"],
  ["commit bird --tag mine", "commit nobody mine"],
];

const [BEGIN, END] = ["<!-- older command lines: written by test/root/container/older-lines.test.ts -->\n", "<!-- end of the older command lines -->\n"];

/** The first line that says something, with the status where it is not 0. */
function answer(line: string): string {
  const { status, stdout, stderr } = world.mdk(line.split(" ").map((word) => (word === "IMAGE" ? busybox : word)));
  const lines = `${stdout}${stderr}`.split("\n").filter((text) => text.trim() !== "" && !text.startsWith("Usage:"));
  const hint = lines.find((text) => text.startsWith("Did you mean"));
  const told = [lines[0] ?? "", ...(hint === undefined || hint === lines[0] ? [] : [hint])].join(" ").replace(/^mdk: /, "").replaceAll(busybox, "IMAGE").replace(/\b[0-9a-f]{64}\b/g, "ID").replace(/\|/g, "\\|");
  return `${status === 0 ? "" : `${status}: `}${told}`;
}

test("README's table is what these lines say", () => {
  const rows = LINES.map(([older, today]) => `| \`${older}\` | ${answer(older)} | \`${today}\` | ${answer(today)} |`);
  const table = ["| as others have it | mdk says | of mdk, as of Docker | |", "|---|---|---|---|", ...rows, ""].join("\n");
  const text = readFileSync("README.md", "utf8");
  const [from, to] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  expect([text.includes(BEGIN), to >= from]).toEqual([true, true]);
  const made = `${text.slice(0, from)}${table}${text.slice(to)}`;
  if (process.env["MDK_UPDATE_GOLDEN"] === "1") writeFileSync("README.md", made);
  expect(readFileSync("README.md", "utf8")).toBe(made);
});
