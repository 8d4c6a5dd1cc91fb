/** Pulls from registries that lie, break off, redirect and ask for credentials: nothing may stay, nothing may leak. */
import { afterEach, beforeEach, describe, expect } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext, type Context } from "../../../src/engine/context.ts";
import { summarizeImages } from "../../../src/engine/image/list.ts";
import { pull } from "../../../src/engine/image/pull.ts";
import { digestOf } from "../../../src/image/digest.ts";
import { archive, directory, file } from "../../helpers/archive.ts";
import { fakeImage, fakeRegistry, serveImage, type FakeImage, type FakeRegistry, type ManifestDocument } from "../../helpers/fake-registry.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot, "layers hold devices and owners: only root can write them");

let folder = "";
let context: Context;
const servers: FakeRegistry[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mdk-hostile-"));
  context = createContext({ root: join(folder, "root"), runRoot: join(folder, "run"), environment: { HOME: folder }, now: () => new Date() });
});
afterEach(() => {
  for (const server of servers.splice(0)) server.stop();
  rmSync(folder, { recursive: true, force: true });
});

type Answer = Parameters<typeof fakeRegistry>[0];

function serve(answer: Answer): FakeRegistry {
  const server = fakeRegistry(answer);
  servers.push(server);
  return server;
}

/** Nothing of the image may be left: no name, layer, blob or draft. */
async function expectRefusal(answer: Answer, message: string | RegExp): Promise<FakeRegistry> {
  const server = serve(answer);
  await expect(pull(context, `${server.host}/x`)).rejects.toThrow(message);
  expect(summarizeImages(context)).toEqual([]);
  const left = ["layers", "blobs/sha256", "tmp"].flatMap((name) => readdirSync(join(context.root, name)));
  expect(left.filter((name) => name !== "pull.lock" && name !== "empty")).toEqual([]);
  return server;
}

const layer = archive([directory("./"), file("a", "x".repeat(50_000))]);
const honest = fakeImage([layer]);
const layerPath = `/blobs/${digestOf(layer)}`;

/** The honest image with another answer for its layer. */
const withLayer = (answer: (request: Request) => Response): Answer => (path, request) => (path.endsWith(layerPath) ? answer(request) : serveImage(honest, path));
const changed = (document: (manifest: ManifestDocument) => void): FakeImage => fakeImage([layer], { manifest: (manifest) => (document(manifest), manifest) });

describe("content that is not what its digest says is refused, and nothing stays", () => {
  const cases: readonly [what: string, answer: Answer, message: string | RegExp][] = [
    ["a wrong blob of the right size", withLayer(() => new Response(Buffer.alloc(layer.length, 1))), /verification failed|wrong checksum|octal/],
    ["a changed byte in a blob", withLayer(() => new Response(Buffer.concat([layer.subarray(0, 3000), Buffer.from("!"), layer.subarray(3001)]))), /verification failed for digest|diff id/],
    ["a short blob", withLayer(() => new Response(layer.subarray(0, 1000))), /ends after 1000 of|unexpected EOF/],
    ["a long blob", withLayer(() => new Response(Buffer.concat([layer, Buffer.alloc(10)]))), /is longer than/],
    ["a blob of another size than the manifest says", (path) => serveImage(changed((manifest) => (manifest.layers[0]!.size -= 512)), path), /is longer than/],
    ["a wrong diff id", (path) => serveImage(fakeImage([layer], { diffIds: [`sha256:${"1".repeat(64)}`] }), path), /diff id is/],
    ["fewer diff ids than layers", (path) => serveImage(fakeImage([layer], { diffIds: [] }), path), "names 0 layers, its manifest 1"],
    ["a config that was changed", (path) => (path.endsWith(digestOf(honest.config)) ? new Response(Buffer.from(honest.config.toString().replace("linux", "Linux"))) : serveImage(honest, path)), "verification failed"],
    ["another digest in the header than in the body", (path) => (path.includes("/manifests/") ? new Response(honest.manifest, { headers: { "docker-content-digest": `sha256:${"2".repeat(64)}` } }) : null), "manifest verification failed"],
    ["a manifest of 5 MiB", (path) => (path.includes("/manifests/") ? new Response(Buffer.alloc(5 << 20, 0x20)) : null), "larger than 4194304 bytes"],
    ["a manifest that has layers twice", (path) => (path.includes("/manifests/") ? new Response(honest.manifest.toString().replace('"layers":', '"layers":[],"layers":')) : serveImage(honest, path)), 'has the name "layers" twice in one object'],
    ["128 layers", (path) => serveImage(changed((manifest) => void (manifest.layers = Array(128).fill(manifest.layers[0]))), path), "128 layers, more than the 127"],
    ["an endless blob", withLayer(() => new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1 << 16)) }))), "is longer than"],
    ["a path for a digest", (path) => serveImage(changed((manifest) => (manifest.layers[0]!.digest = "sha256:../../x")), path), "invalid checksum digest format"],
    ["a blob that it does not have", (path) => (path.endsWith(layerPath) ? null : serveImage(honest, path)), "does not have blob"],
  ];
  for (const [what, answer, message] of cases) rootTest(what, async () => void (await expectRefusal(answer, message)));

  rootTest("a manifest by digest that is another one", async () => {
    const server = serve((path) => serveImage(honest, path));
    await expect(pull(context, `${server.host}/x@sha256:${"3".repeat(64)}`)).rejects.toThrow("manifest verification failed");
    expect((await pull(context, `${server.host}/x@${digestOf(honest.manifest)}`)).digest).toBe(digestOf(honest.manifest));
  });

  rootTest("127 layers work", async () => {
    const layers = Array.from({ length: 127 }, (_, at) => archive([file(`f${at}`, String(at))]));
    const image = fakeImage(layers);
    const server = serve((path) => serveImage(image, path));
    await pull(context, `${server.host}/x`);
    expect(summarizeImages(context)).toHaveLength(1);
  });

  rootTest("an archive that climbs out takes the good layers of its image along", async () => {
    const evil = archive([file("../evil")]);
    await expectRefusal((path) => serveImage(fakeImage([layer, evil]), path), "climbs out of its root");
  });
});

describe("archives that readers see differently", () => {
  const refused = (what: string, archives: readonly Buffer[], message: string | RegExp): void =>
    rootTest(what, async () => void (await expectRefusal((path) => serveImage(fakeImage(archives), path), message)));
  refused("overlay's whiteout as a device", [archive([directory("./"), { name: "x", type: "3", major: 0, minor: 0 }])], "a device 0:0, which is no device: x");
  refused("a layer in xz, by its name", [Buffer.concat([Buffer.from("fd377a585a00", "hex"), Buffer.alloc(1000)])], "a layer is compressed with xz, which mdk does not read");
  refused("data after the end", [Buffer.concat([layer, Buffer.from("more".repeat(128))])], "data after the end of the archive");
});

describe("an index", () => {
  const mine = process.arch === "x64" ? "amd64" : process.arch;
  const INDEX = "application/vnd.oci.image.index.v1+json";
  const entry = (architecture: string, change = 0): object => ({
    mediaType: "application/vnd.oci.image.manifest.v1+json", digest: digestOf(honest.manifest), size: honest.manifest.length + change, platform: { os: "linux", architecture },
  });
  const index = (...entries: object[]): Buffer => Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: entries }));
  const answer = (bytes: Buffer): Answer => (path) => (path.endsWith("/manifests/latest") ? new Response(bytes, { headers: { "content-type": INDEX } }) : serveImage(honest, path));

  rootTest("leads to the manifest of this host, and its own digest is the name's", async () => {
    const bytes = index(entry("s390x"), entry(mine));
    const server = serve(answer(bytes));
    expect((await pull(context, `${server.host}/x`)).digest).toBe(digestOf(bytes));
  });

  rootTest("without one says which there are", async () => {
    await expectRefusal(answer(index(entry("s390x"))), `no matching manifest for linux/${mine} in the manifest list entries`);
  });

  rootTest("that lies about a manifest's size, or leads to itself, is refused", async () => {
    await expectRefusal(answer(index(entry(mine, 1))), "its index says");
    const server = serve((path) => (path.includes("/manifests/") ? new Response(index(), { headers: { "content-type": INDEX } }) : null));
    await expect(pull(context, `${server.host}/x`)).rejects.toThrow("no matching manifest");
  });
});

describe("trouble on the way", () => {
  rootTest("a connection that breaks is taken up where it broke", async () => {
    let first = true;
    const server = serve(withLayer((request) => {
      const from = Number(/bytes=(\d+)-/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
      if (!first) return new Response(layer.subarray(from), { status: 206, headers: { "content-range": `bytes ${from}-${layer.length - 1}/${layer.length}` } });
      first = false;
      return new Response(layer.subarray(0, 20_000));
    }));
    await pull(context, `${server.host}/x`);
    expect(server.seen.filter(({ path }) => path.endsWith(layerPath)).map(({ range }) => range)).toEqual([null, "bytes=20000-"]);
  });

  rootTest("a registry that does not know ranges begins anew, and the bytes that are known are passed over", async () => {
    let first = true;
    const server = serve(withLayer(() => {
      const short = first;
      first = false;
      return new Response(short ? layer.subarray(0, 20_000) : layer);
    }));
    await pull(context, `${server.host}/x`);
    expect(summarizeImages(context)).toHaveLength(1);
  });

  rootTest("a manifest, a token and a blob at a byte now and then are given up", async () => {
    const drip = (bytes: Uint8Array): Response => new Response(new ReadableStream({
      async pull(controller) {
        for (const byte of bytes) {
          controller.enqueue(Uint8Array.of(byte));
          await Bun.sleep(20);
        }
        controller.close();
      },
    }));
    for (const slow of ["/manifests/", layerPath]) {
      const server = serve((path) => (path.includes(slow) ? drip(layer) : serveImage(honest, path)));
      const begun = performance.now();
      await expect(pull(context, `${server.host}/x`, { patienceMs: 200 })).rejects.toThrow("the registry sends too slowly: given up");
      expect(performance.now() - begun).toBeLessThan(20_000);
    }
    const server: FakeRegistry = serve((path) => (path === "/token" ? drip(Buffer.from(JSON.stringify({ token: "t".repeat(2000) })))
      : new Response("{}", { status: 401, headers: { "www-authenticate": `Bearer realm="http://${server.host}/token"` } })));
    const begun = performance.now();
    await expect(pull(context, `${server.host}/x`, { patienceMs: 200 })).rejects.toThrow("the registry sends too slowly: given up");
    expect(performance.now() - begun).toBeLessThan(5_000);
    expect(server.seen.filter(({ path }) => path === "/token").length).toBeGreaterThan(0);
    expect(summarizeImages(context)).toEqual([]);
  });

  rootTest("answers that are no HTTP, or break off, are told without words for who calls fetch", async () => {
    const manifest = "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.oci.image.manifest.v1+json\r\n";
    const cases: readonly [answer: string, told: RegExp][] = [
      ["garbage garbage\r\n\r\n", /: malformed HTTP response$/], ["HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", /: malformed HTTP response$/],
      ["HTTP/1.1 307 X\r\nLocation: http://[\r\nContent-Length: 0\r\n\r\n", /^http:\/\/127\.0\.0\.1:\d+ redirects to "http:\/\/\[", which is no address$/],
      [`${manifest}Content-Length: 50\r\n\r\n{}`, /^the manifest of 127\.0\.0\.1:\d+\/x:latest breaks off after \d bytes: connection reset by peer$/],
      [`${manifest}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, /^the manifest of .* breaks off after 0 bytes: malformed HTTP response$/],
    ];
    for (const [answer, told] of cases) {
      const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: (socket) => void (socket.write(answer), socket.end()) } });
      await expect(pull(context, `127.0.0.1:${listener.port}/x`)).rejects.toThrow(told);
      listener.stop(true);
    }
  });

  rootTest("429 and 503 are waited out", async () => {
    let count = 0;
    const server = serve((path) => (count++ < 2 ? new Response("", { status: count === 1 ? 429 : 503 }) : serveImage(honest, path)));
    await pull(context, `${server.host}/x`);
    expect(summarizeImages(context)).toHaveLength(1);
  });

  rootTest("an endless redirect, and one to another scheme, are refused", async () => {
    await expectRefusal((path) => new Response(null, { status: 307, headers: { location: path } }), "redirects more than 10 times");
    await expectRefusal(() => new Response(null, { status: 307, headers: { location: "file:///etc/passwd" } }), "which is not followed");
  });
});

describe("credentials", () => {
  const login = (host: string): void => writeFileSync(join(folder, "config.json"), JSON.stringify({ auths: { [host]: { auth: Buffer.from("user:secret").toString("base64") } } }));
  const basic = `Basic ${Buffer.from("user:secret").toString("base64")}`;
  const asked = (): Response => new Response("{}", { status: 401, headers: { "www-authenticate": 'Basic realm="x"' } });

  rootTest("go to the registry that asks, and never to where it redirects", async () => {
    const storage = serve((path) => serveImage(honest, path));
    const server = serve((path, request) => {
      if (request.headers.get("authorization") !== basic) return asked();
      if (path.includes("/blobs/")) return new Response(null, { status: 307, headers: { location: `http://${storage.host}${path}` } });
      return serveImage(honest, path);
    });
    login(server.host);
    await pull(context, `${server.host}/x`, { configFile: join(folder, "config.json") });
    expect(storage.seen.length).toBeGreaterThan(0);
    expect(storage.seen.map(({ authorization }) => authorization).filter((value) => value !== null)).toEqual([]);
    expect(server.seen[0]?.authorization).toBeNull();
  });

  rootTest("that are missing or wrong end in Docker's sentence", async () => {
    const server = await expectRefusal(() => asked(), /^pull access denied for 127\.0\.0\.1:\d+\/x, repository does not exist or may require 'docker login'$/);
    login(server.host);
    await expect(pull(context, `${server.host}/x`, { configFile: join(folder, "config.json") })).rejects.toThrow("pull access denied");
  });

  rootTest("a token is fetched for the scope, and once more when it has expired", async () => {
    let issued = 0;
    const tokens: (string | null)[] = [];
    const server: FakeRegistry = serve((path, request) => {
      const { searchParams } = new URL(request.url);
      if (path === "/token") {
        tokens.push(searchParams.get("scope"));
        return Response.json({ token: `t${++issued}` });
      }
      // The first token is good for the manifest only.
      const good = issued > 0 && request.headers.get("authorization") === `Bearer t${issued}` && (path.includes("/manifests/") || issued > 1);
      if (!good) return new Response("{}", { status: 401, headers: { "www-authenticate": `Bearer realm="http://${server.host}/token",service="s",scope="ignored"` } });
      return serveImage(honest, path);
    });
    await pull(context, `${server.host}/x`);
    expect(tokens).toEqual(["repository:x:pull", "repository:x:pull"]);
  });

  rootTest("a token service that answers no more than 401 ends the pull", async () => {
    const server: FakeRegistry = serve((path) =>
      path === "/token" ? new Response("{}", { status: 401 }) : new Response("{}", { status: 401, headers: { "www-authenticate": `Bearer realm="http://${server.host}/token"` } }));
    await expect(pull(context, `${server.host}/x`)).rejects.toThrow("pull access denied");
    expect(server.seen.filter(({ path }) => path === "/token")).toHaveLength(1);
  });

  rootTest("a realm on plain HTTP is not believed when the registry is not", async () => {
    const server = serve(() => new Response("{}", { status: 401, headers: { "www-authenticate": 'Bearer realm="ftp://example/token"' } }));
    await expect(pull(context, `${server.host}/x`)).rejects.toThrow("unusable token service");
  });
});
