/** The configuration of the host: /etc/mdk/daemon.json, or the file that --config-file or MDK_CONFIG_FILE names. */
import { closeSync, existsSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import { MdkError, messageOf } from "../error.ts";
import { DEFAULT_FILE, NO_SETTINGS, type Settings } from "../config/settings.ts";

const BYTES_MAX = 1 << 20;

/**
 * `asked`: null where nobody names a file; then there need not be one, and one look is all that it costs. Throws MdkError "config-unreadable", and
 * "config-invalid" with the place of what is wrong.
 */
export async function readSettings(asked: string | null): Promise<Settings> {
  const file = asked === null ? DEFAULT_FILE : resolve(asked);
  if (asked === null && !existsSync(file)) return NO_SETTINGS;
  const [{ parseSettings }, { nearest }] = await Promise.all([import("../config/parse.ts"), import("./grammar/flags.ts")]);
  return parseSettings(file, readText(file), nearest);
}

function readText(file: string): string {
  const refuse = (reason: string): MdkError => new MdkError("invalid", "config-unreadable", `unable to configure mdk with file ${file}: ${reason}`);
  const bytes = Buffer.alloc(BYTES_MAX + 1);
  let length = 0;
  try {
    const fd = openSync(file, "r");
    try {
      for (let read = -1; read !== 0 && length < bytes.length; length += read) read = readSync(fd, bytes, length, bytes.length - length, null);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw refuse(messageOf(error));
  }
  if (length > BYTES_MAX) throw refuse("it is larger than 1 MiB");
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, length));
  } catch {
    throw refuse("it is not UTF-8");
  }
}
