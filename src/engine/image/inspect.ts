/** An image in Docker's inspect JSON (Engine API, GET /images/{name}/json). */
import { parseConfig } from "../../image/config.ts";
import { familiarRepository } from "../../image/reference.ts";
import { readBlob } from "../../store/blobs.ts";
import { findImage, layersOf, listDigests, listTags, noSuchImage } from "../../store/images.ts";
import { storePaths } from "../../store/paths.ts";
import type { Context } from "../context.ts";

/** Fields that Docker always shows, with the values of an image that does not set them. */
const CONFIG_DEFAULTS = {
  Hostname: "", Domainname: "", User: "", AttachStdin: false, AttachStdout: false, AttachStderr: false, Tty: false, OpenStdin: false,
  StdinOnce: false, Env: null, Cmd: null, Image: "", Volumes: null, WorkingDir: "", Entrypoint: null, OnBuild: null, Labels: null,
};
/** What Go prints for a time that was never set. */
const NEVER = "0001-01-01T00:00:00Z";

/** `word`: a name, an id or its prefix. Throws "no-such-image", "image-ambiguous", "reference-invalid". */
export function inspectImage(context: Context, word: string): object {
  const database = context.database();
  const found = findImage(database, word);
  if (found === null) throw noSuchImage(word);
  const { image } = found;
  const paths = storePaths(context.root);
  const config = parseConfig(readBlob(paths, image.id), word);
  const { document } = config;
  const tags = listTags(database, image.id);
  const layers = layersOf(database, image.id).map(({ id }) => paths.layerTree(id)).reverse();
  const [upper, ...lower] = layers;
  return {
    Id: image.id,
    RepoTags: tags.map(({ repository, tag }) => `${familiarRepository(repository)}:${tag}`),
    RepoDigests: listDigests(database, image.id).map(({ repository, digest }) => `${familiarRepository(repository)}@${digest}`),
    Parent: "", Comment: text(document.comment), Created: image.created === "" ? NEVER : image.created,
    Container: text(document.container), DockerVersion: text(document.docker_version), Author: config.author,
    Config: { ...CONFIG_DEFAULTS, ...(document.config ?? {}) },
    Architecture: image.architecture, ...(image.variant === "" ? {} : { Variant: image.variant }), Os: image.os,
    Size: image.size, VirtualSize: image.size,
    GraphDriver: { Data: { ...(lower.length === 0 ? {} : { LowerDir: lower.join(":") }), UpperDir: upper }, Name: "overlay2" },
    RootFS: { Type: "layers", Layers: config.diffIds },
    Metadata: { LastTagTime: image.pulled },
  };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
