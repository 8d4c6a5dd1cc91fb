/** Help pages in Docker's form: its first lines, then citty's tables of options and commands, made from the tables of flags. */
import { defineCommand, renderUsage, type ArgsDef, type CommandDef } from "citty";
import { COMMANDS, GROUPS } from "../commands.ts";
import { shownFlags, type Command, type Flag } from "./flags.ts";
import { usageAs, type CommandGroup, type Entry } from "./tree.ts";

/** `mdk --help`. */
export async function programHelp(globals: readonly Flag[]): Promise<string> {
  const groups = Object.fromEntries(Object.entries(GROUPS).map(([name, group]) => [name, { summary: group.summary }]));
  return await page("Usage:  mdk [OPTIONS] COMMAND", "Pulls and runs containers with Docker's commands: one file, no daemon", {
    args: argsOf(globals),
    subCommands: subCommandsOf({ ...COMMANDS, ...groups }),
  }) + more("mdk");
}

/** `mdk container --help`. */
export async function groupHelp(name: string, group: CommandGroup): Promise<string> {
  return await page(`Usage:  mdk ${name} COMMAND`, group.summary, { subCommands: subCommandsOf(group.commands) }) + more(`mdk ${name}`);
}

const more = (prefix: string): string => `\n\nRun '${prefix} COMMAND --help' for more information on a command.`;

/** `mdk run --help`; `name`: as it was called. */
export async function commandHelp(name: string, command: Command): Promise<string> {
  const names = namesOf(name);
  const aliases = names.length < 2 ? "" : `\n\nAliases:\n  ${names.map((one) => `mdk ${one}`).join(", ")}`;
  return await page(`Usage:  mdk ${usageAs(name, command.usage)}`, `${command.summary}${aliases}`, { args: argsOf(command.flags) });
}

/** All names of one command, those in groups first. */
function namesOf(name: string): string[] {
  const all = [
    ...Object.entries(GROUPS).flatMap(([group, { commands }]) => Object.entries(commands).map(([word, entry]) => [`${group} ${word}`, entry] as const)),
    ...Object.entries(COMMANDS),
  ];
  const called = all.find(([one]) => one === name)?.[1];
  return all.filter(([, entry]) => entry === called).map(([one]) => one);
}

async function page(usage: string, summary: string, definition: CommandDef): Promise<string> {
  const rendered = Bun.stripANSI(await renderUsage(defineCommand({ ...definition, meta: { name: "mdk" } })));
  const tables = rendered.slice(Math.max(0, rendered.search(/^(OPTIONS|COMMANDS)$/m)));
  return /^(OPTIONS|COMMANDS)/.test(tables) ? `${usage}\n\n${summary}\n\n${asDocker(tables)}` : `${usage}\n\n${summary}`;
}

const HEADS: Readonly<Record<string, string>> = { OPTIONS: "Options:", COMMANDS: "Commands:" };

/** citty aligns names to the right and writes `--name=<type>`; Docker's readers look for them at the left, as `--name type`. */
function asDocker(tables: string): string {
  const parts = tables.trim().split(/^(OPTIONS|COMMANDS)$/m).slice(1);
  const sections: string[] = [];
  for (let index = 0; index < parts.length; index += 2) sections.push(`${HEADS[parts[index]!]}\n${section(parts[index + 1]!)}`);
  return sections.join("\n\n");
}

function section(text: string): string {
  const rows = [...text.matchAll(/^ +(\S+(?:, \S+)?)(?: {2,}(.*))?$/gm)].map(([, name = "", help = ""]) =>
    [`${name.startsWith("--") ? "    " : ""}${name.replace(/=<(\w+)>$/, " $1")}`, help] as const);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, help]) => `  ${name.padEnd(width)}   ${help}`.trimEnd()).join("\n");
}

function argsOf(flags: readonly Flag[]): ArgsDef {
  const args: ArgsDef = {};
  for (const flag of shownFlags(flags)) {
    const alias = flag.short === undefined ? {} : { alias: flag.short };
    args[flag.name] = flag.type === "bool"
      ? { type: "boolean", description: flag.help, ...alias }
      : { type: "string", valueHint: flag.type, description: flag.help, ...alias };
  }
  return args;
}

function subCommandsOf(entries: Readonly<Record<string, Pick<Entry, "summary" | "hidden">>>): Record<string, CommandDef> {
  const shown = Object.entries(entries).filter(([, entry]) => entry.hidden !== true);
  return Object.fromEntries(shown.map(([name, entry]) => [name, defineCommand({ meta: { name, description: entry.summary } })]));
}
