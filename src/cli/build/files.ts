/** What a build reads before anything else: the Dockerfile and its ignore file. */
import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { basename, isAbsolute, join } from "node:path";
import { MdkError, messageOf } from "../../error.ts";
import { IgnoreRules, parseIgnoreFile } from "../../build/context/ignore.ts";

/** Much more than anybody writes; what has no end (/dev/zero) is not read to it. */
const FILE_BYTES_MAX = 32 << 20;
const CHUNK_BYTES = 1 << 16;

export interface DockerfileText {
  /** As errors and warnings show it. */
  readonly name: string;
  readonly text: string;
  /** Null: it came by standard input. */
  readonly path: string | null;
}

/** `file`: --file, "-" for standard input; null: "Dockerfile" in the directory, or "dockerfile" where there is none. Throws "not-found", "invalid". */
export function readDockerfile(directory: string, file: string | null): DockerfileText {
  if (file === "-") return { name: "Dockerfile", text: readText("/dev/stdin"), path: null };
  const [usual, lower] = [join(directory, "Dockerfile"), join(directory, "dockerfile")];
  const path = file ?? (existsSync(usual) || !existsSync(lower) ? usual : lower);
  return { name: isAbsolute(path) ? basename(path) : path, text: readText(path, directory), path };
}

/** `<Dockerfile>.dockerignore` goes before the directory's .dockerignore; null: neither is there. Throws "invalid" for patterns that are none. */
export function readIgnoreRules(directory: string, { path }: DockerfileText): IgnoreRules | null {
  const candidates = [...(path === null ? [] : [`${path}.dockerignore`]), join(directory, ".dockerignore")];
  const found = candidates.find((candidate) => existsSync(candidate));
  if (found === undefined) return null;
  try {
    return new IgnoreRules(parseIgnoreFile(readText(found, directory)));
  } catch (error) {
    throw error instanceof MdkError && error.code === "ignore-pattern" ? new MdkError(error.kind, error.code, `${found}: ${error.message}`, { cause: error, ...(error.hint === null ? {} : { hint: error.hint }) }) : error;
  }
}

/** What is below `directory` is told from there. */
function readText(path: string, directory = ""): string {
  try {
    return new TextDecoder().decode(readBounded(path));
  } catch (error) {
    if (error instanceof MdkError) throw error;
    throw new MdkError("not-found", "dockerfile-unreadable", `failed to read dockerfile: ${directory === "" ? messageOf(error) : messageOf(error).replace(`${directory}/`, "")}`, { cause: error });
  }
}

function readBounded(path: string): Uint8Array {
  const file = openSync(path, "r");
  try {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      const read = readSync(file, chunk, 0, CHUNK_BYTES, null);
      if (read === 0) return Buffer.concat(chunks);
      length += read;
      if (length > FILE_BYTES_MAX) throw new MdkError("invalid", "dockerfile-too-large", `${path} is larger than ${FILE_BYTES_MAX >> 20} MiB`);
      chunks.push(chunk.subarray(0, read));
    }
  } finally {
    closeSync(file);
  }
}
