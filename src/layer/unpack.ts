/** One layer from blob bytes to a directory in overlay format: inflate, hash, write, in one pass over each byte. */
import { MdkError } from "../error.ts";
import { O_DIRECTORY, O_NOFOLLOW, openAt } from "../sys/at.ts";
import { AT_FDCWD } from "../sys/mount.ts";
import { LayerWriter, told } from "./apply.ts";
import { decompress, type InflateLimits } from "./decompress.ts";
import { TarReader } from "./tar.ts";

export interface Unpack {
  /** An existing empty directory that nobody else writes to. */
  readonly directory: string;
  /** "sha256:…" of the uncompressed archive, as the image config has it. */
  readonly diffId: string;
  /** The blob's bytes; whoever makes them checks the blob's own digest and throws before the end if it is wrong. */
  readonly source: AsyncIterable<Uint8Array>;
  /** Told of each part of the archive before it is written; a throw ends the unpacking. */
  readonly guard?: (bytes: number) => void;
  /** Default: what is so without a configuration. */
  readonly limits?: InflateLimits;
}

/**
 * Fills the directory. The layer is not complete before finishLayer (its result says whether it must wait for the layers
 * below), and release() of the result must be called in any case. Errors: those of the archive ("archive-invalid",
 * "archive-escape", "archive-unsupported", "archive-too-large", "layer-corrupt", "layer-too-large"), "diff-id-mismatch",
 * "disk-full", and what `source` throws. On an error the directory holds something unfinished and must be thrown away.
 */
export async function unpackLayer({ directory, diffId, source, guard, limits }: Unpack): Promise<LayerWriter> {
  const writer = new LayerWriter(openAt(AT_FDCWD, directory, O_DIRECTORY | O_NOFOLLOW));
  try {
    const [algorithm] = diffId.split(":") as ["sha256" | "sha512"];
    const hash = new Bun.CryptoHasher(algorithm);
    const reader = new TarReader(writer);
    await decompress(source, (bytes) => {
      guard?.(bytes.length);
      hash.update(bytes);
      reader.push(bytes);
    }, limits === undefined ? {} : { limits });
    reader.end();
    const found = `${algorithm}:${hash.digest("hex")}`;
    if (found !== diffId) {
      throw new MdkError("corrupt", "diff-id-mismatch", `the layer is not what the image config says: its diff id is ${found}, not ${diffId}`);
    }
    return writer;
  } catch (error) {
    writer.release();
    throw told(error, "");
  }
}
