/** `mdk completion`: what a real bash completes with the script, and that the others tell of every command and flag. */
import { expect, test } from "bun:test";
import { COMMANDS, GROUPS } from "../../../src/cli/commands.ts";
import { completionScript, SHELLS } from "../../../src/cli/grammar/completion.ts";

const TREE = { commands: COMMANDS, groups: GROUPS };

/** What bash would complete at the end of the line. `mdk` itself is a function that knows two containers, an image and a network. */
function bash(script: string, line: string): string[] {
  const driver = `${script}
mdk() { case "$1" in ps) echo web; echo web-db ;; images) echo busybox:latest; echo busybox:1 ;; network) echo back ;; esac; }
COMP_LINE=$1 COMP_POINT=\${#1}
read -ra COMP_WORDS <<<"$1"
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_mdk
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = Bun.spawnSync(["bash", "--norc", "-c", driver, "bash", line], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  expect(stderr.toString()).toBe("");
  return stdout.toString().split("\n").filter((word) => word !== "").sort();
}

test("bash completes commands, flags, containers, images and networks", async () => {
  const script = await completionScript("bash", TREE);
  const complete = (line: string): string[] => bash(script, line);
  expect(complete("mdk ru")).toEqual(["run"]);
  expect(complete("mdk ")).toEqual(expect.arrayContaining(["container", "exec", "images", "ps", "run"]));
  expect(complete("mdk --root /x container in")).toEqual(["inspect"]);
  expect(complete("mdk run --cpuset-")).toEqual(["--cpuset-cpus", "--cpuset-mems"]);
  expect(complete("mdk run --rm -p 80:80 bu")).toEqual(["busybox:1", "busybox:latest"]);
  // Bash replaces what is behind the colon only.
  expect(complete("mdk run --rm busybox:l")).toEqual(["latest"]);
  expect(complete("mdk rm web")).toEqual(["web", "web-db"]);
  expect(complete("mdk stop -t 3 web-")).toEqual(["web-db"]);
  expect(complete("mdk network connect ")).toEqual(["back", "web", "web-db"]);
  expect(complete("mdk network create ")).toEqual([]);
  expect(complete("mdk logs --f")).toEqual(["--follow"]);
  expect(complete("mdk completion ")).toEqual([]);
});

test("each script names every command that is there", async () => {
  for (const shell of SHELLS) {
    const script = await completionScript(shell, TREE);
    for (const name of [...Object.keys(COMMANDS), ...Object.keys(GROUPS)]) expect(script).toMatch(new RegExp(`[' ]${name}[' ]`));
    expect(script).not.toContain("cleanup");
  }
});
