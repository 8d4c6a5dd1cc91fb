/** A registry that does what no real one would: its answers are the test's, and every request is written down. */
import { digestOf } from "../../src/image/digest.ts";

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | null;
  readonly range: string | null;
}

export interface FakeRegistry {
  readonly host: string;
  readonly seen: Seen[];
  stop(): void;
}

/** Serves `answer` on a free port of loopback; null is 404. */
export function fakeRegistry(answer: (path: string, request: Request) => Response | null | Promise<Response | null>): FakeRegistry {
  const seen: Seen[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1", port: 0, idleTimeout: 30,
    fetch: async (request) => {
      const { pathname } = new URL(request.url);
      seen.push({ method: request.method, path: pathname, authorization: request.headers.get("authorization"), range: request.headers.get("range") });
      return (await answer(pathname, request)) ?? new Response("{}", { status: 404 });
    },
  });
  return { host: `127.0.0.1:${server.port}`, seen, stop: () => void server.stop(true) };
}

export interface FakeImage {
  readonly manifest: Buffer;
  readonly config: Buffer;
  readonly layers: readonly Buffer[];
}

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";

export interface Lies {
  /** Written into the config in place of the true diff ids. */
  readonly diffIds?: readonly string[];
  /** Changes the manifest before it is written. */
  readonly manifest?: (document: ManifestDocument) => unknown;
  /** The image's `config`: Cmd, User, Volumes … Nothing without it. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface ManifestDocument {
  schemaVersion: number;
  mediaType: string;
  config: { mediaType: string; digest: string; size: number };
  layers: { mediaType: string; digest: string; size: number }[];
}

/** An image whose layers are these (uncompressed) archives, with what is told about them as true as asked for. */
export function fakeImage(layers: readonly Buffer[], lies: Lies = {}): FakeImage {
  const config = Buffer.from(JSON.stringify({
    architecture: process.arch === "x64" ? "amd64" : process.arch, os: "linux", created: "2024-01-02T03:04:05Z", config: lies.config ?? {},
    rootfs: { type: "layers", diff_ids: lies.diffIds ?? layers.map((layer) => digestOf(layer)) },
  }));
  const document: ManifestDocument = {
    schemaVersion: 2, mediaType: MANIFEST,
    config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: digestOf(config), size: config.length },
    layers: layers.map((layer) => ({ mediaType: "application/vnd.oci.image.layer.v1.tar", digest: digestOf(layer), size: layer.length })),
  };
  return { manifest: Buffer.from(JSON.stringify(lies.manifest?.(document) ?? document)), config, layers };
}

/** The honest answer for a path of the image; null for everything else. */
export function serveImage(image: FakeImage, path: string): Response | null {
  if (path.includes("/manifests/")) return new Response(image.manifest, { headers: { "content-type": MANIFEST, "docker-content-digest": digestOf(image.manifest) } });
  const digest = path.split("/blobs/")[1];
  const blob = [image.config, ...image.layers].find((bytes) => digestOf(bytes) === digest);
  return blob === undefined ? null : new Response(blob);
}
