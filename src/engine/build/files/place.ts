/** Puts what was gathered for a COPY or ADD where the instruction says, as BuildKit's fsutil does. */
import { closeSync, openSync, writeSync } from "node:fs";
import { parseChmod } from "../../../build/context/chmod.ts";
import { MdkError } from "../../../error.ts";
import { baseOf, cname, isDirectory, join, parentOf } from "../../../layer/tree.ts";
import { resolveUser } from "../../../spec/user.ts";
import { roomGuard } from "../../../store/room.ts";
import { chmod, chown, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY, openAt, setTimes, statAt, unlinkAt, type Time } from "../../../sys/at.ts";
import { copyRange } from "../../../sys/copy-range.ts";
import { Turns } from "../../../sys/turns.ts";
import { userInRoot } from "../../host/in-root.ts";
import { isArchive, unpackArchive } from "./archive.ts";
import { copyGathered, refuseDirectory, refuseFile, type Dress } from "./copier.ts";
import { ensureDirectories, resolveDestination, type Destination } from "./destination.ts";
import type { Brought, Gathered } from "./gather.ts";
import { about, openOnly, openWithin, shown, type Gathering } from "./source.ts";

export interface PlaceFilesOptions {
  /** A writable mount; for --link an empty directory. O_DIRECTORY, lent. */
  readonly root: number;
  /** Where --chown's names are looked up: a descriptor of the root of what is built; null: it knows numbers only. */
  readonly names: number | null;
  /** Absolute. */
  readonly workingDirectory: string;
  /** Seconds since 1970; null: times are those of the files. */
  readonly sourceDateEpoch: number | null;
}

/** Of what a server or an archive says nothing. */
const FETCHED_MODE = 0o600;
const INLINE_MODE = 0o644;
/** Of directories that are missing on the way; --chmod's number is theirs, too, but not its words. */
const PARENTS_MODE = 0o755;

/** Throws MdkError: BuildKit's refusals, "chmod", "no-such-user", what was fetched late (gather.ts), and what the system refuses. Then `root` is unfinished, and thrown away. */
export async function placeFiles(gathered: Gathered, options: PlaceFilesOptions): Promise<void> {
  const { instruction, brought } = gathered;
  const { chown: user } = instruction;
  const mode = instruction.chmod === null ? null : parseChmod(instruction.chmod);
  const dress: Dress = {
    owner: user === null ? null : ownerOf(user, options.names), mode: mode?.apply ?? null, parents: (mode?.octal ?? PARENTS_MODE) & 0o777,
    time: options.sourceDateEpoch === null ? null : { seconds: options.sourceDateEpoch, nanoseconds: 0 },
  };
  const placer = new Placer(gathered, options, dress);
  for (const each of brought) await placer.put(each, brought.length);
}

/** By a number alone the group is that number, too (Dockerfile reference, "COPY --chown --chmod"). */
function ownerOf(user: string, names: number | null): { readonly uid: number; readonly gid: number } {
  const { uid, gid } = names === null ? resolveUser(user, null, null) : userInRoot(names, user, []);
  return { uid, gid: /^\d+$/.test(user) ? uid : gid };
}

class Placer {
  readonly #gathered: Gathered;
  readonly #options: PlaceFilesOptions;
  readonly #dress: Dress;

  constructor(gathered: Gathered, options: PlaceFilesOptions, dress: Dress) {
    this.#gathered = gathered;
    this.#options = options;
    this.#dress = dress;
  }

  async put(brought: Brought, count: number): Promise<void> {
    const { root, workingDirectory } = this.#options;
    const { signal } = this.#gathered.options;
    signal.throwIfAborted();
    const destination = resolveDestination(root, this.#gathered.instruction.destination, workingDirectory);
    ensureDirectories(root, destination.isDirectoryWanted ? destination.path : parentOf(destination.path), this.#dress);
    switch (brought.kind) {
      case "files": return await this.#files(brought, destination, count);
      case "inline": return this.#single(destination, count, { name: brought.name, mode: INLINE_MODE, time: null, from: brought.content });
      case "archive": {
        const fd = openOnly(brought.gathering);
        try {
          return await this.#unpack(fd, destination);
        } finally {
          closeSync(fd);
        }
      }
      case "fetched": {
        const { fd, modified } = await brought.open();
        if (brought.isUnpacked && (await isArchive(fd))) return await this.#unpack(fd, destination);
        return this.#single(destination, count, { name: brought.name, mode: FETCHED_MODE, time: modified, from: fd });
      }
    }
  }

  async #files({ gathering, isCheckout }: Brought & { readonly kind: "files" }, destination: Destination, count: number): Promise<void> {
    const { root } = this.#options;
    const turns = new Turns(this.#gathered.options.signal);
    const dress = isCheckout && this.#dress.mode === null ? { ...this.#dress, mode: checkoutMode } : this.#dress;
    if (gathering.top === null) {
      const { directory, base } = this.#place(destination, gathering.name, count);
      return await copyGathered(gathering, { root, directory, as: base, dress, turns });
    }
    if (destination.status !== null && !isDirectory(destination.status)) throw refuseFile(destination.path);
    ensureDirectories(root, destination.path, this.#dress);
    await copyGathered(gathering, { root, directory: destination.path, as: null, dress, turns });
    this.#settle(destination.path, gathering);
  }

  /** What the directory was before it stays, but its times are those of the one that was copied. */
  #settle(path: string, { top }: Gathering): void {
    const time = this.#dress.time ?? top?.modified;
    if (time === undefined) return;
    about(`copy to "/${shown(path)}"`, () => {
      const fd = openWithin(this.#options.root, path);
      try {
        setTimes(fd, time);
      } finally {
        closeSync(fd);
      }
    });
  }

  /** Where something that is no directory goes. */
  #place({ path, isDirectoryWanted, status }: Destination, name: string, count: number): { readonly directory: string; readonly base: string } {
    if (isDirectoryWanted || (status !== null && isDirectory(status))) return { directory: path, base: name };
    // BuildKit puts each in the other's place; Docker's reference says that it may not be, and Docker before it said so.
    if (count > 1) {
      const { kind } = this.#gathered.instruction;
      throw new MdkError("invalid", "build-several", `When using ${kind.toUpperCase()} with more than one source file, the destination must be a directory and end with a /`);
    }
    return { directory: parentOf(path), base: baseOf(path) };
  }

  #single(destination: Destination, count: number, { name, mode, time, from }: { readonly name: string; readonly mode: number; readonly time: Time | null; readonly from: number | Uint8Array }): void {
    const { directory, base } = this.#place(destination, name, count);
    const whole = join(directory, base);
    about(`write /${shown(whole)}`, () => {
      const parent = openWithin(this.#options.root, directory);
      try {
        const there = statAt(parent, cname(base));
        if (there !== null && isDirectory(there)) throw refuseDirectory(whole);
        if (there !== null) unlinkAt(parent, cname(base));
        this.#write(openAt(parent, cname(base), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600), { mode, time, from });
      } finally {
        closeSync(parent);
      }
    });
  }

  #write(fd: number, { mode, time, from }: { readonly mode: number; readonly time: Time | null; readonly from: number | Uint8Array }): void {
    try {
      if (typeof from === "number") copyAll(from, fd);
      else for (let at = 0; at < from.length; ) at += writeSync(fd, from, at);
      chown(fd, this.#dress.owner?.uid ?? 0, this.#dress.owner?.gid ?? 0);
      chmod(fd, this.#dress.mode === null ? mode : this.#dress.mode(mode, false));
      const set = this.#dress.time ?? time;
      if (set !== null) setTimes(fd, set);
    } finally {
      closeSync(fd);
    }
  }

  async #unpack(fd: number, destination: Destination): Promise<void> {
    const { root } = this.#options;
    ensureDirectories(root, destination.path, this.#dress);
    const into = openWithin(root, destination.path);
    try {
      const { paths, limits } = this.#gathered.options;
      await unpackArchive(fd, { into, owner: this.#dress.owner, guard: roomGuard(paths, limits.freePercent), limits });
    } finally {
      closeSync(into);
    }
  }
}

/** From the beginning, by a descriptor that stands there. */
function copyAll(from: number, to: number): void {
  const again = openSync(`/proc/self/fd/${from}`, "r");
  try {
    copyRange(again, to);
  } finally {
    closeSync(again);
  }
}

/** What git keeps of a mode is whether its owner may execute it. */
function checkoutMode(mode: number): number {
  return (mode & 0o100) === 0 ? 0o644 : 0o755;
}
