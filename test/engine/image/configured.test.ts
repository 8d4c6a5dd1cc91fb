/** What daemon.json says of registries and of layers, as registries see it and as the store has it. */
import { afterEach, beforeEach, describe, expect } from "bun:test";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { parseSettings } from "../../../src/config/parse.ts";
import { createContext, type Context } from "../../../src/engine/context.ts";
import { pull } from "../../../src/engine/image/pull.ts";
import { push } from "../../../src/engine/image/push.ts";
import { mirrorsOf } from "../../../src/engine/image/registry-options.ts";
import { saveImages } from "../../../src/engine/image/save.ts";
import { tagAs } from "../../../src/engine/image/tag.ts";
import { digestOf, hexOf } from "../../../src/image/digest.ts";
import { parseReference } from "../../../src/image/reference.ts";
import { resolveEndpoint } from "../../../src/registry/endpoint.ts";
import { archive, directory, file } from "../../helpers/archive.ts";
import { fakeImage, fakeRegistry, serveImage, type FakeImage, type FakeRegistry } from "../../helpers/fake-registry.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot, "layers hold devices and owners: only root can write them");

let folder = "";
const servers: FakeRegistry[] = [];
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "mdk-configured-"))));
afterEach(() => {
  for (const server of servers.splice(0)) server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const contextOf = (settings: object): Context =>
  createContext({ root: join(folder, "root"), runRoot: join(folder, "run"), environment: { HOME: folder }, settings: parseSettings("daemon.json", JSON.stringify(settings), () => null), now: () => new Date() });
function serve(answer: Parameters<typeof fakeRegistry>[0]): FakeRegistry {
  const server = fakeRegistry(answer);
  servers.push(server);
  return server;
}
const layers = [archive([directory("./"), file("a", "a")]), archive([file("b", Buffer.alloc(200_000, "b"))])] as const;
const image = fakeImage(layers);
const blobs = (): string[] => readdirSync(join(folder, "root/blobs/sha256")).sort();
const names = (...all: readonly Buffer[]): string[] => all.map((bytes) => hexOf(digestOf(bytes))).sort();

describe("registry-mirrors", () => {
  rootTest("are asked in order, and the registry for what they do not have; credentials are each one's own", async () => {
    const registry = serve((path) => serveImage(image, path));
    const down = serve(() => null);
    down.stop();
    const empty = serve(() => null);
    const half = serve((path, request) => {
      if (request.headers.get("authorization") === null) return new Response("{}", { status: 401, headers: { "www-authenticate": "Basic" } });
      return path.endsWith(digestOf(layers[1])) ? new Response("{}", { status: 503 }) : serveImage(image, path);
    });
    mkdirSync(join(folder, ".docker"));
    const auth = (text: string): object => ({ auth: Buffer.from(text).toString("base64") });
    writeFileSync(join(folder, ".docker/config.json"), JSON.stringify({ auths: { [registry.host]: auth("registry:1"), [half.host]: auth("mirror:2") } }));
    const context = contextOf({ "registry-mirrors": { [registry.host]: [down, empty, half].map(({ host }) => `http://${host}`) } });
    await pull(context, `${registry.host}/x`);
    expect(empty.seen.map(({ path }) => path)).toEqual(["/v2/x/manifests/latest"]);
    expect([...new Set(half.seen.map(({ authorization }) => authorization))]).toEqual([null, `Basic ${Buffer.from("mirror:2").toString("base64")}`]);
    expect(registry.seen.map(({ path }) => path)).toEqual([`/v2/x/blobs/${digestOf(layers[1])}`]);
    expect(blobs()).toEqual(names(image.manifest, image.config, ...layers));
  });

  rootTest("on plain HTTP are told a password only where the registry is named insecure, or this machine", async () => {
    mkdirSync(join(folder, ".docker"));
    writeFileSync(join(folder, ".docker/config.json"), JSON.stringify({ auths: { "mirror.test": { auth: Buffer.from("alice:1").toString("base64") } } }));
    const knows = async (origin: string, ...insecure: string[]): Promise<boolean> => {
      const context = contextOf({ "registry-mirrors": [origin], "insecure-registries": insecure });
      return (await mirrorsOf(context, parseReference("busybox"), {}, null)[0]!.credentials()) !== null;
    };
    expect([await knows("http://mirror.test"), await knows("http://mirror.test", "mirror.test"), await knows("https://mirror.test")]).toEqual([false, true, true]);
  });

  rootTest("as a list are docker.io's, and of no other registry", async () => {
    const mirror = serve((path) => serveImage(image, path));
    const registry = serve((path) => serveImage(image, path));
    const context = contextOf({ "registry-mirrors": [`http://${mirror.host}`] });
    await pull(context, `${registry.host}/x`);
    expect(mirror.seen).toEqual([]);
    expect((await pull(context, "busybox")).name).toBe("docker.io/library/busybox:latest");
    expect(mirror.seen[0]!.path).toBe("/v2/library/busybox/manifests/latest");
  });

  rootTest("that break within a layer are followed by the next from where they ended; what they forge is refused", async () => {
    const registry = serve((path, request) => {
      const from = Number(/bytes=(\d+)-/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
      if (from === 0 || !path.endsWith(digestOf(layers[1]))) return serveImage(image, path);
      return new Response(layers[1].subarray(from), { status: 206, headers: { "content-range": `bytes ${from}-${layers[1].length - 1}/${layers[1].length}` } });
    });
    const short = serve((path) => (path.endsWith(digestOf(layers[1])) ? new Response(layers[1].subarray(0, 70_000)) : serveImage(image, path)));
    await pull(contextOf({ "registry-mirrors": { [registry.host]: [`http://${short.host}`] } }), `${registry.host}/x`);
    expect(registry.seen.map(({ range }) => range)).toEqual(["bytes=70000-"]);
    const forged = serve((path) => (path.includes("/blobs/") && path.endsWith(digestOf(layers[0])) ? new Response(Buffer.alloc(layers[0].length)) : serveImage(image, path)));
    rmSync(join(folder, "root"), { recursive: true });
    await expect(pull(contextOf({ "registry-mirrors": { [registry.host]: [`http://${forged.host}`] } }), `${registry.host}/x`)).rejects.toThrow("verification failed");
  });
});

rootTest("insecure-registries: hosts, hosts with ports, subnets", () => {
  const origins = (domain: string, ...insecure: string[]) => resolveEndpoint(domain, { insecure, environment: {}, certificates: "/nonexistent" }).origins.length;
  expect([origins("192.0.2.7:5000", "192.0.2.0/24"), origins("192.0.3.7:5000", "192.0.2.0/24"), origins("[fd00::1]:5000", "fd00::/64"), origins("a.test", "192.0.2.0/24")]).toEqual([2, 1, 2, 1]);
  expect([origins("a.test:5000", "a.test:5000"), origins("a.test:5001", "a.test:5000"), origins("a.test:5001", "a.test")]).toEqual([2, 1, 2]);
});

rootTest("max-download-attempts, max-concurrent-downloads, max-concurrent-uploads", async () => {
  let [open, most] = [0, 0];
  const many = fakeImage(Array.from({ length: 6 }, (_, index) => archive([file(`f${index}`, String(index))])));
  const registry = serve(async (path) => {
    if (!path.includes("/blobs/") || path.endsWith(digestOf(many.config))) return serveImage(many, path);
    most = Math.max(most, ++open);
    await Bun.sleep(20);
    open--;
    return serveImage(many, path);
  });
  await pull(contextOf({ "max-concurrent-downloads": 1 }), `${registry.host}/x`);
  expect(most).toBe(1);
  const target = serve(async (path, request) => {
    if (request.method !== "HEAD" || !path.includes("/blobs/")) return request.method === "PUT" ? new Response(null, { status: 201 }) : null;
    most = Math.max(most, ++open);
    await Bun.sleep(20);
    open--;
    return new Response(null);
  });
  for (const uploads of [1, 4]) {
    most = 0;
    tagAs(contextOf({}), `${registry.host}/x`, `${target.host}/y:${uploads}`);
    await push(contextOf({ "max-concurrent-uploads": uploads }), `${target.host}/y:${uploads}`);
    expect(most).toBe(uploads);
  }
  const busy = serve(() => new Response("{}", { status: 503 }));
  await expect(pull(contextOf({ "max-download-attempts": 1 }), `${busy.host}/x`)).rejects.toThrow("503");
  expect(busy.seen.length).toBe(1);
});

describe("layers", () => {
  const bomb = (bytes: number): FakeImage => {
    const plain = archive([file("zeros", Buffer.alloc(bytes))]);
    return fakeImage([gzipSync(plain)], { diffIds: [digestOf(plain)] });
  };

  rootTest("that unpack to more than max-layer-size and max-layer-ratio allow are refused", async () => {
    const large = bomb(4 << 20);
    const registry = serve((path) => serveImage(large, path));
    await expect(pull(contextOf({ "max-layer-size": "1M" }), `${registry.host}/x`)).rejects.toThrow("inflates to more than");
    await pull(contextOf({ "max-layer-size": "1M", "max-layer-ratio": 5000 }), `${registry.host}/x`);
    rmSync(join(folder, "root"), { recursive: true });
    await pull(contextOf({ "max-layer-size": "8M", "max-layer-ratio": 1 }), `${registry.host}/x`);
  });

  rootTest("that would leave less than min-free-space are refused", async () => {
    const large = bomb(20 << 20);
    const registry = serve((path) => serveImage(large, path));
    await expect(pull(contextOf({ "min-free-space": "99.9%" }), `${registry.host}/x`)).rejects.toThrow("would leave less than 99.9 % of it free");
    await pull(contextOf({ "min-free-space": "0%" }), `${registry.host}/x`);
  });
});

describe("keep-blobs: false", () => {
  const settings = { "keep-blobs": false };

  rootTest("keeps config and manifest alone; push and save have the layers again as they were", async () => {
    const registry = serve((path) => serveImage(image, path));
    await pull(contextOf(settings), `${registry.host}/x`);
    expect(blobs()).toEqual(names(image.manifest, image.config));
    expect((await pull(contextOf(settings), `${registry.host}/x`)).upToDate).toBe(true);
    expect(registry.seen.filter(({ path }) => path.includes("/blobs/")).length).toBe(3);

    const got = new Map<string, Buffer>();
    const target = serve(async (path, request) => {
      const url = new URL(request.url);
      if (request.method === "HEAD") return null;
      if (request.method === "POST") return new Response(null, { status: 202, headers: { location: `${url.origin}/upload/${crypto.randomUUID()}` } });
      if (request.method === "PATCH") return await keep(got, path, request, new Response(null, { status: 202, headers: { location: url.href } }));
      if (request.method !== "PUT") return null;
      return await keep(got, url.searchParams.get("digest") ?? path, request, new Response(null, { status: 201 }));
    });
    tagAs(contextOf(settings), `${registry.host}/x`, `${target.host}/y`);
    await push(contextOf(settings), `${target.host}/y`);
    const manifest = [...got].find(([name]) => name.includes("/manifests/"))?.[1];
    expect(manifest?.equals(image.manifest)).toBe(true);
    for (const layer of layers) expect(got.get(digestOf(layer))?.equals(layer)).toBe(true);
    const parts: Buffer[] = [];
    await saveImages(contextOf(settings), [`${registry.host}/x`], (bytes) => void parts.push(Buffer.from(bytes)));
    for (const layer of layers) expect(Buffer.concat(parts).includes(layer)).toBe(true);
    expect(blobs()).toEqual(names(image.manifest, image.config));

    registry.stop();
    await expect(saveImages(contextOf(settings), [`${registry.host}/x`], () => {})).rejects.toThrow(new RegExp(`is not kept \\("keep-blobs": false\\), and cannot be fetched again from .*${registry.host}/x\\b`));
  });

  rootTest("leaves no part of a blob behind, and a later pull that keeps them fetches them", async () => {
    const registry = serve((path) => serveImage(image, path));
    await pull(contextOf(settings), `${registry.host}/x`);
    expect(readdirSync(join(folder, "root/tmp")).filter((name) => name.startsWith("part-"))).toEqual([]);
    await pull(contextOf({}), `${registry.host}/x`);
    expect(blobs()).toEqual(names(image.manifest, image.config, ...layers));
  });
});

async function keep(got: Map<string, Buffer>, name: string, request: Request, answer: Response): Promise<Response> {
  const body = Buffer.from(await request.arrayBuffer());
  if (body.length > 0) got.set(name, body);
  return answer;
}
