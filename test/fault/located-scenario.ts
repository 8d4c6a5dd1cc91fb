/** A run straight from a layout: afterwards there is neither the container nor anything of its image, at the latest after the next prune. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { archive, directory, file } from "../helpers/archive.ts";
import { makeImage } from "../helpers/registry.ts";
import { problemsOf, runScenario, type Scenario } from "./scenarios.ts";
import { strayLayers, type World } from "./world.ts";

const PROGRAM = ["sh", "-c", "echo hello; sleep 0.05; exit 7"];
const run = runScenario("run of a layout", ["--rm"]);
const layoutOf = ({ folder }: World): string => join(folder, "located");

export const locatedRun: Scenario = {
  ...run,
  prepare: (world) => {
    run.prepare(world);
    if (existsSync(layoutOf(world))) return;
    const base = [directory("./"), directory("bin/"), file("bin/sh", readFileSync("/bin/busybox"), { mode: 0o755 }), { name: "bin/sleep", type: "2", link: "sh" }, directory("d/"), file("d/gone", "x")];
    makeImage(layoutOf(world), [archive(base), archive([file("d/new", "n"), file("d/.wh.gone")])]);
  },
  argv: (world) => world.argv("run", "--rm", "--network", "none", `oci:${layoutOf(world)}/layout:t`, ...PROGRAM),
  check: (world, done, strike) => {
    // The next command ends the container, the next prune what a killed pull would have left, too.
    const problems = [...problemsOf("ps", world.mdk("ps", "-aq")), ...problemsOf("image prune", world.mdk("image", "prune", "-f"))];
    problems.push(...run.check(world, done, strike));
    const [usual, all] = [world.mdk("images", "-q"), world.mdk("images", "-aq")];
    if (usual.out !== all.out) problems.push(`an image is left: ${JSON.stringify([usual, all])}`);
    return [...problems, ...strayLayers(world)];
  },
};
