/** Making a container of an image: the request joined with what the image says, checked, and given a row. */
import { readFileSync } from "node:fs";
import type { CreateRequest } from "../../spec/container.ts";
import { joinConfig } from "../../spec/join.ts";
import { parsePorts } from "../../spec/ports.ts";
import { validateRequest } from "../../spec/validate.ts";
import { checkpoint, transaction } from "../../store/database.ts";
import { insertDraft, type Draft } from "../start/begin.ts";
import type { Context } from "../context.ts";
import { parseSignal } from "../../runtime/signals.ts";
import { cpuCount } from "../host/facts.ts";
import { newId, newName } from "../host/ids.ts";
import type { ImageFacts } from "../image/layers.ts";
import { chooseMounts } from "./mounts.ts";

/** What the container will be: nothing is written yet. Errors: MdkError in Docker's words. */
export function draftContainer(context: Context, request: CreateRequest, image: ImageFacts): Draft {
  const { host } = request;
  validateRequest(request, cpuCount());
  const id = newId();
  const hostname = host.NetworkMode === "host" ? readFileSync("/proc/sys/kernel/hostname", "utf8").trim() : id.slice(0, 12);
  const config = joinConfig(request.config, image.config, hostname);
  if (config.StopSignal !== undefined) parseSignal(config.StopSignal);
  parsePorts({ config, host });
  return {
    id, image: image.id, createdMs: context.now().getTime(), config, host, mounts: chooseMounts(context, { config, host }),
    name: request.name ?? newName(0), named: request.name !== null,
  };
}

/** `docker create`. Returns the id. */
export function createContainer(context: Context, request: CreateRequest, image: ImageFacts): string {
  const draft = draftContainer(context, request, image);
  transaction(context.database(), () => insertDraft(context, draft, { phase: "created", transient: false }));
  checkpoint(context.database());
  return draft.id;
}
