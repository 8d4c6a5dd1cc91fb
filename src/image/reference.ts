/**
 * Names of images as Docker normalises them (distribution/reference): "ubuntu" is docker.io/library/ubuntu:latest.
 * Pure. Errors carry Docker's sentences.
 */
import { MdkError } from "../error.ts";
import { parseDigest, type Digest } from "./digest.ts";

export interface Reference {
  /** "docker.io", "localhost:5000", "[::1]:5000". */
  readonly domain: string;
  /** "library/ubuntu". */
  readonly path: string;
  readonly tag: string | null;
  readonly digest: Digest | null;
}

const DEFAULT_DOMAIN = "docker.io";
export const DEFAULT_TAG = "latest";
const LEGACY_DOMAIN = "index.docker.io";
const OFFICIAL = "library/";
const NAME_LENGTH_MAX = 255;

const DOMAIN = /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const PATH_COMPONENT = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const IDENTIFIER = /^[a-f0-9]{64}$/;

function invalid(detail: string): MdkError {
  return new MdkError("invalid", "reference-invalid", detail);
}

/** Whether it can be the name of a registry: a host with or without a port. */
export function isDomain(text: string): boolean {
  return DOMAIN.test(text);
}

/** Parses what a user typed; a missing tag stays null (withDefaultTag). Throws "reference-invalid", "digest-invalid". */
export function parseReference(text: string): Reference {
  if (IDENTIFIER.test(text)) {
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const [domain, remainder] = splitDomain(text);
  const colon = remainder.indexOf(":");
  const at = remainder.indexOf("@");
  const ends = [colon, at].filter((index) => index !== -1);
  const path = ends.length === 0 ? remainder : remainder.slice(0, Math.min(...ends));
  if (path.toLowerCase() !== path) {
    throw invalid(`invalid reference format: repository name (${path}) must be lowercase`);
  }
  const nameAndTag = at === -1 ? remainder : remainder.slice(0, at);
  const digest = at === -1 ? null : remainder.slice(at + 1);
  const tag = nameAndTag.length === path.length ? null : nameAndTag.slice(path.length + 1);
  const sound = DOMAIN.test(domain) && path.split("/").every((part) => PATH_COMPONENT.test(part)) &&
    (tag === null || TAG.test(tag)) && (digest === null || DIGEST.test(digest));
  if (!sound) throw invalid("invalid reference format");
  if (path.length > NAME_LENGTH_MAX) {
    throw invalid(`invalid reference format: repository name must not be more than ${NAME_LENGTH_MAX} characters`);
  }
  return { domain, path, tag, digest: digest === null ? null : parseDigest(digest, "invalid reference format") };
}

/** The first component is a registry only when it looks like a host: a dot, a port, "localhost", or a capital letter. */
function splitDomain(text: string): [domain: string, remainder: string] {
  const slash = text.indexOf("/");
  const first = text.slice(0, slash);
  const isHost = slash !== -1 && (/[.:]/.test(first) || first === "localhost" || first.toLowerCase() !== first);
  const domain = !isHost || first === LEGACY_DOMAIN ? DEFAULT_DOMAIN : first;
  const remainder = isHost ? text.slice(slash + 1) : text;
  if (domain === DEFAULT_DOMAIN && !remainder.includes("/")) return [domain, OFFICIAL + remainder];
  return [domain, remainder];
}

/** ":latest" where neither tag nor digest was given. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === null && reference.digest === null ? { ...reference, tag: DEFAULT_TAG } : reference;
}

/** "docker.io/library/ubuntu": the key of everything stored by name. */
export function repositoryOf(reference: Reference): string {
  return `${reference.domain}/${reference.path}`;
}

/** "docker.io/library/ubuntu:latest", "docker.io/library/ubuntu@sha256:…". A digest wins over a tag. */
export function canonicalName(reference: Reference): string {
  return repositoryOf(reference) + suffixOf(reference);
}

/** "ubuntu:latest": the name as people write it. */
export function familiarName(reference: Reference): string {
  return familiarRepository(repositoryOf(reference)) + suffixOf(reference);
}

function suffixOf(reference: Reference): string {
  if (reference.digest !== null) return `@${reference.digest}`;
  return reference.tag === null ? "" : `:${reference.tag}`;
}

/** "ubuntu" of "docker.io/library/ubuntu", "user/app" of "docker.io/user/app"; other registries keep their domain. */
export function familiarRepository(repository: string): string {
  if (!repository.startsWith(`${DEFAULT_DOMAIN}/`)) return repository;
  const path = repository.slice(DEFAULT_DOMAIN.length + 1);
  return path.startsWith(OFFICIAL) && !path.slice(OFFICIAL.length).includes("/") ? path.slice(OFFICIAL.length) : path;
}
