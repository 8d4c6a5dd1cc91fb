/** The image of a container as lists have it (moby daemon/list.go, refreshImage; docker/cli formatter/container.go). */
import type { Context } from "../../engine/context.ts";
import { leadsTo } from "../../engine/image/named.ts";
import { familiarName, familiarRepository, parseReference, repositoryOf } from "../../image/reference.ts";
import type { ContainerLine } from "../../store/containers.ts";

/** What the user called it, or its id when that name is another one's or nobody's by now; `full`: not shortened. Each name is looked up once. */
export function imageTeller(context: Context): (container: Pick<ContainerLine, "image" | "imageName">, full: boolean) => string {
  const known = new Map<string, boolean>();
  return ({ image, imageName }, full) => {
    const key = `${image} ${imageName}`;
    const isNamed = known.get(key) ?? leadsTo(context.database(), imageName, image);
    known.set(key, isNamed);
    if (full) return isNamed ? imageName : image;
    return !isNamed || short(imageName) === short(image) ? short(image) : shortName(imageName);
  };
}

const short = (id: string): string => id.replace(/^sha256:/, "").slice(0, 12);

/** Without its digest, and what Docker Hub's names need not say. */
function shortName(name: string): string {
  if (!/@|^(?:index\.)?docker\.io\/|^library\//.test(name)) return name;
  try {
    const reference = parseReference(name);
    return reference.tag === null ? familiarRepository(repositoryOf(reference)) : familiarName({ ...reference, digest: null });
  } catch {
    // A place (oci:DIR).
    return name;
  }
}
