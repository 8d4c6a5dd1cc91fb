/** --squash: one layer on those of the base, which shows what all of them showed; history as Docker's classic builder leaves it. */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { builds, useBuildStage } from "../../helpers/build-stage.ts";
import { treeLines, type SavedImage } from "../../helpers/image-archive.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && existsSync("dist/mdk"), "needs root and a built dist/mdk");

useBuildStage();

/** Directories that become files and others, names that go and come again, links, owners and modes. */
const CHANGES = `RUN mkdir -p /d/deep /gone /swap && echo 1 > /d/one && echo 2 > /d/deep/two && echo x > /gone/x && ln /d/one /d/hard && chown 7:8 /d/one && chmod 4755 /d/one
RUN rm /d/deep/two && rm -r /gone /swap && echo file > /swap && ln -s one /d/soft && rm /bin/yes && touch /transient
RUN rm -r /d/deep && mkdir /d/deep && echo 3 > /d/deep/three && rm /swap && mkdir /swap && rm /transient && mkfifo /pipe && chmod 700 /d && rm -r /lower && mkdir /lower && echo c > /lower/c
`;

const lines = ({ layers }: SavedImage): string[] => treeLines(layers);

rootTest("the tree is the same, the base's layers stay, and what came and went is in no layer", async () => {
  await builds.built("FROM base:1\nRUN mkdir /lower && touch /lower/a /lower/b\n", ["-t", "lower:1"]);
  const plain = await builds.image(`FROM lower:1\nENV A=b\n${CHANGES}CMD ["true"]\n`);
  const id = (await builds.ok("images", "-q", "--no-trunc", "made:1")).trim();
  const squashed = await builds.image(`FROM lower:1\nENV A=b\n${CHANGES}CMD ["true"]\n`, ["--squash"]);
  const base = await builds.saved("lower:1");
  expect(lines(squashed)).toEqual(lines(plain));
  expect([squashed.layers.length, squashed.config.rootfs.diff_ids.slice(0, -1)]).toEqual([base.layers.length + 1, [...base.config.rootfs.diff_ids]]);
  const names = squashed.layers.at(-1)!.map(({ name }) => name);
  expect(names.filter((name) => /transient|gone|two$/.test(name))).toEqual([]);
  expect(names).toContain("bin/.wh.yes");
  const own = squashed.config.history.slice(base.config.history?.length ?? 0);
  expect(own.map((entry) => entry.empty_layer === true)).toEqual([true, true, true, true, true, false]);
  expect([own.at(-1)!.comment, own.at(-1)!.created_by]).toEqual([`merge ${id} to ${(await builds.ok("images", "-q", "--no-trunc", "lower:1")).trim()}`, undefined]);
  expect([squashed.config.config["Env"], squashed.config.config["Cmd"]]).toEqual([plain.config.config["Env"], ["true"]]);
  expect(await builds.ok("run", "--rm", "made:1", "cat", "/d/one", "/d/deep/three")).toBe("1\n3\n");
});

rootTest("on nothing: one layer; once more it is found in the cache, and is the same image", async () => {
  const dockerfile = `FROM base:1 AS tools\nRUN mkdir /out && echo a > /out/a\nFROM scratch\nCOPY --from=tools /out/a /one\nCOPY --from=tools /out/a /two\n`;
  const first = await builds.image(dockerfile, ["--squash"]);
  const ids = [await builds.ok("images", "-q", "made:1")];
  expect(await builds.built(dockerfile, ["--squash", "-t", "made:1", "--progress", "plain"])).toMatch(/\[internal\] squash 2 layers\n#\d+ CACHED/);
  ids.push(await builds.ok("images", "-q", "made:1"));
  expect([first.layers.length, first.config.history.at(-1)!.comment?.slice(0, 23), new Set(ids).size]).toEqual([1, "create new from sha256:", 1]);
  const empty = await builds.image("FROM base:1\nLABEL a=b\n", ["--squash"]);
  expect(empty.layers.length).toBe((await builds.saved("base:1")).layers.length);
});

rootTest("layers that take back what they brought leave none", async () => {
  const { layers, config } = await builds.image("FROM base:1\nRUN touch -d @1000000000 /tmp && echo a > /a\nRUN rm /a && touch -d @1000000000 /\n", ["--squash"]);
  expect(layers.length).toBeLessThanOrEqual((await builds.saved("base:1")).layers.length + 1);
  expect(config.history.at(-1)!.comment).toStartWith("merge ");
});
