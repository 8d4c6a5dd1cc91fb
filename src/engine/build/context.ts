/** A build context that comes from somewhere: as bytes (an archive, or a Dockerfile alone), or as a commit of a git repository. */
import { closeSync, constants, mkdirSync, openSync, readlinkSync } from "node:fs";
import { withoutPasswords, type RemoteContext } from "../../build/context/remote.ts";
import { MdkError } from "../../error.ts";
import { decompress } from "../../layer/decompress.ts";
import { TreePlacer } from "../../layer/place.ts";
import { TarReader } from "../../layer/tar.ts";
import { download } from "../../registry/download.ts";
import { O_DIRECTORY, openInRoot } from "../../sys/at.ts";
import { RESOLVE } from "../../sys/linux.ts";
import { readStream } from "../../sys/read-stream.ts";
import { storePaths } from "../../store/paths.ts";
import { roomGuard } from "../../store/room.ts";
import type { Context } from "../context.ts";
import { checkOut } from "./files/git.ts";

/** Of text, whoever wrote it. */
const DOCKERFILE_BYTES_MAX = 32 << 20;
const SNIFFED = 512;

/** Unpacks the archive into the directory, which is empty, and returns null; or the text of a Dockerfile. `source`: "-" or a URL. */
export async function unpackContext(context: Context, source: string, directory: string, signal: AbortSignal): Promise<string | null> {
  const chunks = source === "-" ? readStream(0, signal) : download(source, `failed to fetch the build context ${withoutPasswords(source)}`, { environment: context.environment, signal });
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < SNIFFED) {
    const { value, done } = await chunks.next();
    if (done === true) break;
    first.push(value);
    length += value.length;
  }
  const head = Buffer.concat(first);
  const all = async function* (): AsyncGenerator<Uint8Array, void> {
    yield head;
    yield* chunks;
  };
  if (isArchive(head)) {
    await unpack(context, all(), directory, signal);
    return null;
  }
  const text: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of all()) {
    size += chunk.length;
    if (size > DOCKERFILE_BYTES_MAX) throw new MdkError("invalid", "dockerfile-too-large", `what ${source === "-" ? "standard input" : withoutPasswords(source)} has is no archive, and larger than any Dockerfile`);
    text.push(chunk);
  }
  return new TextDecoder().decode(Buffer.concat(text));
}

/** Fetches the commit into a new directory within `folder` and returns the path of what is meant of it. Throws what checkOut throws, and "context-missing". */
export async function checkOutContext(context: Context, remote: RemoteContext & { readonly kind: "git" }, folder: string, { signal, keepsGit }: { readonly signal: AbortSignal; readonly keepsGit: boolean }): Promise<string> {
  const { path } = await checkOut(remote, { checksum: null, keepsGit: keepsGit && remote.directory === "", signal, environment: context.environment, paths: { ...storePaths(context.root), temporary: folder }, limits: context.settings.layers });
  const root = openSync(path, O_DIRECTORY | constants.O_RDONLY);
  try {
    // A link of the repository leads to what is in it.
    const directory = openInRoot(root, remote.directory === "" ? "." : remote.directory, O_DIRECTORY | constants.O_RDONLY);
    try {
      return readlinkSync(`/proc/self/fd/${directory}`);
    } finally {
      closeSync(directory);
    }
  } catch (error) {
    throw new MdkError("not-found", "context-missing", `failed to read the build context: ${withoutPasswords(remote.url)} has no directory ${remote.directory}`, { cause: error });
  } finally {
    closeSync(root);
  }
}

function isArchive(head: Buffer): boolean {
  const begins = (...bytes: number[]): boolean => bytes.every((byte, at) => head[at] === byte);
  return begins(0x1f, 0x8b) || begins(0x28, 0xb5, 0x2f, 0xfd) || begins(0x42, 0x5a, 0x68) || begins(0xfd, 0x37, 0x7a, 0x58, 0x5a) || head.subarray(257, 262).toString("latin1") === "ustar";
}

async function unpack(context: Context, source: AsyncIterable<Uint8Array>, directory: string, signal: AbortSignal): Promise<void> {
  const guard = roomGuard({ temporary: directory }, context.settings.layers.freePercent, { what: "the build context", hint: "free some space, or name another directory for it with TMPDIR" });
  await unpackWritten(directory, (write) => decompress(source, (bytes) => {
    signal.throwIfAborted();
    guard(bytes.length);
    write(bytes);
  }, { what: "the build context", limits: context.settings.layers }));
}

/** Unpacks what `work` writes, an archive, into the directory, which is made where it is missing. Throws what the work, TarReader and TreePlacer throw. */
export async function unpackWritten(directory: string, work: (write: (bytes: Uint8Array) => void) => Promise<unknown>): Promise<void> {
  mkdirSync(directory, { recursive: true });
  const root = openSync(directory, O_DIRECTORY | constants.O_RDONLY);
  const placer = new TreePlacer({ directory: "/", owner: "archive", open: (path) => openInRoot(root, path === "" ? "." : path, O_DIRECTORY, 0, RESOLVE.NO_MAGICLINKS) });
  const reader = new TarReader(placer);
  try {
    await work((bytes) => reader.push(bytes));
    reader.end();
    placer.finish();
  } finally {
    placer.release();
    closeSync(root);
  }
}
