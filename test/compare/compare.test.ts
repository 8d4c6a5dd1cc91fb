/**
 * Debian's docker beside mdk: each line of lines.ts through both, exit status, standard output, sentence of the error. `npm test` runs a
 * group, `npm run test:docker` (MDK_TEST_COMPARE=1) all of them and tells how many lines there were.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { imageLayout } from "../helpers/fixtures.ts";
import { startDockerd, type Dockerd } from "../helpers/dockerd.ts";
import { startWorld, type World } from "../helpers/mdk.ts";
import { hasTool, isRoot, testIf } from "../helpers/requires.ts";
import { GROUPS } from "./lines.ts";

const whole = process.env["MDK_TEST_COMPARE"] === "1";
const QUICK: ReadonlySet<string> = new Set(["create, start, wait, rm", "inspect of what was asked", "lists"]);
const ready = isRoot && hasTool("dockerd") && hasTool("skopeo");

interface Answer {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

let world: World & { readonly image: (name: string) => string };
let peer: Dockerd;
beforeAll(async () => {
  if (!ready) return;
  world = await startWorld("busybox");
  peer = startDockerd();
  const archive = `${world.folder}/busybox.tar`;
  const copied = Bun.spawnSync(["skopeo", "copy", "--quiet", `oci:${imageLayout("busybox")}:latest`, `docker-archive:${archive}:${world.image("busybox")}:latest`]);
  if (copied.exitCode !== 0) throw new Error(copied.stderr.toString());
  const loaded = peer.call(["load", "-q", "-i", archive]);
  if (loaded.status !== 0) throw new Error(loaded.stderr);
});
afterAll(() => {
  peer?.stop();
  world?.close();
});

/** What belongs to a run and not to the engine. */
function plain(answer: Answer, image: string, here: string): Answer {
  const same = (text: string): string => text.replaceAll(image, "IMAGE").replaceAll(here, "HERE").replace(/\b[0-9a-f]{64}\b/g, "<ID>").replace(/\b[0-9a-f]{12}\b/g, "<id>").replace(/[ \t]+$/gm, "");
  const sentence = same(answer.stderr)
    .replace(/^(docker|mdk|Error response from daemon|Error|Error: Error response from daemon): (Error response from daemon: )?/gm, "").replace(/^Error: /gm, "")
    // How a mistake of the command line ends, and what only one of them adds.
    .replace(/^\s*See '(docker|mdk) .*--help'.*$/gm, "").replace(/^Usage:.*$/gm, "").replace(/^Run '(docker|mdk) .*$/gm, "").replace(/^time="[^"]*" level=\w+ msg="error waiting for container: .*$/gm, "")
    // Of Docker 28, whose words mdk has, where Debian's is 20.10.
    .replace(/["']?(docker|mdk)((?: [a-z]+)+)["']? requires (exactly |at least |at most )?(\d)( and at most \d)? arguments?.*/g, "$2 requires $4 arguments")
    .replace("failed to create shim task: OCI runtime create failed: runc create failed: ", "failed to create task for container: OCI runtime create failed: ")
    .replace(/invalid (CapAdd|CapDrop)/g, "invalid $1").trim();
  // The first line: behind it are hints and second thoughts.
  return { status: answer.status, stdout: same(answer.stdout), stderr: sentence.split("\n")[0]!.replace(/\.$/, "").toLowerCase() };
}

for (const [name, lines] of Object.entries(GROUPS)) {
  if (!whole && !QUICK.has(name)) continue;
  describe(name, () => {
    testIf(ready, "needs root, dockerd and skopeo")(`${lines.length} lines`, () => {
      const image = world.image("busybox");
      const different: unknown[] = [];
      const stale: unknown[] = [];
      for (const line of lines) {
        const words = (here: string): string[] => line.args.map((word) => word.replaceAll("IMAGE", image).replaceAll("HERE", here));
        const [docker, mdk] = [join(world.folder, "docker"), join(world.folder, "mdk")];
        const theirs = plain(peer.call(words(docker), line.stdin), image, docker);
        const ours = plain(world.mdk(words(mdk), line.stdin === undefined ? {} : { stdin: line.stdin }), image, mdk);
        const equal = line.only === "status" ? theirs.status === ours.status : Bun.deepEquals(theirs, ours);
        if (!equal && line.differs === undefined) different.push({ line: line.args.join(" "), theirs, ours });
        if (equal && line.differs !== undefined) stale.push(line.args.join(" "));
      }
      peer.call(["rm", "-f", ...peer.call(["ps", "-aq"]).stdout.split("\n").filter((id) => id !== "")]);
      world.removeAll();
      expect({ different, stale }).toEqual({ different: [], stale: [] });
    }, 300_000);
  });
}

test("the list is long enough to mean something", () => {
  expect(Object.values(GROUPS).flat().length).toBeGreaterThanOrEqual(150);
});
