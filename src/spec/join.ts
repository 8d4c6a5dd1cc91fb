/** A request joined with its image: what the container's row says and inspect shows. The only place where the two are merged. Pure. */
import { MdkError } from "../error.ts";
import type { ContainerDefaults } from "../image/config.ts";
import type { ContainerConfig } from "./container.ts";
import { mergeEnv } from "./environment.ts";
import { joinHealth } from "./health.ts";

/** What an image says of its containers. */
export type ImageDefaults = Pick<ContainerDefaults, "Env" | "Entrypoint" | "Cmd" | "WorkingDir" | "User" | "Labels" | "Volumes" | "ExposedPorts" | "StopSignal" | "Healthcheck" | "Shell">;

/** The request's words, the image's where it says nothing. `hostname` is for a request without one. Throws MdkError "no-command". */
export function joinConfig(config: ContainerConfig, image: ImageDefaults, hostname: string): ContainerConfig {
  const { entrypoint, cmd } = mergeCommand(image, { args: config.Cmd ?? [], entrypoint: config.Entrypoint });
  const joined: ContainerConfig = {
    ...config,
    Hostname: config.Hostname || hostname,
    User: config.User || image.User,
    Env: mergeEnv(image.Env, config.Env),
    Entrypoint: entrypoint.length === 0 ? null : [...entrypoint],
    Cmd: cmd.length === 0 ? null : [...cmd],
    WorkingDir: config.WorkingDir || image.WorkingDir,
    Labels: { ...image.Labels, ...config.Labels },
    Volumes: image.Volumes.length === 0 && config.Volumes === null ? null : { ...emptyObjects(image.Volumes), ...config.Volumes },
  };
  const health = joinHealth(config.Healthcheck, image.Healthcheck);
  if (health !== undefined) joined.Healthcheck = health;
  if (image.Shell !== null) joined.Shell = [...image.Shell];
  const exposed = { ...emptyObjects(image.ExposedPorts), ...config.ExposedPorts };
  if (Object.keys(exposed).length > 0) joined.ExposedPorts = exposed;
  const signal = config.StopSignal || image.StopSignal;
  if (signal !== "") joined.StopSignal = signal;
  else delete joined.StopSignal;
  return joined;
}

/** Entrypoint and arguments together, as moby merges them: an --entrypoint makes the image's Cmd void, [""] empties the image's own. */
export function mergeCommand(
  image: Pick<ImageDefaults, "Entrypoint" | "Cmd">,
  request: { readonly args: readonly string[]; readonly entrypoint: readonly string[] | null },
): { entrypoint: readonly string[]; cmd: readonly string[] } {
  const own = request.entrypoint;
  const entrypoint = own === null ? (image.Entrypoint ?? []) : own.length === 1 && own[0] === "" ? [] : own;
  const cmd = request.args.length > 0 || own !== null ? request.args : (image.Cmd ?? []);
  if (entrypoint.length + cmd.length === 0) {
    throw new MdkError("invalid", "no-command", "no command specified", { hint: "the image names none: write one after the image" });
  }
  return { entrypoint, cmd };
}

/** Go's map[string]struct{}. */
function emptyObjects(keys: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(keys.map((key) => [key, {}]));
}
