/** Where an image lies that is in no registry and not in the store, in the words of containers-transports(5). Pure. */
import { MdkError } from "../error.ts";

export interface Location {
  readonly transport: "oci" | "oci-archive" | "docker-archive";
  readonly path: string;
  /** The tag of a layout, or the name that a docker-archive gives the image; null: the only one there. */
  readonly name: string | null;
}

/**
 * "oci:DIR[:TAG]", "oci-archive:FILE[:TAG]", "docker-archive:FILE[:REF]"; null: an image's name or id. The first colon ends the path, as with
 * skopeo: a path has none. An image of a registry that is called "oci" is told by its whole name, docker.io/library/oci. Throws "location-invalid".
 */
export function parseLocation(word: string): Location | null {
  const match = /^(oci|oci-archive|docker-archive):([^:]*)(?::(.*))?$/s.exec(word);
  if (match === null) return null;
  const [, transport, path, name] = match as unknown as [string, Location["transport"], string, string | undefined];
  if (path === "" || path.includes("\0")) throw new MdkError("invalid", "location-invalid", `${word} names no ${transport === "oci" ? "directory" : "file"}`, { hint: `write ${FORMS[transport]}` });
  if (name === "") throw new MdkError("invalid", "location-invalid", `${word} names no image after its last colon`, { hint: `write ${FORMS[transport]}` });
  return { transport, path, name: name ?? null };
}

const FORMS = { oci: "oci:DIR[:TAG]", "oci-archive": "oci-archive:FILE[:TAG]", "docker-archive": "docker-archive:FILE[:REF]" } as const;
