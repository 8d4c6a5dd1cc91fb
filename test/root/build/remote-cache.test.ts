/** --cache-from and --cache-to: what one store has built another one does not build again. Each RUN writes a random number: the same image is one that nothing ran for. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { able, BASE, CacheBuilds, elsewhere, NEEDS, PLAIN, RANDOM, STEPS } from "../../helpers/cache-builds.ts";
import { countingProxy, type CountingProxy } from "../../helpers/counting-proxy.ts";
import { run, startRegistry, type Registry } from "../../helpers/registry.ts";
import { testIf } from "../../helpers/requires.ts";

const rootTest = testIf(able, NEEDS);
let builds: CacheBuilds;
let registry: Registry;
let proxy: CountingProxy;

const STAGES = [...BASE, "FROM base AS tool", `RUN ${RANDOM} >/tool`, "FROM base", "COPY --from=tool /tool /other", `RUN ${RANDOM} >/last`];

beforeAll(async () => {
  if (!able) return;
  builds = new CacheBuilds();
  registry = await startRegistry();
  proxy = countingProxy(registry.host);
});
afterAll(async () => {
  proxy?.stop();
  builds?.end();
  await registry?.stop();
});

const blobsFetched = (): number => new Set(proxy.fetched.filter(({ sent }) => sent > 0).map(({ digest }) => digest)).size;

describe("another store builds nothing again", () => {
  rootTest("with a cache in a registry: only the blobs of its steps are fetched, each once", async () => {
    const { id, said } = await builds.build(builds.home, PLAIN, "--cache-to", `type=registry,ref=${registry.host}/plain:cache`);
    expect(said).toMatch(/exporting cache to registry\n(.*\n)*#\d+ writing layer sha256:\w+ done\n(.*\n)*#\d+ writing cache image manifest sha256:\w+ done/);
    await elsewhere(async (world) => {
      proxy.fetched.length = 0;
      const first = await builds.build(world, PLAIN, "--cache-from", `${proxy.host}/plain:cache`);
      expect([first.id, first.cached]).toEqual([id, STEPS]);
      expect(first.said).toContain(`importing cache manifest from ${proxy.host}/plain:cache\n`);
      expect(first.said).toMatch(/sha256:\w{12} \S+ \/ \S+ done/);
      // The config, and four layers.
      expect([blobsFetched(), proxy.fetched.length]).toEqual([5, 5]);
      proxy.fetched.length = 0;
      const second = await builds.build(world, PLAIN, "--cache-from", `${proxy.host}/plain:cache`);
      expect([second.id, second.cached, blobsFetched()]).toEqual([id, STEPS, 1]);
      expect(world.ok("builder", "prune", "-af")).toContain("Total");
    });
    await elsewhere(async (world) => {
      proxy.fetched.length = 0;
      const changed = await builds.build(world, [...PLAIN.slice(0, -1), `RUN ${RANDOM} >/c`], "--cache-from", `type=registry,ref=${proxy.host}/plain:cache`);
      expect([changed.id === id, changed.cached, blobsFetched()]).toEqual([false, STEPS - 1, 4]);
      proxy.fetched.length = 0;
      const anew = await builds.build(world, PLAIN, "--no-cache", "--cache-from", `${proxy.host}/plain:cache`);
      expect([anew.cached, blobsFetched(), anew.said.includes("importing cache")]).toEqual([0, 0, false]);
    });
  });

  rootTest("with a cache in a directory, whose tags are kept apart", async () => {
    const directory = join(builds.home.folder, "local");
    const to = `type=local,dest=${directory}`;
    const { id } = await builds.build(builds.home, PLAIN, "--cache-to", to);
    await builds.build(builds.home, STAGES, "--cache-to", `${to},tag=stages,mode=max`);
    expect(JSON.parse(readFileSync(join(directory, "index.json"), "utf8")).manifests.length).toBe(2);
    expect(readdirSync(directory).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
    const from = (flag: string): Promise<number> => elsewhere(async (world) => {
      const done = await builds.build(world, PLAIN, "--cache-from", `type=local,src=${directory}${flag}`);
      if (flag === "") expect(done.id).toBe(id);
      return done.cached;
    });
    const [{ digest }] = JSON.parse(readFileSync(join(directory, "index.json"), "utf8")).manifests;
    expect([await from(""), await from(",tag=stages"), await from(`,digest=${digest}`)]).toEqual([STEPS, 3, STEPS]);
  });

  rootTest("with an index, as BuildKit had it at first", async () => {
    const name = `${registry.host}/index:cache`;
    const { id } = await builds.build(builds.home, PLAIN, "--cache-to", `type=registry,ref=${name},image-manifest=false`);
    expect(JSON.parse(run("skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${name}`)).manifests.at(-1).mediaType).toBe("application/vnd.buildkit.cacheconfig.v0");
    expect(await elsewhere(async (world) => (await builds.build(world, PLAIN, "--cache-from", name)).id)).toBe(id);
  });

  rootTest("with the cache in the image itself, which others read as any image", async () => {
    const name = `${registry.host}/inline:1`;
    const { id } = await builds.build(builds.home, PLAIN, "--push", "-t", name, "--cache-to", "type=inline");
    const config = JSON.parse(run("skopeo", "inspect", "--config", "--raw", "--tls-verify=false", `docker://${name}`));
    const records = JSON.parse(Buffer.from(config["moby.buildkit.cache.v0"], "base64").toString());
    expect([records.length, records.some((record: object) => "chains" in record)]).toEqual([STEPS, true]);
    run("skopeo", "copy", "--quiet", "--src-tls-verify=false", `docker://${name}`, `dir:${join(builds.home.folder, "copied")}`);
    await elsewhere(async (world) => {
      const done = await builds.build(world, PLAIN, "--cache-from", name, "--cache-to", "type=inline");
      expect([done.id, done.cached]).toEqual([id, STEPS]);
    });
  });

  rootTest("of several stages: of all of them with mode=max, with mode=min of what the image is made of", async () => {
    const [min, max] = ["min", "max"].map((mode) => `${registry.host}/stages:${mode}`) as [string, string];
    const { id } = await builds.build(builds.home, STAGES, "--cache-to", `type=registry,ref=${min}`, "--cache-to", `type=registry,ref=${max},mode=max`);
    const whole = await elsewhere((world) => builds.build(world, STAGES, "--cache-from", max));
    expect([whole.id, whole.cached]).toEqual([id, 6]);
    const part = await elsewhere((world) => builds.build(world, STAGES, "--cache-from", min));
    expect([part.id === id, part.cached]).toEqual([false, 3]);
    // The first that has a step is asked.
    expect(await elsewhere(async (world) => (await builds.build(world, STAGES, "--cache-from", min, "--cache-from", max)).id)).toBe(id);
    const manifest = JSON.parse(run("skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${max}`));
    expect([manifest.config.mediaType, manifest.layers.length]).toEqual(["application/vnd.buildkit.cacheconfig.v0", 5]);
  });

  rootTest("of layers that take away, links and a COPY that stands for itself", async () => {
    const lines = [...BASE, "RUN /bin/busybox mkdir /d && /bin/busybox touch /d/x /d/y", "RUN /bin/busybox rm /d/x /a && /bin/busybox rm -r /d && /bin/busybox mkdir /d", "COPY --link f /linked/f", "WORKDIR /work", `RUN ${RANDOM} >/last`];
    const directory = join(builds.home.folder, "odd");
    const { id } = await builds.build(builds.home, lines, "-t", "odd", "--cache-to", `type=local,dest=${directory}`);
    await elsewhere(async (world) => {
      expect((await builds.build(world, lines, "-t", "odd", "--cache-from", `type=local,src=${directory}`)).id).toBe(id);
      const list = ["run", "--rm", "--network", "none", "odd", "/bin/busybox", "find", "/d", "/linked", "/work"];
      expect(world.ok(...list)).toBe(builds.home.ok(...list));
      // It has them as its own now.
      rmSync(directory, { recursive: true });
      expect((await builds.build(world, lines)).id).toBe(id);
    });
  });

  rootTest("with times of the source in the keys, and no secret in the cache", async () => {
    const directory = join(builds.home.folder, "epoch");
    const lines = [...BASE, "ARG TOKEN", "RUN --mount=type=secret,id=s /bin/busybox cat /run/secrets/s >/dev/null; echo $TOKEN >/dev/null"];
    const flags = ["--build-arg", "SOURCE_DATE_EPOCH=1000000000", "--build-arg", "TOKEN=argument-of-nobody", "--secret", `id=s,src=${join(builds.context, "f")}`];
    const { id } = await builds.build(builds.home, lines, ...flags, "--cache-to", `type=local,dest=${directory},mode=max`);
    expect(Bun.spawnSync(["grep", "-rlaE", "argument-of-nobody|busybox cat", directory]).stdout.toString()).toBe("");
    expect(await elsewhere(async (world) => (await builds.build(world, lines, ...flags, "--cache-from", `type=local,src=${directory}`)).id)).toBe(id);
  });

  rootTest("when two builds want it at once it is fetched once", async () => {
    const name = `${registry.host}/twice:cache`;
    const { id } = await builds.build(builds.home, PLAIN, "--cache-to", `type=registry,ref=${name}`);
    await elsewhere(async (world) => {
      writeFileSync(join(world.folder, "Dockerfile"), PLAIN.join("\n"));
      proxy.fetched.length = 0;
      proxy.bytesPerSecond = 2_000_000;
      try {
        const children = ["a", "b"].map((key) => world.spawn(["build", "--network", "none", "-q", "-f", join(world.folder, "Dockerfile"), "-t", key, "--cache-from", `${proxy.host}/twice:cache`, builds.context], "ignore"));
        expect(await Promise.all(children.map((child) => new Response(child.stdout).text()))).toEqual([`${id}\n`, `${id}\n`]);
        // The config twice.
        expect(proxy.fetched.length).toBe(6);
      } finally {
        proxy.bytesPerSecond = Infinity;
      }
    });
  });
});

describe("a cache that cannot be written", () => {
  rootTest("is an error, after the image, unless it may fail", async () => {
    const to = `type=local,dest=${join(builds.context, "f")}`;
    const { status, stderr } = await builds.ended(builds.home, "-t", "kept", "-f", join(builds.home.folder, "Dockerfile"), "--cache-to", to);
    expect([status, /ERROR: .*f/.test(stderr)]).toEqual([1, true]);
    expect(builds.home.ok("images", "-q", "kept")).not.toBe("");
    expect((await builds.build(builds.home, PLAIN, "--cache-to", `${to},ignore-error=true`)).said).toMatch(/^WARNING: the cache is not written: /m);
  });

  rootTest("follows no link of a directory that somebody else has filled, and waits for no pipe of it", async () => {
    const [directory, victim] = [join(builds.home.folder, "restored"), join(builds.home.folder, "victim")];
    const index = join(directory, "index.json");
    const write = async (): Promise<string> => (await builds.build(builds.home, PLAIN, "--cache-to", `type=local,dest=${directory},ignore-error=true`)).said;
    mkdirSync(victim);
    writeFileSync(join(victim, "secret"), '{"auths":{"registry.example":"secret"}}');
    for (const [make, ...words] of [["ln", "-s", join(victim, "secret"), index], ["mkfifo", index], ["ln", "-s", "/dev/zero", index]]) {
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory);
      Bun.spawnSync([make!, ...words]);
      expect(await write()).not.toContain("WARNING: the cache is not written");
      expect([lstatSync(index).isFile(), readFileSync(index, "utf8").includes("secret")]).toEqual([true, false]);
    }
    for (const folder of ["blobs", "blobs/sha256"]) {
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(join(directory, folder, ".."), { recursive: true });
      symlinkSync(victim, join(directory, folder));
      expect(await write()).toMatch(/WARNING: the cache is not written: .*(not a directory|too many levels)/);
    }
    expect(readdirSync(victim)).toEqual(["secret"]);
  });

  rootTest("is refused before anything runs, in the words of buildx", async () => {
    writeFileSync(join(builds.context, "Dockerfile"), "FROM scratch\n");
    const refused = async (flag: string, value: string): Promise<string> => (await builds.ended(builds.home, `--cache-${flag}`, value)).stderr;
    const CASES: readonly [string, string, string][] = [
      ["to", "type=gha", "the cache type gha is not supported"], ["from", "type=s3,bucket=b", "the cache type s3 is not supported"], ["to", "type=azblob", "the cache type azblob is not supported"],
      ["to", "type=nothing", 'unknown cache exporter: "nothing"'], ["from", "type=inline", 'unknown cache importer: "inline"'], ["from", "type=constructor", 'unknown cache importer: "constructor"'],
      ["to", "mode=max", 'type required form> "mode=max"'], ["to", "type=registry,ref", "invalid value ref"], ["to", "type=registry", "registry cache exporter requires ref"], ["from", "type=registry", "registry cache importer requires ref"],
      ["to", "type=local", "local cache exporter requires dest"], ["from", "type=local", "local cache importer requires src"], ["to", "type=registry,ref=x,mode=some", "invalid cache export mode: some"],
      ["to", "type=registry,ref=x,color=red", "unexpected key 'color' in 'type=registry,ref=x,color=red'"], ["to", "type=inline,mode=max", "unexpected key 'mode'"], ["to", "type=local,dest=x,compression=estargz", "compression=estargz of a cache is not supported"],
      ["to", "type=local,dest=x,ignore-error=maybe", 'non-bool value "maybe" specified for ignore-error'], ["from", "type=local,src=x,digest=abc", 'invalid digest "abc"'], ["from", "UPPER", "must be lowercase"], ["from", 'a"b', "invalid cache"],
    ];
    for (const [flag, value, expected] of CASES) expect(await refused(flag, value)).toContain(expected);
  });
});
