/** --cidfile: refused when it is there, removed again when no container came of it. */
import { EXIT, CommandError } from "../exit.ts";
import { closeSync, openSync, unlinkSync, writeSync } from "node:fs";
import { messageOf } from "../../error.ts";

export interface CidFile {
  write(id: string): void;
  close(): void;
}

/** Null path: a file that is none. Throws MdkError in Docker's words. */
export function createCidFile(path: string | null): CidFile {
  if (path === null) return { write() {}, close() {} };
  let descriptor: number;
  try {
    descriptor = openSync(path, "wx", 0o644);
  } catch (error) {
    const { code } = error as { code?: string };
    const text = code === "EEXIST" ? `container ID file found, make sure the other container isn't running or delete ${path}` : `failed to create the container ID file: ${messageOf(error)}`;
    throw new CommandError(EXIT.engine, "cidfile", text, { cause: error });
  }
  let written = false;
  return {
    write(id) {
      writeSync(descriptor, id);
      written = true;
    },
    close() {
      closeSync(descriptor);
      if (!written) unlinkSync(path);
    },
  };
}
