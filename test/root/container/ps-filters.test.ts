/** `mdk ps`: which containers its filters and -n choose, and how it shows their commands. Removals that the kernel refuses. */
import { afterAll, beforeAll, expect } from "bun:test";
import { join } from "node:path";
import { isRoot, testIf } from "../../helpers/requires.ts";
import { baseLayer, openStage, type Stage } from "../../helpers/stage.ts";

const rootTest = testIf(isRoot, "needs root");

let stage: Stage;
let image: string;
beforeAll(async () => {
  if (!isRoot) return;
  stage = openStage();
  image = await stage.image([baseLayer()], { Env: ["PATH=/bin", "GIVEN=by the image"] });
  await stage.mdk("create", "--name", "web", "--label", "query=a=b", image, "sh", "-c", "echo 'one two'", "plain");
  await stage.mdk("create", "--name", "web-db", "--label", "query=a", image);
  await stage.mdk("create", "--name", "other", image);
});
afterAll(() => stage?.end());

const names = async (...args: readonly string[]): Promise<string[]> => (await stage.mdk("ps", "--format", "{{.Names}}", ...args)).out.split("\n").filter((name) => name !== "").sort();

rootTest("names and ids are regular expressions, as Docker's are", async () => {
  expect(await names("-a", "--filter", "name=web")).toEqual(["web", "web-db"]);
  expect(await names("-a", "--filter", "name=^web$")).toEqual(["web"]);
  expect(await names("-a", "--filter", "name=^/web$")).toEqual(["web"]);
  expect(await names("-a", "--filter", "name=^/?(other|web)$")).toEqual(["other", "web"]);
  expect(await names("-a", "--filter", "name=(")).toEqual([]);
  const id = (await stage.mdk("inspect", "-f", "{{.Id}}", "other")).out.trim();
  expect(await names("-a", "--filter", `id=^${id.slice(0, 12)}`)).toEqual(["other"]);
});

rootTest("a label's value may hold an equals sign", async () => {
  expect(await names("-a", "--filter", "label=query=a=b")).toEqual(["web"]);
  expect(await names("-a", "--filter", "label=query=a")).toEqual(["web-db"]);
  expect(await names("-a", "--filter", "label=query")).toEqual(["web", "web-db"]);
});

rootTest("-n wins over -l, and 0 is no limit and no state", async () => {
  expect(await names("-l")).toEqual(["other"]);
  expect(await names("-l", "-n", "2")).toEqual(["other", "web-db"]);
  expect(await names("-n", "0")).toEqual([]);
  expect(await names("-a", "-n", "0")).toHaveLength(3);
});

rootTest("arguments with blanks are shown in quotes", async () => {
  expect((await stage.mdk("ps", "-a", "--no-trunc", "--format", "{{.Command}}", "--filter", "name=^web$")).out).toBe(`"sh -c 'echo 'one two'' plain"\n`);
});

rootTest("-e with a name that the caller lacks takes the image's variable away, for run and exec", async () => {
  expect((await stage.mdk("run", "--rm", image, "env")).out).toContain("GIVEN=by the image\n");
  expect((await stage.mdk("run", "--rm", "-e", "GIVEN", image, "env")).out).not.toContain("GIVEN");
  await stage.mdk("run", "-d", "--name", "runs", image, "sleep", "1000");
  expect((await stage.mdk("exec", "-e", "GIVEN", "runs", "env")).out).not.toContain("GIVEN");
  await stage.mdk("rm", "-f", "runs");
});

rootTest("a container whose files cannot be removed does not keep the next one from going", async () => {
  await stage.mdk("run", "--name", "stuck", image, "dd", "if=/dev/zero", "of=/file", "count=1");
  const id = (await stage.mdk("inspect", "-f", "{{.Id}}", "stuck")).out.trim();
  const file = join(stage.root, "containers", id, "upper/file");
  if (Bun.spawnSync(["chattr", "+i", file]).exitCode !== 0) return; // a file system without the flag
  try {
    expect(await stage.mdk("rm", "stuck", "other")).toEqual({ code: 1, out: "other\n", err: "mdk: unlinkat file: operation not permitted\n" });
  } finally {
    Bun.spawnSync(["chattr", "-i", file]);
  }
});
