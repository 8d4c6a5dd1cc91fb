/** A process's environment and working directory, as moby and runc make them of request, image and terminal. Pure. */
import { MdkError } from "../error.ts";
import { DEFAULT_PATH } from "./defaults.ts";
import { cleanPath } from "./mount-types.ts";

/** The container's own environment (inspect's Config.Env): the request's first, then what the `base` (the image's) has beside it. */
export function mergeEnv(base: readonly string[], own: readonly string[]): string[] {
  const merged = new Map<string, string>();
  for (const entry of own) merged.set(envKey(entry), entry);
  for (const entry of base) if (!merged.has(envKey(entry))) merged.set(envKey(entry), entry);
  return [...merged.values()];
}

/**
 * The whole environment of a process: PATH, HOSTNAME, TERM with a terminal, then `env`, which replaces or (KEY alone)
 * removes; HOME where nothing set it. Order as moby and runc leave it.
 */
export function completeEnv(env: readonly string[], facts: { hostname: string; tty: boolean; home: string }): string[] {
  const all = new Map<string, string>([["PATH", `PATH=${DEFAULT_PATH}`], ["HOSTNAME", `HOSTNAME=${facts.hostname}`]]);
  if (facts.tty) all.set("TERM", "TERM=xterm");
  for (const entry of env) {
    if (entry.includes("=")) all.set(envKey(entry), entry);
    else all.delete(entry);
  }
  if (!all.has("HOME")) all.set("HOME", `HOME=${facts.home}`);
  return [...all.values()];
}

function envKey(entry: string): string {
  const equals = entry.indexOf("=", 1);
  return equals < 0 ? entry : entry.slice(0, equals);
}

/** Absolute and clean; "" is "/". Throws MdkError for a relative one. */
export function workingDirectory(path: string): string {
  if (path !== "" && !path.startsWith("/")) {
    throw new MdkError("invalid", "invalid-workdir", `the working directory '${path}' is invalid, it needs to be an absolute path`, {
      hint: "-w takes a path from the container's root",
    });
  }
  return cleanPath(path);
}
