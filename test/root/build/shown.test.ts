/** What is seen of a build: in a pipe, on a terminal, when a step fails, and what it warns of; and the flags that allow steps more. */
import { afterAll, beforeAll, expect } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { World } from "../../helpers/mdk.ts";
import { Screen } from "../../helpers/terminal.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && existsSync("/bin/busybox");
const rootTest = testIf(able, "needs root and busybox");
let world: World;
let context = "";

beforeAll(() => {
  if (!able) return;
  world = new World();
  context = join(world.folder, "context");
  mkdirSync(context);
  copyFileSync("/bin/busybox", join(context, "busybox"));
  writeFileSync(join(context, "Dockerfile"), 'FROM scratch\nCOPY busybox /bin/busybox\nENTRYPOINT ["/bin/busybox"]\n');
  world.ok("build", "-q", "-t", "base", context);
});
afterAll(() => world?.close());

const HEAD = ["FROM base", 'SHELL ["/bin/busybox", "sh", "-c"]'];

function build(lines: readonly string[], ...flags: readonly string[]): ReturnType<World["mdk"]> {
  writeFileSync(join(context, "other"), [...HEAD, ...lines].join("\n"));
  return world.mdk(["build", "--network", "none", "-f", join(context, "other"), ...flags, context]);
}

/** Without times and digests. */
const plain = (text: string): string => text.replace(/\d+\.\d+s/g, "0.0s").replace(/ \d+\.\d{3} /g, " 0.000 ").replace(/sha256:[0-9a-f]{64}/g, "sha256:…").replace(/ \d+(\.\d+)?k?B /, " 1B ");

const INTERNAL = [
  "#1 [internal] load build definition from other", "#1 transferring dockerfile: 1B done", "#1 DONE 0.0s", "", "#2 [internal] load .dockerignore", "#2 DONE 0.0s", "",
  "#3 [internal] load build context", "#3 DONE 0.0s", "", "#4 [internal] load metadata for docker.io/library/base:latest", "#4 DONE 0.0s", "", "#5 [1/2] FROM docker.io/library/base:latest", "#5 CACHED", "",
];

rootTest("in a pipe: numbered lines, as BuildKit's", () => {
  const { status, stderr } = build(["RUN echo hello; echo world >&2"], "-t", "shown");
  expect([status, plain(stderr).split("\n").filter((line) => !/hello|world/.test(line))]).toEqual([0, [
    ...INTERNAL, '#6 [2/2] RUN echo hello; echo world >&2', "#6 DONE 0.0s", "", "#7 exporting to image", "#7 exporting layers done", "#7 writing image sha256:… done", "#7 naming to docker.io/library/shown:latest done", "#7 DONE 0.0s", "",
  ].filter((line) => !/hello|world/.test(line))]);
  expect(plain(stderr)).toContain("#6 0.000 hello\n");
  expect(plain(build(["RUN echo hello; echo world >&2"]).stderr)).toContain("#6 CACHED\n");
});

rootTest("a step that fails: its last lines once more, the place in the Dockerfile, and the one line", () => {
  const { status, stderr } = build(["RUN for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line $i; done; exit 3"]);
  const text = plain(stderr);
  expect(status).toBe(1);
  expect(text).toContain("------\n > [2/2] RUN for i in");
  const again = text.slice(text.indexOf("------\n >"));
  expect([...(again.match(/(?<=^\d+\.\d{3} )line \d+/gm) ?? [])]).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map((number) => `line ${number}`));
  expect(again).toContain("   3 | >>> RUN for i in");
  expect(again.trimEnd().split("\n").at(-1)).toContain("failed to solve: process \"/bin/busybox sh -c for i in");
  expect(again).toContain("did not complete successfully: exit code: 3");
});

rootTest("a step that is given up because another one failed is canceled, not failed", () => {
  const { status, stderr } = build(["RUN /bin/busybox sleep 20", "FROM base AS bad", HEAD[1]!, "RUN /bin/busybox sleep 0.3; exit 6", "FROM bad", "COPY --from=0 /bin /bin"]);
  expect([status, stderr.match(/#\d+ CANCELED/g)?.length, stderr.match(/#\d+ ERROR/g)?.length]).toEqual([1, 1, 1]);
  expect(stderr).toContain("------\n > [bad 2/2] RUN /bin/busybox sleep 0.3; exit 6:\n------\n");
});

rootTest("what a step says without end is cut at 2 MiB", () => {
  const { status, stderr } = build(["RUN /bin/busybox yes 0123456789 | /bin/busybox head -c 5000000; echo end"]);
  expect([status, stderr.includes("[output clipped, log limit 2MiB reached]"), stderr.includes("end\n#6 DONE"), stderr.length < 7_000_000]).toEqual([0, true, false, true]);
});

rootTest("warnings of the checks stand at the end; with --quiet nothing does", () => {
  const { stderr } = build(["MAINTAINER somebody", "WORKDIR tmp"]);
  expect(stderr).toEndWith("\n 2 warnings found (use build --check to expand):\n - MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label (line 3)\n - WorkdirRelativePath: Relative workdir \"tmp\" can have unexpected results if the base image changes (line 4)\n");
  expect(build(["MAINTAINER somebody"], "-q").stderr).toBe("");
});

rootTest("on a terminal: rewritten in place, the failed step's lines at the end", async () => {
  writeFileSync(join(context, "other"), [...HEAD, "RUN echo seen; /bin/busybox sleep 0.3; exit 4"].join("\n"));
  const screen = new Screen(world.words("build", "--network", "none", "-f", join(context, "other"), context));
  expect(await screen.ended()).toBe(1);
  expect(screen.text).toMatch(/\[\+\] Building \d+\.\ds \(\d\/6\)/);
  expect(screen.text).toContain(" => => # seen");
  expect(screen.text).toContain(" => ERROR [2/2] RUN echo seen");
  expect(screen.text.replace(/\r/g, "")).toContain("------\n > [2/2] RUN echo seen; /bin/busybox sleep 0.3; exit 4:\nseen\n------\n");
});

rootTest("--debug-shell is a shell on what the failed step left, and the build fails as ever when it ends", async () => {
  writeFileSync(join(context, "other"), [...HEAD, "ENV A=b", "RUN echo left >/left; exit 5"].join("\n"));
  const words = ["build", "--network", "none", "--debug-shell", "-f", join(context, "other"), context];
  expect(world.mdk(words).stderr).toContain("--debug-shell needs a terminal");
  const screen = new Screen(world.words(...words));
  await screen.expect("A shell in the file system of the failed step");
  await screen.expect("# ");
  screen.type("read x </left; echo $A-$x-$((6*7)); exit\r");
  await screen.expect("b-left-42");
  await screen.expect("exit code: 5");
  expect(await screen.ended()).toBe(1);
  expect(screen.text.match(/ERROR \[2\/2\]/g)?.length).toBeGreaterThan(0);
  expect(world.ok("ps", "-aq")).toBe("");
});

rootTest("RUN --security=insecure and --network=host are refused before anything runs, unless they are allowed", () => {
  const insecure = ["RUN echo ran >/ran", "RUN --security=insecure echo hi"];
  const refused = build(insecure);
  expect([refused.status, refused.stderr.includes("failed to solve: security.insecure is not allowed"), refused.stderr.includes("RUN echo ran >/ran\n#")]).toEqual([1, true, false]);
  expect(build(["RUN --network=host true"]).stderr).toContain("failed to solve: network.host is not allowed");
  expect(build(insecure, "--allow", "network.host").stderr).toContain("security.insecure is not allowed");
  expect(build(insecure, "--allow", "security.insecure").status).toBe(0);
  expect(build(insecure, "--allow", "everything").stderr).toContain("unknown entitlement everything");
});

rootTest("flags that mean little here are taken, what they ask for that there is not is refused by name", () => {
  expect(build([], "--builder", "default", "--provenance=false", "--sbom", "false", "--attest", "type=sbom,disabled=true").status).toBe(0);
  expect(build([], "--provenance=true").stderr).toContain("--provenance=true: attestations are not supported");
  expect(build([], "--attest", "type=sbom").stderr).toContain("--attest=type=sbom: attestations are not supported");
  expect(build([], "--builder", "other").stderr).toContain('no builder "other" found');
  expect(build([], "--annotation", "a=b").stderr).toContain("annotations are those of a manifest");
  expect(build([], "--annotation", "index:a=b", "-o", "type=oci").stderr).toContain("annotations of the kind index are not supported");
});
