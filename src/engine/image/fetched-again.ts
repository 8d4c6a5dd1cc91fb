/** Blobs of layers that were not kept ("keep-blobs": false): whoever wants them has them from a repository that the image was pulled from. */
import { MdkError, messageOf } from "../../error.ts";
import type { Digest } from "../../image/digest.ts";
import type { Descriptor } from "../../image/manifest.ts";
import { familiarRepository, parseReference } from "../../image/reference.ts";
import { Remote } from "../../registry/remote.ts";
import { repositoriesWith } from "../../store/images.ts";
import type { Context } from "../context.ts";
import { remoteOptions, type RegistryOptions } from "./registry-options.ts";

export interface Again {
  /** Whether a repository is known that has, or had, the blob. */
  knows(digest: Digest): boolean;
  /** Its bytes, not verified. Throws "blob-not-kept" where no repository gives them. */
  blob(descriptor: Descriptor, from: number): AsyncIterable<Uint8Array>;
}

/** Null where blobs are kept: one that is missing came with an older mdk then. */
export function fetchedAgain(context: Context, options: RegistryOptions, signal: AbortSignal): Again | null {
  if (context.settings.layers.keepBlobs) return null;
  const repositories = (digest: Digest): string[] => repositoriesWith(context.database(), digest);
  return {
    knows: (digest) => repositories(digest).length > 0,
    async *blob(descriptor, from) {
      const names = repositories(descriptor.digest);
      let at = from;
      let failure: unknown;
      for (const reference of names.map(parseReference)) {
        try {
          for await (const chunk of new Remote(reference, remoteOptions(context, reference, options, signal)).blob(descriptor, at)) {
            at += chunk.length;
            yield chunk;
          }
          return;
        } catch (error) {
          signal.throwIfAborted();
          failure = error;
        }
      }
      throw new MdkError("unavailable", "blob-not-kept", `the layer ${descriptor.digest} is not kept ("keep-blobs": false), and cannot be fetched again from ${names.map(familiarRepository).join(", ")}: ${messageOf(failure)}`, { cause: failure });
    },
  };
}
