/** `--log-opt`: what the json-file driver takes of Docker's options, checked and read. Pure. */
import { MdkError } from "../error.ts";
import type { HostConfig } from "./container.ts";
import { parseSize } from "./sizes.ts";

/** Throws Docker's sentence for an option that the driver does not have, or a value that is none. */
export function checkLogOptions({ Type, Config }: HostConfig["LogConfig"]): void {
  for (const [key, value] of Object.entries(Config)) {
    if (Type !== "json-file" || (key !== "max-size" && key !== "max-file")) throw invalid(`unknown log opt '${key}' for ${Type} log driver`);
    if (key === "max-size" && (parseSize(value) ?? -1) <= 0) throw invalid(`invalid value for max-size: '${value}'`);
    if (key === "max-file" && !/^[1-9]\d{0,3}$/.test(value)) throw invalid(`invalid value for max-file: '${value}'`);
  }
}

const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-log-opt", message);
