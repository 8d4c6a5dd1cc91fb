/** COPY beside BuildKit's own copy (tonistiigi/fsutil), whose answers are kept in copy.json: test/build/peer/run.sh writes them anew. */
import { expect, test } from "bun:test";
import { FilesStage } from "../../helpers/files-stage.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";
import { INSTRUCTIONS, listing, prepare, resetRoot, WORKING_DIRECTORY, type Answer } from "./copy-cases.ts";
import kept from "./copy.json";

const answers = kept as unknown as Readonly<Record<string, Answer>>;

const TIMES = "directories on the way to what is taken have the source's times, as all others, and not those of the build";
const REFERENCE = "Docker's reference excludes what a wildcard matches (moby/buildkit#5489)";
const CHECKSUM = "BuildKit refuses it before the copy, while it computes the checksum";
const EMPTY = "BuildKit takes the pattern of nothing for nothing";
/** Where ours is another answer, and why. */
const DIFFERENT: Readonly<Record<string, string>> = {
  "--exclude=sub --exclude=!sub/two dir /y": TIMES, "--parents dir/one /y/": TIMES, "--parents **/*.md /y/": TIMES, "--parents ./dir/*/two /y/": TIMES, "--parents dir/sub /y/": TIMES,
  "--parents dir/sub/two dir/one /d/": TIMES, "--parents --chmod=700 --chown=3:4 dir/sub/two /y/": TIMES, "--parents */sub/deep /y": TIMES, "--exclude=b* *.txt /y/": REFERENCE, "--parents none /y/": CHECKSUM,
  "--parents . /y/": EMPTY,
};

testIf(isRoot && hasTool("getfattr"), "needs root and getfattr")("instructions make what BuildKit's copy makes of them, or are refused as there", async () => {
  const stage = new FilesStage();
  const different = new Set<string>();
  try {
    prepare(stage);
    for (const instruction of INSTRUCTIONS) {
      resetRoot(stage);
      const error = await stage.copy(`COPY ${instruction}`, { workingDirectory: WORKING_DIRECTORY }).then(() => "", (thrown: Error) => thrown.message);
      const answer = { refused: error !== "", tree: error === "" ? listing(stage) : [] };
      const theirs = answers[instruction]!;
      const expected = { refused: theirs.error !== "", tree: theirs.tree };
      if (!Bun.deepEquals(answer, expected)) different.add(instruction);
      if (!Object.hasOwn(DIFFERENT, instruction)) expect({ instruction, ...answer }).toEqual({ instruction, ...expected });
    }
  } finally {
    stage.remove();
  }
  expect([...different].sort()).toEqual(Object.keys(DIFFERENT).sort());
});

test("the answers are of these instructions", () => {
  expect(Object.keys(answers).sort()).toEqual([...new Set(INSTRUCTIONS)].sort());
});
