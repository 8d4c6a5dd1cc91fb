/** What a start warns of is shown however it is joined; and what an inspected word is not. */
import { expect } from "bun:test";
import { image, stage, useBaseStage } from "../../helpers/base-stage.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && hasTool("nft"), "needs root and nft");

useBaseStage();

rootTest("a firewall that drops and cannot be changed is told of by run, run -d, start and start -a", async () => {
  // A table that belongs to a living process.
  const owner = Bun.spawn(["nsenter", `--net=/run/netns/${stage.host}`, "nft", "-i"], { stdin: "pipe", stdout: "ignore", stderr: "ignore" });
  try {
    owner.stdin.write("add table ip filter { flags owner; }\nadd chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }\n");
    await owner.stdin.flush();
    while (!(await stage.inside(["nft", "list", "ruleset"])).out.includes("policy drop")) await Bun.sleep(20);
    const warning = /^WARNING: the firewall chain "ip filter FORWARD" drops forwarded packets/m;
    const quiet = ["--dns", "192.0.2.1"];
    for (const args of [["run", "--rm", ...quiet, image, "true"], ["run", "-d", "--name", "again", ...quiet, image, "true"], ["start", "-a", "again"], ["start", "again"]]) {
      const { code, err } = await stage.mdk(...args);
      expect([args[0], code, err]).toEqual([args[0], 0, expect.stringMatching(warning)]);
      await stage.mdk("wait", "again");
    }
  } finally {
    owner.kill();
    await owner.exited;
  }
});

rootTest("inspect of a word that no image can be called says that there is no such object, and shows the others", async () => {
  const { code, out, err } = await stage.mdk("inspect", "-f", "{{.Os}}", "MyContainer", image);
  expect([code, out, err]).toEqual([1, "linux\n", "mdk: No such object: MyContainer\n"]);
  expect((await stage.mdk("image", "inspect", "MyImage")).err).toContain("must be lowercase");
});
