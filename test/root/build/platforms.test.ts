/** --platform with several: an index of images, in the store, in a registry, in an archive. Skopeo is the witness. */
import { afterAll, beforeAll, expect } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { foreignEmulator } from "../../helpers/foreign.ts";
import { World } from "../../helpers/mdk.ts";
import { openOutputs } from "../../helpers/outputs.ts";
import { run, type Registry } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && process.arch === "x64" && hasTool("skopeo") && hasTool("docker-registry") && existsSync("/bin/busybox");
const rootTest = testIf(able, "needs root, amd64, skopeo, docker-registry and busybox");
const BOTH = ["--platform", "linux/amd64,linux/arm64"];
/** The builder's own stage is of this host, whatever is built for. */
const CROSS = `FROM --platform=$BUILDPLATFORM scratch AS tools
COPY busybox /bin/busybox
SHELL ["/bin/busybox", "sh", "-c"]
RUN echo tools >> /tools
FROM tools AS build
ARG TARGETARCH TARGETPLATFORM BUILDPLATFORM
RUN echo "$TARGETARCH $TARGETPLATFORM on $BUILDPLATFORM $(/bin/busybox cat /tools)" > /out
FROM scratch
COPY --from=build /out /out
ARG TARGETARCH
LABEL arch=$TARGETARCH
`;
let world: World;
let registry: Registry;
let context = "";

beforeAll(async () => {
  if (!able) return;
  ({ world, registry, context } = await openOutputs());
});
afterAll(async () => {
  world?.close();
  await registry?.stop();
});

function build(dockerfile: string, ...flags: readonly string[]): ReturnType<World["mdk"]> {
  writeFileSync(join(context, "Dockerfile"), dockerfile);
  return world.mdk(["build", "--network", "none", "--progress", "plain", ...flags, context]);
}

/** What a build said that must succeed. */
function built(dockerfile: string, ...flags: readonly string[]): string {
  const { status, stderr } = build(dockerfile, ...flags);
  if (status !== 0) throw new Error(stderr);
  return stderr;
}

interface Index {
  readonly mediaType: string;
  readonly manifests: readonly { readonly mediaType: string; readonly digest: string; readonly platform: object }[];
}

const remote = (...words: readonly string[]): string => run("skopeo", "inspect", "--tls-verify=false", ...words);
const digestOf = (text: string): string => `sha256:${new Bun.CryptoHasher("sha256").update(text).digest("hex")}`;

rootTest("COPY only: nothing of the other platform is executed; the index is pushed with all that it names, and pulled a platform at a time", () => {
  const name = `${registry.host}/copied:1`;
  const [metadata, iid] = [join(world.folder, "metadata"), join(world.folder, "iid")];
  const said = built("FROM scratch\nCOPY f /f\nARG TARGETPLATFORM\nENV P=$TARGETPLATFORM\nCMD [\"/f\"]\n", ...BOTH, "-t", name, "--push", "--metadata-file", metadata, "--iidfile", iid);
  const raw = remote("--raw", `docker://${name}`);
  const index = JSON.parse(raw) as Index;
  expect([index.mediaType, index.manifests.map(({ platform }) => platform)]).toEqual(["application/vnd.oci.image.index.v1+json", [{ architecture: "amd64", os: "linux" }, { architecture: "arm64", os: "linux" }]]);
  expect(said).toContain(`exporting manifest list ${digestOf(raw)} done`);
  expect(said).toContain(`pushing manifest for ${name}@${digestOf(raw)} done`);
  expect(said).toContain("[linux/arm64 2/2] COPY f /f");
  expect([readFileSync(iid, "utf8"), JSON.parse(readFileSync(metadata, "utf8"))]).toEqual([digestOf(raw), {
    "containerimage.descriptor": { mediaType: index.mediaType, digest: digestOf(raw), size: raw.length }, "containerimage.digest": digestOf(raw), "image.name": name,
  }]);
  const layout = join(world.folder, "copied");
  run("skopeo", "copy", "--quiet", "--all", "--src-tls-verify=false", `docker://${name}`, `oci:${layout}:1`);
  for (const architecture of ["amd64", "arm64"]) {
    const config = JSON.parse(remote("--config", `--override-arch=${architecture}`, `docker://${name}`));
    expect([config.architecture, config.config.Env.at(-1)]).toEqual([architecture, `P=linux/${architecture}`]);
    const other = new World();
    try {
      other.ok("pull", "-q", "--platform", `linux/${architecture}`, name);
      expect(other.ok("inspect", "-f", "{{.Architecture}} {{index .RepoDigests 0}}", name)).toBe(`${architecture} ${registry.host}/copied@${digestOf(raw)}`);
    } finally {
      other.close();
    }
  }
});

rootTest("in the store the tag is the image of this host, and each is found by its platform", () => {
  built("FROM scratch\nCOPY busybox /bin/busybox\nARG TARGETARCH\nENV A=$TARGETARCH\n", "--platform", "linux/arm64", "--platform", "linux/amd64", "-t", "two:1", "-t", "two:2", "-t", "other:1");
  expect(world.ok("inspect", "-f", "{{.Architecture}} {{len .RepoTags}} {{len .RepoDigests}}", "two:1")).toBe("amd64 3 0");
  const { status, stderr } = world.mdk(["create", "--platform", "linux/arm64", "--name", "foreign", "two:2", "/bin/busybox"]);
  expect([status, stderr]).toEqual([0, ""]);
  expect(world.inspect("foreign", "(index .Config.Env 1)")).toBe("A=arm64");
  world.ok("rm", "foreign");
  expect(world.ok("run", "--rm", "--network", "none", "--platform", "linux/amd64", "two:1", "/bin/busybox", "sh", "-c", "echo $A")).toBe("amd64");
  built("FROM two:1\nENV B=b\n", ...BOTH, "-t", "on:1");
  expect(world.ok("inspect", "-f", "{{index .Config.Env 1}} {{index .Config.Env 2}}", "on:1")).toBe("A=amd64 B=b");
});

rootTest("what the tag stands for is pushed, saved, pruned and removed as one, whatever it is called", () => {
  const dockerfile = (text: string): string => `FROM scratch\nCOPY f /f\nARG TARGETARCH\nLABEL arch=$TARGETARCH text=${text}\n`;
  const all = (): string[] => world.ok("images", "-aq", "--no-trunc").split("\n");
  const kept = all();
  built(dockerfile("a"), ...BOTH, "-t", "both:1");
  const remoteName = `${registry.host}/both`;
  world.ok("tag", "both:1", `${remoteName}:1`);
  expect([world.ok("images", "-q", "both").split("\n").length, all().length - kept.length]).toEqual([1, 2]);
  expect(world.ok("inspect", "-f", "{{len .RepoDigests}}", "both:1")).toBe("0");
  expect(world.ok("image", "prune", "-f")).toContain("Total reclaimed space: 0B");

  expect(world.ok("push", "--insecure-registry", registry.host, `${remoteName}:1`).split("\n").at(-1)).toMatch(/^1: digest: sha256:[0-9a-f]{64} size: \d+$/);
  const raw = remote("--raw", `docker://${remoteName}:1`);
  const index = JSON.parse(raw) as Index;
  expect(index.manifests.map(({ platform }) => platform)).toEqual([{ architecture: "amd64", os: "linux" }, { architecture: "arm64", os: "linux" }]);
  expect(world.ok("inspect", "-f", "{{index .RepoDigests 0}}", "both:1")).toBe(`${remoteName}@${digestOf(raw)}`);
  world.ok("push", "--insecure-registry", registry.host, "--platform", "linux/arm64", `${remoteName}:1`);
  expect(JSON.parse(remote("--config", "--override-arch=arm64", `docker://${remoteName}:1`)).config.Labels).toEqual({ arch: "arm64", text: "a" });

  const archive = join(world.folder, "both.tar");
  world.ok("save", "-o", archive, "both:1");
  expect(run("skopeo", "inspect", "--raw", `oci-archive:${archive}:1`)).toBe(raw);
  world.ok("save", "--platform", "linux/arm64", "-o", archive, "both:1");
  expect(JSON.parse(run("skopeo", "inspect", "--override-arch=arm64", "--config", `docker-archive:${archive}`)).architecture).toBe("arm64");
  for (const [verb, ...words] of [["push", "--insecure-registry", registry.host, "--platform", "linux/s390x", `${remoteName}:1`], ["save", "--platform", "linux/s390x", "-o", archive, `${remoteName}:1`], ["image", "inspect", "--platform", "linux/s390x", `${remoteName}:1`], ["history", "--platform", "linux/s390x", `${remoteName}:1`]]) {
    expect(world.mdk([verb!, ...words])).toMatchObject({ status: 1, stderr: expect.stringContaining(`image with reference ${remoteName}:1 was found but does not provide the specified platform (linux/s390x)`) });
  }

  expect(world.ok("image", "inspect", "--platform", "linux/arm64", "-f", "{{.Architecture}} {{.Config.Labels.arch}}", "both:1")).toBe("arm64 arm64");
  expect(world.ok("history", "--platform", "arm64", "--format", "{{.ID}}", "both:1").split("\n")[0]).not.toBe(world.ok("images", "-q", "both:1"));
  // Another build takes the tag; what it stood for has a second one still.
  built(dockerfile("b"), ...BOTH, "-t", "both:1");
  world.ok("image", "prune", "-f");
  expect(all().length - kept.length).toBe(4);
  world.ok("create", "--name", "holder", "--platform", "linux/arm64", "both:1", "/f");
  expect(world.ok("image", "prune", "-af", "--filter", "label=text=b")).not.toContain("deleted");
  expect(world.ok("rmi", `${remoteName}:1`).match(/^Deleted: sha256/gm)?.length).toBeGreaterThanOrEqual(2);
  expect(all().length - kept.length).toBe(2);
  world.ok("rmi", "both:1");
  expect(world.ok("images", "-a", "--no-trunc", "--format", "{{.Repository}} {{.ID}}").split("\n").filter((line) => !kept.includes(line.split(" ")[1]!))).toEqual([expect.stringMatching(/^<none> /)]);
  world.ok("rm", "holder");
  world.ok("image", "prune", "-f");
  expect(all()).toEqual(kept);
});

rootTest("cross-building: what is of the builder's platform runs once for both, each result is of its own", () => {
  for (const flags of [[], ["--no-cache"]]) {
    const said = built(CROSS, ...BOTH, "-o", join(world.folder, "crossed"), ...flags);
    expect([...said.matchAll(/^#\d+ DONE/gm)].length).toBeGreaterThan(4);
    const tools = [...said.matchAll(/^#(\d+) \[.*RUN echo tools/gm)].map(([, number]) => new RegExp(`^#${number} (CACHED|DONE)`, "m").exec(said)?.[1]);
    expect(tools.sort()).toEqual(["CACHED", "DONE"]);
    for (const architecture of ["amd64", "arm64"]) {
      expect(readFileSync(join(world.folder, `crossed/linux_${architecture}/out`), "utf8")).toBe(`${architecture} linux/${architecture} on linux/amd64 tools\n`);
    }
  }
});

rootTest("outputs: an archive and a layout with the index, a directory a platform in files; docker's archive has no place for it", () => {
  const [archive, layout, files] = ["index.tar", "layout", "files.tar"].map((name) => join(world.folder, name)) as [string, string, string];
  built(CROSS, ...BOTH, "-t", "example.org/cross:1", "-o", `type=oci,dest=${archive}`, "-o", `type=oci,tar=false,dest=${layout}`, "-o", `type=tar,dest=${files}`, "--annotation", "a=b");
  expect(world.ok("images", "-q", "example.org/cross")).toBe("");
  const index = JSON.parse(run("skopeo", "inspect", "--raw", `oci-archive:${archive}:1`)) as Index;
  expect(index.manifests.length).toBe(2);
  run("skopeo", "copy", "--quiet", "--all", `oci:${layout}:1`, `oci:${join(world.folder, "copy")}:1`);
  expect(JSON.parse(readFileSync(join(layout, "blobs/sha256", index.manifests[1]!.digest.slice(7)), "utf8")).annotations).toEqual({ a: "b" });
  expect(run("tar", "tf", files).split("\n").filter((name) => name.endsWith("out"))).toEqual(["linux_amd64/out", "linux_arm64/out"]);
  for (const architecture of ["arm64", "amd64"]) {
    world.ok("load", "-q", "--platform", `linux/${architecture}`, "-i", archive);
    expect(world.ok("inspect", "-f", "{{.Architecture}} {{.Config.Labels.arch}}", "example.org/cross:1")).toBe(`${architecture} ${architecture}`);
  }
  const refused = build(CROSS, ...BOTH, "-o", `type=docker,dest=${join(world.folder, "none.tar")}`);
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining("docker exporter does not currently support exporting manifest lists")]);
  expect(build(CROSS, ...BOTH, "-o", `type=local,platform-split=false,dest=${world.folder}/l`).stderr).toContain("platform-split=false of several platforms is not supported");
  expect(readdirSync(world.folder)).not.toContain("none.tar");
});

/** Mounts a binfmt_misc of its own, where mdk looks for one, with a handler for arm64 ($1) that nobody else knows by this name ($2); it goes at the end. */
const WITH_HANDLER = `handlers=/proc/sys/fs/binfmt_misc
mount -t binfmt_misc binfmt_misc "$handlers"
printf '%s' ":$2:M::\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:$1:F" >"$handlers/register"
trap 'echo -1 >"$handlers/$2"' EXIT
"$3" build --network none --progress plain --platform linux/amd64,linux/arm64 -t foreign:1 "$4"
"$3" run --rm --network none --platform linux/arm64 foreign:1`;

// The kernel has one table of handlers: while this runs, everybody here can execute programs of arm64.
if (process.env["MDK_TEST_WALKTHROUGHS"] === "1") rootTest("a RUN of a foreign platform runs by the host's handler, and so does a container", () => {
  const folder = join(world.folder, "foreign");
  for (const [architecture, file] of [["amd64", "mdk"], ["arm64", "mdk-arm64"]] as const) {
    mkdirSync(join(folder, architecture), { recursive: true });
    copyFileSync(join("dist", file), join(folder, architecture, "mdk"));
  }
  writeFileSync(join(folder, "Dockerfile"), 'FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH/mdk /mdk\nRUN ["/mdk", "version", "--format", "this is {{.Client.Arch}}"]\nCMD ["/mdk", "version", "--format", "{{.Client.Os}}/{{.Client.Arch}}"]\n');
  const [program = "", ...words] = world.words();
  const wrapper = join(world.folder, "mdk");
  writeFileSync(wrapper, `#!/bin/sh\nexec ${[program, ...words].join(" ")} "$@"\n`, { mode: 0o755 });
  const { exitCode, stdout, stderr } = Bun.spawnSync(["unshare", "--mount", "--propagation", "private", "sh", "-euc", WITH_HANDLER, "sh", foreignEmulator()!, `mdk-test-${process.pid}`, wrapper, folder], { env: process.env });
  if (exitCode !== 0) throw new Error(stderr.toString());
  expect(stdout.toString()).toBe("linux/arm64\n");
  for (const architecture of ["amd64", "arm64"]) {
    const number = new RegExp(`^#(\\d+) \\[linux/${architecture} \\d/\\d\\] RUN`, "m").exec(stderr.toString())?.[1];
    expect(stderr.toString()).toMatch(new RegExp(`^#${number} [0-9.]+ this is ${architecture}$`, "m"));
  }
});

rootTest("DOCKER_DEFAULT_PLATFORM stands for a flag that is not said", () => {
  const environment = { ...process.env, DOCKER_DEFAULT_PLATFORM: "linux/arm64" };
  const mdk = (...words: readonly string[]): string => Bun.spawnSync(world.words(...words), { env: environment }).stdout.toString().trim();
  writeFileSync(join(context, "Dockerfile"), "FROM scratch\nCOPY f /f\nARG TARGETARCH\nLABEL arch=$TARGETARCH\n");
  const id = mdk("build", "-q", context);
  expect(world.ok("inspect", "-f", "{{.Architecture}} {{.Config.Labels.arch}}", id)).toBe("arm64 arm64");
  expect(world.ok("inspect", "-f", "{{.Architecture}}", mdk("build", "-q", "--platform", "linux/amd64", context))).toBe("amd64");
  world.ok("tag", mdk("build", "-q", "--platform", "linux/amd64", context), "native:1");
  const refused = Bun.spawnSync(world.words("create", "--pull", "never", "native:1", "/f"), { env: environment });
  expect([refused.exitCode, refused.stderr.toString()]).toEqual([125, expect.stringContaining("No such image: native:1")]);
});

rootTest("files go into no place that a link in the directory names", () => {
  const [out, victim] = [join(world.folder, "linked"), join(world.folder, "linked-victim")];
  for (const path of [out, victim]) mkdirSync(path);
  symlinkSync(victim, join(out, "linux_amd64"));
  expect(build("FROM scratch\nCOPY f /f\n", ...BOTH, "-o", out).stderr).toMatch(/linux_amd64: .*(not a directory|too many levels)|not a directory/);
  expect(readdirSync(victim)).toEqual([]);
});

rootTest("one platform twice is one; a platform that is none is refused", () => {
  built("FROM scratch\nCOPY f /\n", "--platform", "linux/amd64,amd64", "--platform", "local", "-t", "single:1");
  expect(world.ok("inspect", "-f", "{{len .RepoDigests}}", "single:1")).toBe("0");
  expect(build("FROM scratch\nCOPY f /\n", "--platform", "linux/amd64,nowhere").stderr).toContain("unknown operating system or architecture");
});
