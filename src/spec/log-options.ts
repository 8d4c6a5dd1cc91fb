/** `--log-driver` and `--log-opt`: the drivers, what each takes of Docker's options, and how its files are rotated. Pure. */
import { MdkError } from "../error.ts";
import { parseSize } from "./sizes.ts";

/**
 * `local` is a json-file whose place nobody is told (no LogPath) and that is rotated as Docker's: its own format is Docker's private
 * affair, read by `logs` alone.
 */
export const LOG_DRIVERS = ["json-file", "local", "none"] as const;
export type LogDriver = (typeof LOG_DRIVERS)[number];

/** HostConfig.LogConfig. */
export interface LogConfig {
  Type: LogDriver;
  /** The driver's options. */
  Config: Record<string, string>;
}

/** Bytes a file, and files. Rotation is on by default: a container cannot fill the disk with its log. */
const ROTATION: Readonly<Record<Exclude<LogDriver, "none">, { readonly bytes: number; readonly files: number }>> = {
  "json-file": { bytes: 100_000_000, files: 3 },
  local: { bytes: 20 << 20, files: 5 }, // moby daemon/logger/local/config.go
};

/** Options of Docker's drivers that mdk does not carry out. */
const OTHERS: ReadonlySet<string> = new Set(["mode", "max-buffer-size", "labels", "labels-regex", "env", "env-regex", "tag"]);

/** Throws Docker's sentence for an option that the driver does not have, or a value that is none. */
export function checkLogOptions({ Type, Config }: LogConfig): void {
  for (const [key, value] of Object.entries(Config)) {
    if (Type !== "none" && (key === "max-size" || key === "max-file" || key === "compress")) checkValue(key, value);
    else if (Type !== "none" && OTHERS.has(key)) throw new MdkError("unsupported", "unsupported-log-opt", `log opt '${key}' is not supported by this version of mdk`);
    else throw invalid(Type === "local" ? `unknown log opt '${key}' for log driver local` : `unknown log opt '${key}' for ${Type} log driver`);
  }
}

function checkValue(key: string, value: string): void {
  if (key === "max-size" && (parseSize(value) ?? -1) <= 0) throw invalid(`invalid value for max-size: '${value}'`);
  if (key === "max-file" && !/^[1-9]\d{0,3}$/.test(value)) throw invalid(`invalid value for max-file: '${value}'`);
  if (key !== "compress" || /^(0|f|F|FALSE|false|False)$/.test(value)) return;
  throw new MdkError("unsupported", "unsupported-log-opt", `log opt 'compress=${value}' is not supported by this version of mdk`, { hint: "rotated logs are kept as they are: compress=false" });
}

/** Of checked options; null: nothing is logged. */
export function rotationOf({ Type, Config }: LogConfig): { readonly bytes: number; readonly files: number } | null {
  if (Type === "none") return null;
  const { bytes, files } = ROTATION[Type];
  const [size, count] = [Config["max-size"], Config["max-file"]];
  return { bytes: size === undefined ? bytes : Math.max(0, parseSize(size) ?? 0), files: count === undefined ? files : Math.max(1, Number(count)) };
}

const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-log-opt", message);
