/** `mdk cp` beside Debian's docker: one table of command lines through both, and what each leaves: status, sentence, and both trees. */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { startDockerd, type Dockerd } from "../../helpers/dockerd.ts";
import { imageLayout } from "../../helpers/fixtures.ts";
import { startWorld, type World } from "../../helpers/mdk.ts";
import { run } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && existsSync("dist/mdk") && hasTool("dockerd") && hasTool("skopeo") && hasTool("tar");
const rootTest = testIf(able, "needs root, a built dist/mdk, dockerd, skopeo and tar");

/** Made for each case on the host and in the container: "@" is the case's directory there. */
const TREE = `mkdir -p src/sub only/deep out full dir/sub; echo a >src/a; echo b >src/sub/b; ln -s a src/l; echo f >f; ln -s f flink; ln -s src dlink; ln -s nowhere dangling
echo old >full/f; echo old >full/src; mkdir full/a; echo in >dir/in; echo deep >dir/sub/deep; ln -s ../../f dir/sub/up; ln -s /etc/passwd dir/abs; ln -s in dir/l; ln -s dir ddir; ln -s dir/in lfile; ln -s dir/new lnew
mkfifo fifo; chmod 750 src; chmod 4755 src/a; chown 1234:2345 src/a src/l dir/in; chown -h 1234:2345 src/l; echo space >'a b'; printf x >"$(printf 'new\\nline')"; ln f hard; echo x >src/sub/x; ln src/a src/sub/hard`;

const ODD = "@/src/. dlink/";

/** Command lines after `cp`. The rest is the trailing slashes, dots and links of Docker's documentation, each in both directions, and what it refuses. */
const ALL: readonly (readonly string[])[] = [
  ...["@/new", "@/new/", "@/out", "@/out/", "@/out/.", "@/full", "@/full/f", "@/f", "@/f/", "@/flink", "@/dangling", "@/dlink", "@/dlink/", "@/nope/new", "@/nope/", "@/lnew", "@/fifo", "@"]
    .flatMap((to) => [["f", to], ["src", to], ["src/", to], ["src/.", to]]),
  ...["new", "new/", "new/.", "out", "out/", "out/.", "full", "full/f", "f", "f/", "flink", "dangling", "dlink", "dlink/", "nope/new", "nope/", "lnew", "fifo", "."]
    .flatMap((to) => [["@/f", to], ["@/src", to], ["@/src/", to], ["@/src/.", to]]),
  ["flink", "@/out"], ["-L", "flink", "@/out"], ["dlink", "@/out"], ["dlink/", "@/out"], ["dlink/.", "@/out"], ["-L", "dlink", "@/out"], ["-L", "dlink/.", "@/out"], ["dangling", "@/out"], ["-L", "dangling", "@/out"],
  ["@/flink", "out"], ["-L", "@/flink", "out"], ["@/dlink", "out"], ["@/dlink/", "out"], ["@/dlink/.", "out"], ["-L", "@/dlink", "out"], ["-L", "@/dlink/.", "out"], ["@/dangling", "out"], ["-L", "@/dangling", "out"],
  ["-L", "flink", "@/new"], ["-L", "dlink", "@/new"], ["-L", "@/flink", "new"], ["-L", "@/dlink", "new"], ["-L", "@/lfile", "out"], ["-L", "@/ddir", "out"],
  ["dir", "@/out"], ["@/dir", "out"], ["dir/abs", "@/out"], ["@/dir/abs", "out"], ["dir/sub/up", "@/out"], ["@/dir/sub/up", "out"],
  ["nope", "@/out"], ["@/nope", "out"], ["f/", "@/out"], ["@/f/", "out"], ["f/x", "@/out"], ["@/f/x", "out"], ["nope/x", "@/out"], ["@/nope/x", "out"], ["@/f", "/dev/null"],
  ["fifo", "@/out"], ["@/fifo", "out"], ["a b", "@/out"], ["@/a b", "out"], ["new\nline", "@/out"], ["@/new\nline", "out"], ["only", "@/out"], ["@/only", "out"], ["only/.", "@/full"], ["full/.", "@/src"], ["@/full/.", "src"],
  ["src", "@/full"], ["@/src", "full"], ["src/.", "@/full"], ["@/src/.", "full"], ["full/src", "@/"], ["@/full/src", "."], ["", "@/out"], ["f", ""], ["f", "out"], ["@/f", "@/out"], ["f", "nobody:/x"], ["nobody:/x", "."],
  ["./f", "@/out/../new"], ["@/out/../f", "new"], ["f", "@/./out/./"], ["../" + "CASE/f", "@/out"], ["-q", "f", "@/out"], ["--archive", "src", "@/out"], ["-aL", "flink", "@/out"], ["f"], ["f", "@/x", "y"], ["-x", "f", "@/x"],
];

/** `npm test` has every fifth, `npm run test:docker` all. */
const whole = process.env["MDK_TEST_COMPARE"] === "1";
const CASES = ALL.filter((words, index) => whole || index % 5 === 0 || words.join(" ") === ODD);

/** Docker's command line takes a link that ends in a slash for the link itself, and only here: mdk copies into the directory, as with "dlink". */
const DIFFERENT = CASES.findIndex((words) => words.join(" ") === ODD);

interface Engine {
  /** The command. */
  readonly words: readonly string[];
  /** Where it works on the host. */
  readonly folder: string;
}

let world: World & { readonly image: (name: string) => string };
let peer: Dockerd;

beforeAll(async () => {
  if (!able) return;
  world = await startWorld("busybox");
  peer = startDockerd();
  const archive = join(world.folder, "busybox.tar");
  run("skopeo", "copy", "--quiet", `oci:${imageLayout("busybox")}:latest`, `docker-archive:${archive}:busybox:latest`);
  if (peer.docker("load", "-q", "-i", archive).status !== 0) throw new Error("docker load");
});
afterAll(() => {
  peer?.stop();
  world?.close();
});

/** The first line that is the engine's own, without its name and without the paths of its store. */
function sentenceOf(stderr: string): string {
  const lines = stderr.split("\n").filter((line) => !/^time=".*level=|^$/.test(line));
  return (lines[0] ?? "").replace(/^(mdk|docker): /, "").replace(/^Error response from daemon: /, "").replace(/^Error processing tar file\(exit status 1\): /, "")
    .replace(/\/\S*?\/data\/overlay2\/[0-9a-f]+\/merged/g, "").replaceAll(/\/(mdk|docker)\/host\//g, "/ENGINE/host/").replace(/'(mdk|docker) cp'/, "'ENGINE cp'");
}

function call({ words }: Engine, cwd: string, args: readonly string[]): { readonly status: number; readonly stderr: string } {
  const { exitCode, stderr } = Bun.spawnSync([...words, ...args], { cwd, stdin: "ignore", timeout: 60_000 });
  return { status: exitCode ?? -1, stderr: stderr.toString() };
}

interface Left {
  readonly told: string[];
  readonly host: string[];
  readonly inside: string[];
}

function through(engine: Engine, image: string, running: boolean): Left {
  const { folder, words } = engine;
  mkdirSync(folder, { recursive: true });
  run("sh", "-ec", `umask 022; cd "$1"; mkdir case0; cd case0; ${TREE}; cd ..; find . -exec touch -h -d @1500000000 {} +; i=1; while [ $i -lt $2 ]; do cp -a case0 case$i; i=$((i+1)); done; tar -cf ../all.tar .`, "sh", folder, String(CASES.length));
  const made = call(engine, folder, running ? ["run", "-d", "--name", "copied", image, "sleep", "1000"] : ["create", "--name", "copied", image]);
  if (made.status !== 0) throw new Error(made.stderr);
  run("sh", "-ec", `cd "$1"; shift; "$@" cp - copied:/ <../all.tar`, "sh", folder, ...words);
  const told = CASES.map((given, index) => {
    const args = given.map((word) => word.replace(/^@/, `copied:/case${index}`).replace("CASE", `case${index}`));
    const { status, stderr } = call(engine, join(folder, `case${index}`), ["cp", ...args]);
    return `case${index} ${JSON.stringify(given)}: ${status} ${status === 0 ? "" : sentenceOf(stderr)}`;
  });
  const host = run("find", folder, "-mindepth", "1", "-printf", "%P|%y|%m|%U:%G|%l|%Ts|%s|%n\n").split("\n").map((line) => line.replace(/^([^|]*\|d\|[^|]*\|[^|]*\|)\|.*/, "$1")).sort();
  run("sh", "-ec", `cd "$1"; shift; "$@" cp copied:/ - >../inside.tar`, "sh", folder, ...words);
  const inside = run("sh", "-c", `TZ=UTC tar --numeric-owner --full-time --quoting-style=escape -tvf "$1" 2>/dev/null`, "sh", join(folder, "../inside.tar")).split("\n")
    .filter((line) => / \/?case\d+\//.test(line)).map((line) => line.replace(/ +/g, " ").replace(/^(d\S+ \S+) .* (\S*case)/, "$1 $2")).sort();
  return { told, host, inside };
}

for (const running of [false, true]) {
  rootTest(`a ${running ? "running" : "stopped"} container: ${CASES.length} command lines end as Docker's do, and leave the same trees`, () => {
    const at = (name: string): string => join(world.folder, running ? "running" : "stopped", name, "host");
    const mine = through({ words: world.words(), folder: at("mdk") }, world.image("busybox"), running);
    const theirs = through({ words: ["env", `DOCKER_HOST=${peer.host}`, "docker"], folder: at("docker") }, "busybox", running);
    world.mdk(["rm", "-f", "copied"]);
    peer.docker("rm", "-f", "copied");
    expect(mine.inside.length).toBeGreaterThan(20 * CASES.length);
    const comparable = (lines: readonly string[]): string[] => lines.filter((line) => !new RegExp(`\\bcase${DIFFERENT}\\b`).test(line));
    expect(comparable(mine.told)).toEqual(comparable(theirs.told));
    expect(comparable(mine.host)).toEqual(comparable(theirs.host));
    expect(comparable(mine.inside)).toEqual(comparable(theirs.inside));
    expect(theirs.told[DIFFERENT]).toContain("cannot overwrite non-directory");
    expect(mine.told[DIFFERENT]).toEndWith(": 0 ");
  }, 300_000);
}
