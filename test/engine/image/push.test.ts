/** push: to real registries, whose digests stay what they were, and to such as break off, refuse and lead astray. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext, type Context } from "../../../src/engine/context.ts";
import { loadImages } from "../../../src/engine/image/load.ts";
import { pull } from "../../../src/engine/image/pull.ts";
import { push } from "../../../src/engine/image/push.ts";
import { tagAs } from "../../../src/engine/image/tag.ts";
import { digestOf } from "../../../src/image/digest.ts";
import { archive, directory, file } from "../../helpers/archive.ts";
import { fakeImage, fakeRegistry, type FakeRegistry } from "../../helpers/fake-registry.ts";
import { makeImage, push as pushed, run, startRegistry, type Registry } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && ["docker-registry", "skopeo", "umoci"].every(hasTool);
const peerTest = testIf(able, "needs root and docker-registry, skopeo, umoci");
const rootTest = testIf(isRoot, "layers hold devices and owners: only root can write them");

let folder = "";
let context: Context;
let one: Registry;
let two: Registry;
const servers: FakeRegistry[] = [];
const make = (name: string): Context => createContext({ root: join(folder, name), runRoot: join(folder, "run"), environment: { HOME: folder }, now: () => new Date() });

beforeAll(async () => {
  if (able) [one, two] = await Promise.all([startRegistry(), startRegistry()]);
});
afterAll(async () => void (await Promise.all([one?.stop(), two?.stop()])));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mdk-push-"));
  context = make("root");
});
afterEach(() => {
  for (const server of servers.splice(0)) server.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Shown {
  readonly lines: Set<string>;
  readonly done: [tag: string, digest: string][];
}
async function shown(name: string, more: Parameters<typeof push>[2] = {}): Promise<Shown> {
  const seen: Shown = { lines: new Set(), done: [] };
  await push(context, name, { ...more, progress: { start() {}, layer: (_, status) => void seen.lines.add(status), done: (tag, digest) => void seen.done.push([tag, digest]) } });
  return seen;
}

const small = archive([directory("./"), file("a", "a")]);
const large = archive([file("big", Buffer.from(Array.from({ length: 3 << 20 }, (_, at) => (at * 2654435761) >>> 24)))]);

describe("to a real registry", () => {
  peerTest("what was pulled has the same digest there, of each kind: sent, mounted from beside, and there already", async () => {
    for (const [kind, options] of [["oci", []], ["docker", ["--format", "v2s2"]], ["zstd", ["--dest-compress-format", "zstd"]]] as const) {
      pushed(makeImage(join(folder, `made-${kind}`), [archive([file(kind, kind)]), Buffer.concat([large.subarray(0, -1024), archive([file("kind", kind)])])]), `${one.host}/${kind}:1`, ...options);
      const { digest } = await pull(context, `${one.host}/${kind}:1`);
      tagAs(context, `${one.host}/${kind}:1`, `${one.host}/beside/${kind}:2`);
      tagAs(context, `${one.host}/${kind}:1`, `${two.host}/${kind}:1`);
      const beside = await shown(`${one.host}/beside/${kind}:2`);
      expect([beside.done, [...beside.lines].sort()]).toEqual([[["2", digest]], [`Mounted from ${kind}`, "Preparing"]]);
      expect([...(await shown(`${two.host}/${kind}:1`)).lines].sort()).toEqual(["Preparing", "Pushed", "Pushing"]);
      expect([...(await shown(`${two.host}/${kind}:1`)).lines].sort()).toEqual(["Layer already exists", "Preparing"]);
      const raw = run("skopeo", "inspect", "--raw", "--tls-verify=false", `docker://${two.host}/${kind}:1`);
      expect(digestOf(raw)).toBe(digest as never);
      expect(await pull(make(kind), `${two.host}/${kind}:1`)).toMatchObject({ digest });
      run("skopeo", "copy", "--quiet", "--src-tls-verify=false", `docker://${two.host}/${kind}:1`, `dir:${folder}/${kind}-copy`);
    }
  });

  peerTest("what was loaded from an archive is packed once, and pulled again it is the same image", async () => {
    const image = fakeImage([small, large]);
    const entries = [file("c", image.config.toString("latin1")), file("0", small), file("1", large), file("manifest.json", JSON.stringify([{ Config: "c", RepoTags: [`${two.host}/loaded:1`, `${two.host}/loaded:2`], Layers: ["0", "1"] }]))];
    writeFileSync(join(folder, "archive"), archive(entries));
    await loadImages(context, join(folder, "archive"), {}, () => {});
    const { done } = await shown(`${two.host}/loaded`, { all: true });
    expect([done.map(([tag]) => tag), new Set(done.map(([, digest]) => digest)).size]).toEqual([["1", "2"], 1]);
    expect(await pull(make("other"), `${two.host}/loaded:1`)).toMatchObject({ id: digestOf(image.config), digest: done[0]![1] });
  });

  peerTest("what is not here is refused in docker's words", async () => {
    await expect(push(context, `${two.host}/nothing`)).rejects.toThrow(`An image does not exist locally with the tag: ${two.host}/nothing`);
    await expect(push(context, `${two.host}/nothing`, { all: true })).rejects.toThrow(`An image does not exist locally with the tag: ${two.host}/nothing`);
    await expect(push(context, `${two.host}/nothing:1`, { all: true })).rejects.toThrow("tag can't be used with --all-tags/-a");
    await pull(context, `${one.host}/oci:1`);
    await expect(push(context, `${one.host}/oci:2`)).rejects.toThrow(`tag does not exist: ${one.host}/oci:2`);
    await expect(push(context, `x@sha256:${"1".repeat(64)}`)).rejects.toThrow("cannot push a digest reference");
  });
});

/** An image with one large layer, under the name of a registry that is the test's. */
async function loadedFor(host: string): Promise<Buffer> {
  const image = fakeImage([large]);
  const entries = [
    file("oci-layout", "{}"), ...[image.manifest, image.config, large].map((bytes) => file(`blobs/sha256/${digestOf(bytes).slice(7)}`, bytes)),
    file("index.json", JSON.stringify({ schemaVersion: 2, manifests: [{ mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digestOf(image.manifest), size: image.manifest.length, annotations: { "io.containerd.image.name": `${host}/x:1` } }] })),
  ];
  writeFileSync(join(folder, "archive"), archive(entries));
  await loadImages(context, join(folder, "archive"), {}, () => {});
  return image.manifest;
}

describe("a registry that", () => {
  const serve = (answer: Parameters<typeof fakeRegistry>[0]): FakeRegistry => {
    const server = fakeRegistry(answer);
    servers.push(server);
    return server;
  };
  const accepted = (location: string, more: Record<string, string> = {}): Response => new Response(null, { status: 202, headers: { location, ...more } });

  rootTest("breaks an upload off gets the rest, from where it says it was", async () => {
    let got = 0;
    const ranges: (string | null)[] = [];
    const server = serve(async (path, request) => {
      if (request.method === "HEAD") return null;
      if (request.method === "POST") return accepted("/v2/x/blobs/uploads/1");
      if (request.method === "GET") return new Response(null, { status: 204, headers: { location: "/v2/x/blobs/uploads/1", range: `0-${got - 1}` } });
      const { length } = await request.bytes();
      if (request.method === "PUT") return new Response(null, { status: 201 });
      ranges.push(request.headers.get("content-range"));
      if (ranges.length === 1) {
        got = 1_000_000;
        return new Response("{}", { status: 503 });
      }
      got += length;
      return accepted(path);
    });
    await loadedFor(server.host);
    await push(context, `${server.host}/x:1`);
    expect([ranges, got]).toEqual([[null, `1000000-${large.length - 1}`], large.length]);
  });

  rootTest("leads an upload elsewhere sees no credentials there", async () => {
    writeFileSync(join(folder, "config.json"), "{}");
    const storage = serve(async (_, request) => {
      await request.bytes();
      return request.method === "PUT" ? new Response(null, { status: 201 }) : accepted(request.url);
    });
    const server = serve(async (path, request) => {
      if (request.headers.get("authorization") === null) return new Response("{}", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } });
      if (request.method === "POST") return accepted(`http://${storage.host}/upload`);
      return path.includes("/manifests/") ? new Response(null, { status: 201 }) : null;
    });
    writeFileSync(join(folder, "config.json"), JSON.stringify({ auths: { [server.host]: { auth: Buffer.from("user:secret").toString("base64") } } }));
    await loadedFor(server.host);
    await push(context, `${server.host}/x:1`, { configFile: join(folder, "config.json") });
    expect(storage.seen.length).toBeGreaterThan(2);
    expect(storage.seen.map(({ authorization }) => authorization).filter((value) => value !== null)).toEqual([]);
  });

  rootTest("asks for a login, refuses, names no place, or takes another manifest than was sent, ends the push with a sentence", async () => {
    const cases: [answer: Parameters<typeof fakeRegistry>[0], message: string][] = [
      [() => new Response("{}", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } }), "unauthorized: authentication required"],
      [() => new Response("{}", { status: 403 }), "denied: requested access to the resource is denied"],
      [(_, request) => (request.method === "POST" ? accepted("file:///etc/passwd") : null), "names no usable place for an upload"],
      [(path, request) => (request.method === "HEAD" ? new Response(null) : path.includes("/manifests/") ? new Response(null, { status: 201, headers: { "docker-content-digest": `sha256:${"1".repeat(64)}` } }) : null), "manifest verification failed"],
      [(path, request) => (request.method === "HEAD" ? new Response(null) : path.includes("/manifests/") ? Response.json({ errors: [{ code: "MANIFEST_INVALID" }] }, { status: 400 }) : null), "answers 400 for manifest"],
    ];
    for (const [answer, message] of cases) {
      const server = serve(answer);
      await loadedFor(server.host);
      await expect(push(context, `${server.host}/x:1`)).rejects.toThrow(message);
    }
  });
});
