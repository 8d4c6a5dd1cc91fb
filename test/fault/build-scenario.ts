/** A build of all kinds of steps: whatever struck it, the next one makes the image from what is kept, and nothing of the first is left. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustDo, problemsOf, settleEvents, type Scenario } from "./scenarios.ts";
import { leftovers, strayLayers, type World } from "./world.ts";

const contextOf = ({ folder }: World): string => join(folder, "context");

const dockerfile = ({ image }: World): string => `FROM ${image}
COPY --link file /linked
ADD tree.d /tree
WORKDIR /made
RUN --mount=type=cache,target=/cache echo hello | tee /cache/x > /made/by-run
CMD ["cat", "/linked", "/tree/a", "/made/by-run"]
`;

const CONTENT = "linked\ntree\nhello\n";

export const build: Scenario = {
  name: "build",
  prepare: (world) => {
    const context = contextOf(world);
    if (!existsSync(context)) {
      mkdirSync(join(context, "tree.d"), { recursive: true });
      for (const [name, text] of [["file", "linked\n"], ["tree.d/a", "tree\n"], ["Dockerfile", dockerfile(world)]] as const) writeFileSync(join(context, name), text);
    }
    if (world.mdk("images", "-q", world.image).out === "") mustDo(world.mdk("pull", "-q", world.image));
    mustDo(world.mdk("builder", "prune", "-af"));
    settleEvents(world);
  },
  argv: (world) => world.argv("build", "-q", "-t", "built:1", contextOf(world)),
  check: (world, done, strike) => {
    const problems = done.hung.map((who) => `did not end: ${who}`);
    if (strike === null && done.code !== 0) problems.push(`exit status ${done.code}: ${done.err}`);
    const listed = world.mdk("ps", "-aq");
    if (listed.out !== "" || listed.code !== 0) problems.push(`a step is listed: ${JSON.stringify(listed)}`);
    // What is named runs, by whomever it was named.
    if (world.mdk("images", "-q", "built:1").out !== "") problems.push(...checkImage(world, "the image of the struck build"));
    problems.push(...problemsOf("the next build", world.mdk("build", "-q", "-t", "built:1", contextOf(world))), ...checkImage(world, "the image of the next build"));
    problems.push(...problemsOf("rmi", world.mdk("rmi", "built:1")), ...problemsOf("image prune", world.mdk("image", "prune", "-f")), ...problemsOf("builder prune", world.mdk("builder", "prune", "-af")));
    problems.push(...leftovers(world, done.pids), ...strayLayers(world));
    if (problems.length > 0) world.mdk("clean", "-f");
    return problems;
  },
};

function checkImage(world: World, what: string): string[] {
  const ran = world.mdk("run", "--rm", "--network", "none", "built:1");
  return [...problemsOf(what, ran), ...(ran.out === CONTENT ? [] : [`${what} says ${JSON.stringify(ran.out)}`])];
}
