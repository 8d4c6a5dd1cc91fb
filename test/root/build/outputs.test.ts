/** --output, --push and --load: what comes of a build besides an image in the store. Skopeo and tar are the witnesses. */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { World } from "../../helpers/mdk.ts";
import { openOutputs } from "../../helpers/outputs.ts";
import { run, type Registry } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && hasTool("skopeo") && existsSync("/bin/busybox");
const rootTest = testIf(able, "needs root, skopeo and busybox");
const FILES = ["bin", "bin/busybox", "data", "data/f", "data/l", "data/own"];
let world: World;
let registry: Registry;
let context = "";

beforeAll(async () => {
  if (!able) return;
  ({ world, registry, context } = await openOutputs());
  writeFileSync(join(context, "Dockerfile"), [
    "FROM scratch", "COPY busybox /bin/busybox", 'SHELL ["/bin/busybox", "sh", "-c"]', "COPY f /data/f",
    "RUN /bin/busybox ln -s f /data/l && echo own >/data/own && /bin/busybox chown 7:8 /data/own && /bin/busybox chmod 4755 /data/own", 'CMD ["/bin/busybox", "cat", "/data/f"]',
  ].join("\n"));
});
afterAll(async () => {
  world?.close();
  await registry?.stop();
});

const build = (...flags: readonly string[]): ReturnType<World["mdk"]> => world.mdk(["build", "--network", "none", ...flags, context]);

/** What a build must print on standard output, and nothing failed. */
function built(...flags: readonly string[]): string {
  const { status, stdout, stderr } = build(...flags);
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

const images = (): string => world.ok("images", "-aq");

rootTest("local: the files are in the directory, with what was there, and nothing is in the store", () => {
  const target = join(world.folder, "local");
  mkdirSync(join(target, "data"), { recursive: true });
  writeFileSync(join(target, "data/old"), "");
  symlinkSync("/etc", join(target, "bin"));
  built("-o", target);
  expect([readFileSync(join(target, "data/f"), "utf8"), readlinkSync(join(target, "data/l")), existsSync(join(target, "data/old")), existsSync("/etc/busybox")]).toEqual(["content\n", "f", true, false]);
  const { uid, gid, mode } = lstatSync(join(target, "data/own"));
  expect([uid, gid, mode & 0o7777]).toEqual([0, 0, 0o4755]);
  expect(images()).toBe("");
});

rootTest("tar: to a file and to standard output, the same bytes, with owners", () => {
  const target = join(world.folder, "files.tar");
  built("--output", `type=tar,dest=${target}`);
  const child = Bun.spawnSync(world.words("build", "--network", "none", "-q", "-o", "-", context), { env: process.env });
  expect(Buffer.compare(child.stdout, readFileSync(target))).toBe(0);
  expect(run("tar", "tf", target).split("\n").map((name) => name.replace(/\/$/, "")).filter((name) => FILES.includes(name)).sort()).toEqual(FILES);
  expect(run("tar", "tvf", target, "--numeric-owner", "data/own")).toContain("-rwsr-xr-x 7/8");
});

rootTest("oci and docker: archives and a layout that others read, by the names of the build", () => {
  const [oci, docker, layout] = ["oci.tar", "docker.tar", "layout"].map((name) => join(world.folder, name)) as [string, string, string];
  built("-t", "example.org/a:1", "-o", `type=oci,dest=${oci}`, "-o", `type=docker,dest=${docker}`, "-o", `type=oci,tar=false,dest=${layout}`);
  expect(images()).toBe("");
  expect(JSON.parse(run("skopeo", "inspect", "--config", `oci-archive:${oci}:1`)).config.Cmd).toEqual(["/bin/busybox", "cat", "/data/f"]);
  expect(JSON.parse(run("skopeo", "inspect", `docker-archive:${docker}:example.org/a:1`)).Layers.length).toBe(3);
  expect(readdirSync(layout)).toContain("oci-layout");
  expect(JSON.parse(run("skopeo", "inspect", `oci:${layout}:1`)).Layers.length).toBe(3);
  world.ok("load", "-i", docker);
  expect(world.ok("run", "--rm", "--network", "none", "example.org/a:1")).toBe("content");
  world.ok("rmi", "example.org/a:1");
});

rootTest("push: what is in the registry is what was built, and stays in the store", () => {
  const [one, two] = [`${registry.host}/pushed:1`, `${registry.host}/pushed:2`];
  const metadata = join(world.folder, "metadata");
  const { status, stderr } = build("--push", "-t", one, "--metadata-file", metadata);
  expect([status, stderr.includes(`pushing manifest for ${one}@sha256:`)]).toEqual([0, true]);
  const raw = run("skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${one}`);
  const pushed = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest: `sha256:${new Bun.CryptoHasher("sha256").update(raw).digest("hex")}`, size: raw.length };
  expect(JSON.parse(readFileSync(metadata, "utf8"))).toMatchObject({ "containerimage.descriptor": pushed, "containerimage.digest": pushed.digest, "image.name": one });
  built("-o", `type=oci,dest=${join(world.folder, "told.tar")}`, "--metadata-file", metadata);
  expect(JSON.parse(readFileSync(metadata, "utf8"))).toEqual({ "containerimage.config.digest": expect.anything(), "containerimage.descriptor": pushed, "containerimage.digest": pushed.digest });
  built("-o", `type=registry,name=${two}`);
  const id = world.ok("images", "-q", "--no-trunc", one);
  for (const name of [one, two]) expect(JSON.parse(run("skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${name}`)).config.digest).toBe(id);
  const both = built("-q", "--load", "-t", "kept", "-o", join(world.folder, "both"));
  expect([both.trim(), world.ok("images", "-q", "--no-trunc", "kept")]).toEqual([id, id]);
});

rootTest("an image without layers is saved, loaded, pushed and pulled as it is", () => {
  const [own, name, archive] = [join(world.folder, "empty"), `${registry.host}/empty:1`, join(world.folder, "empty.tar")];
  mkdirSync(own);
  writeFileSync(join(own, "Dockerfile"), "FROM scratch\nLABEL a=b\n");
  world.ok("build", "-q", "--push", "-t", name, own);
  const id = world.ok("images", "-q", "--no-trunc", name);
  world.ok("save", "-o", archive, name);
  expect(JSON.parse(run("skopeo", "inspect", "--config", `docker-archive:${archive}`)).config.Labels).toEqual({ a: "b" });
  for (const bring of [["load", "-q", "-i", archive], ["pull", "-q", name]]) {
    world.ok("rmi", name);
    world.ok(...bring);
    expect(world.ok("images", "-q", "--no-trunc", name)).toBe(id);
  }
  expect(world.mdk(["run", "--rm", "--network", "none", name, "/nothing"]).status).toBe(127);
  world.ok("rmi", name);
});

rootTest("compression: layers that are made here, or with force all of them, as it is said; the image stays what it is", () => {
  const file = (name: string): string => join(world.folder, name);
  const kinds = (name: string): string[] => (JSON.parse(run("skopeo", "inspect", "--raw", "--tls-verify=false", name)) as { layers: { mediaType: string }[] }).layers.map(({ mediaType }) => mediaType.replace("application/vnd.oci.image.layer.v1.", ""));
  const base = `${registry.host}/base:1`;
  built("--push", "-t", base);
  world.ok("rmi", base);
  world.ok("builder", "prune", "-af");
  world.ok("pull", "-q", base);
  const dockerfile = file("Dockerfile.on");
  writeFileSync(dockerfile, `FROM ${base}\nCOPY f /more\n`);
  const outputs = [
    ["usual", "", "tar+gzip", "tar+gzip"], ["zstd", ",compression=zstd,compression-level=19", "tar+gzip", "tar+zstd"], ["plain", ",compression=uncompressed,force-compression=1", "tar", "tar"],
    ["forced", ",compression=zstd,force-compression=true", "tar+zstd", "tar+zstd"], ["fast", ",compression-level=1", "tar+gzip", "tar+gzip"],
  ] as const;
  const configs = outputs.map(([name, fields, below, own]) => {
    world.ok("builder", "prune", "-af");
    built("-f", dockerfile, "-t", "packed:1", "-o", `type=oci,dest=${file(name)}${fields}`);
    expect([name, ...kinds(`oci-archive:${file(name)}:1`)]).toEqual([name, below, below, below, own]);
    run("skopeo", "copy", "--quiet", `oci-archive:${file(name)}:1`, `dir:${file(`${name}.dir`)}`);
    world.ok("load", "-q", "-i", file(name));
    expect(world.ok("run", "--rm", "--network", "none", "packed:1", "/bin/busybox", "cat", "/more")).toBe("content");
    world.ok("rmi", "packed:1");
    return (JSON.parse(run("skopeo", "inspect", "--config", `oci-archive:${file(name)}:1`)) as { rootfs: { diff_ids: string[] } }).rootfs.diff_ids.slice(0, 3);
  });
  expect(new Set(configs.map(String)).size).toBe(1);
  const pushed = `${registry.host}/packed:1`;
  built("-f", dockerfile, "-o", `type=registry,name=${pushed},compression=zstd,force-compression=true`);
  expect(kinds(`docker://${pushed}`)).toEqual(["tar+zstd", "tar+zstd", "tar+zstd", "tar+zstd"]);
  const id = world.ok("images", "-q", pushed);
  world.ok("rmi", pushed);
  world.ok("pull", "-q", pushed);
  expect(world.ok("images", "-q", pushed)).toBe(id);
  writeFileSync(dockerfile, "FROM scratch\nCOPY f /\n");
  built("-f", dockerfile, "--platform", "linux/amd64,linux/arm64", "-t", "example.org/two:1", "-o", `type=oci,dest=${file("two")},compression=zstd`);
  run("skopeo", "copy", "--quiet", "--override-arch=arm64", `oci-archive:${file("two")}:1`, `oci:${file("one")}:1`);
  expect(kinds(`oci:${file("one")}:1`).at(-1)).toBe("tar+zstd");
  for (const name of [pushed, base]) world.ok("rmi", name);
});

rootTest("annotations are in the manifests that others get, in those only", () => {
  const [path, name] = [join(world.folder, "annotated.tar"), `${registry.host}/annotated:1`];
  built("-t", name, "--annotation", "org.example.a=b=c", "--annotation", "manifest:d=", "-o", `type=oci,dest=${path}`, "--push");
  const expected = { "org.example.a": "b=c", d: "" };
  expect(JSON.parse(run("skopeo", "inspect", "--raw", `oci-archive:${path}:1`)).annotations).toEqual(expected);
  expect(JSON.parse(run("skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${name}`)).annotations).toEqual(expected);
});

rootTest("what cannot be is refused before anything runs, in the words of buildx", () => {
  const refused = (...flags: readonly string[]): string => {
    const { status, stderr } = build(...flags);
    return `${status} ${stderr.split("\n")[0]}`;
  };
  const file = join(context, "f");
  expect(refused("-o", "type=local")).toContain("dest is required for local exporter");
  expect(refused("-o", "type=local,dest=-")).toContain("dest cannot be stdout for local exporter");
  expect(refused("-o", file)).toContain(`destination directory ${file} is a file`);
  expect(refused("-o", `type=tar,dest=${context}`)).toContain(`destination file ${context} is a directory`);
  expect(refused("-o", "type=nothing")).toContain('exporter "nothing" could not be found');
  expect(refused("-o", "dest=x,y")).toContain("invalid value y");
  expect(refused("-o", "dest=x,y=z")).toContain("type is required for output");
  expect(refused("-o", "type=image,push=maybe")).toContain('non-bool value "maybe" specified for push');
  expect(refused("-o", "type=image,compression=zstd")).toContain("another compression of an image that is not pushed is not supported");
  for (const [fields, message] of [
    ["compression=estargz", "compression=estargz of the output type oci is not supported"], ["compression=xz", "unsupported compression type xz"], ["compression=constructor", "unsupported compression type constructor"],
    ["compression-level=high", "non-int value high specified for compression-level"], ["compression-level=10", "invalid compression level: 10 (gzip has 0 to 9)"], ["compression=zstd,compression-level=0", "(zstd has 1 to 22)"],
    ["force-compression=maybe", 'non-bool value "maybe" specified for force-compression'],
  ]) expect(refused("-o", `type=oci,dest=x,${fields}`)).toContain(message!);
  expect(refused("--push")).toContain("tag is needed when pushing to registry");
  expect(refused("-o", "-", "-o", "type=oci")).toContain("standard output can have one of the outputs only");
});
