/** Making a container of an image: the request joined with what the image says, checked, and given a row. */
import { readFileSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { mergeCommand, mergeEnv } from "../../spec/generate.ts";
import { parsePorts } from "../../spec/ports.ts";
import type { ContainerConfig, CreateRequest } from "../../spec/container.ts";
import { checkpoint, transaction } from "../../store/database.ts";
import { insertDraft, type Draft } from "../start/begin.ts";
import { parseBind } from "../start/binds.ts";
import type { Context } from "../context.ts";
import { parseSignal } from "../../runtime/signals.ts";
import { newId, newName } from "../host/ids.ts";
import type { ImageFacts } from "../image/layers.ts";

/** What the container will be: nothing is written yet. Errors: MdkError in Docker's words. */
export function draftContainer(context: Context, request: CreateRequest, image: ImageFacts): Draft {
  const id = newId();
  const config = joinConfig(request, image, id.slice(0, 12));
  for (const bind of request.host.Binds ?? []) parseBind(bind);
  if (config.StopSignal !== undefined) parseSignal(config.StopSignal);
  parsePorts(request.host.PortBindings);
  return { id, image: image.id, createdMs: context.now().getTime(), config, host: request.host, name: request.name ?? newName(0), named: request.name !== null };
}

/** `docker create`. Returns the id. */
export function createContainer(context: Context, request: CreateRequest, image: ImageFacts): string {
  const draft = draftContainer(context, request, image);
  transaction(context.database(), () => insertDraft(context, draft, { phase: "created", transient: false }));
  checkpoint(context.database());
  return draft.id;
}

function joinConfig(request: CreateRequest, image: ImageFacts, shortId: string): ContainerConfig {
  const { config } = request;
  const { entrypoint, cmd } = mergeCommand(image.config, { args: config.Cmd ?? [], entrypoint: config.Entrypoint });
  if (entrypoint.some((word) => word.includes("\0")) || cmd.some((word) => word.includes("\0"))) throw new MdkError("nul", "invalid argument: a NUL byte in the command");
  const joined: ContainerConfig = {
    ...config,
    Hostname: config.Hostname !== "" ? config.Hostname : request.host.NetworkMode === "host" ? readFileSync("/proc/sys/kernel/hostname", "utf8").trim() : shortId,
    User: config.User !== "" ? config.User : image.config.User,
    Env: mergeEnv(image.config, config.Env),
    Entrypoint: entrypoint.length === 0 ? null : [...entrypoint],
    Cmd: cmd.length === 0 ? null : [...cmd],
    WorkingDir: config.WorkingDir !== "" ? config.WorkingDir : image.config.WorkingDir,
    Labels: { ...image.config.Labels, ...config.Labels },
    Volumes: image.config.Volumes.length === 0 ? null : emptyObjects(image.config.Volumes),
  };
  const exposed = { ...emptyObjects(image.config.ExposedPorts), ...config.ExposedPorts };
  if (Object.keys(exposed).length > 0) joined.ExposedPorts = exposed;
  const signal = config.StopSignal ?? image.config.StopSignal;
  if (signal !== undefined && signal !== "") joined.StopSignal = signal;
  return joined;
}

/** Go's map[string]struct{}. */
function emptyObjects(keys: readonly string[]): Record<string, Record<string, never>> {
  return Object.fromEntries(keys.map((key) => [key, {}]));
}
