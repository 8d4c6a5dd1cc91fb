/** Help pages in the form that Docker's readers know. */
import { expect, test } from "bun:test";
import { COMMANDS, GROUPS } from "../../../src/cli/commands.ts";
import { commandHelp, groupHelp, programHelp } from "../../../src/cli/grammar/help.ts";

test("names stand at the left, with their types", async () => {
  const text = await commandHelp("run", (await COMMANDS.run!.load()).command);
  expect(text).toStartWith("Usage:  mdk run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\nCreate and run a new container from an image\n\nAliases:\n  mdk container run, mdk run\n\nOptions:\n");
  expect(text).toMatch(/^  -e, --env list +Set environment variables$/m);
  expect(text).toMatch(/^      --rm +Automatically remove the container when it exits$/m);
});

test("every flag and command that is there has its line, once and by its name, and nothing else has one", async () => {
  for (const [name, entry] of Object.entries(COMMANDS)) {
    const { command } = await entry.load();
    const text = await commandHelp(name, command);
    const told = [...text.matchAll(/^(?:  -\w, |      )--([\w-]+)/gm)].map((match) => match[1]!);
    expect(told).toEqual(command.flags.filter((flag) => flag.hidden !== true).map((flag) => flag.name).sort());
    expect(new Set(told).size).toBe(told.length);
  }
  const program = await programHelp([]);
  for (const name of Object.keys(COMMANDS)) expect(program).toMatch(new RegExp(`^  ${name} +\\S`, "m"));
  const group = await groupHelp("container", GROUPS.container!);
  expect(group).not.toContain("cleanup");
  expect(group).toEndWith("Run 'mdk container COMMAND --help' for more information on a command.");
});
