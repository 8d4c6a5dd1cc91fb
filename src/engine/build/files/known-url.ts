/** What was at a URL in earlier builds, by the tag that the server gives it (RFC 9110, 8.8.3): what still has that tag is not fetched only to be compared. */
import { digestOf, hexOf, type Digest } from "../../../image/digest.ts";
import { askTag, type Fetched, type FetchOptions } from "./fetch.ts";
import type { FileDigests } from "./source.ts";

export class KnownUrl {
  readonly #url: string;
  readonly #digests: FileDigests | null;

  constructor(url: string, digests: FileDigests | null) {
    this.#url = url;
    this.#digests = digests;
  }

  /** "sha256:…" of what is there; null: nobody knows before it is fetched. A server that gave no tag is not asked for one. */
  async find(options: FetchOptions): Promise<string | null> {
    const before = this.#digests?.find(this.#key("tag")) ?? null;
    if (before === null) return null;
    const tag = await askTag(this.#url, options);
    if (tag === null || hexOf(digestOf(tag)) !== before) return null;
    const digest = this.#digests?.find(this.#key("content", tag)) ?? null;
    return digest === null ? null : `sha256:${digest}`;
  }

  keep({ tag, digest }: Fetched): void {
    if (tag === null) return;
    this.#digests?.keep(this.#key("tag"), hexOf(digestOf(tag)));
    this.#digests?.keep(this.#key("content", tag), hexOf(digest as Digest));
  }

  #key(...words: readonly string[]): string {
    return hexOf(digestOf(JSON.stringify(["url", this.#url, ...words])));
  }
}
