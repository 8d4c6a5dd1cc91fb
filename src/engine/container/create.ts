/** Making a container of an image: the request joined with what the image says, checked, and given a row. */
import { closeSync, readFileSync } from "node:fs";
import { release } from "node:os";
import type { CreateRequest, HostConfig } from "../../spec/container.ts";
import { joinedContainer, joining, type IpcMode, type JoinedMode, type PidMode } from "../../spec/namespace-modes.ts";
import type { NetworkMode } from "../../spec/network-mode.ts";
import { joinConfig } from "../../spec/join.ts";
import { parseSecurityOptions } from "../../spec/security-options.ts";
import { checkLimits } from "../../spec/limits.ts";
import { discardUnsupported } from "../../spec/support.ts";
import { parsePorts } from "../../spec/ports.ts";
import { validateRequest } from "../../spec/validate.ts";
import { checkpoint, transaction } from "../../store/database.ts";
import { readContainer } from "../../store/containers.ts";
import { removeLocked, removeRunDirectory, takeOpLock } from "../end/settle.ts";
import { insertDraft, type Draft } from "../start/begin.ts";
import type { Context } from "../context.ts";
import { parseSignal } from "../../runtime/signals.ts";
import { cpuCount, machine } from "../host/facts.ts";
import { findContainer } from "./find.ts";
import { chooseEndpoints } from "../network/endpoints.ts";
import { limitSupport } from "../host/limit-support.ts";
import { resolveRootDirectory } from "../host/root-directory.ts";
import { newId, newName } from "../host/ids.ts";
import type { ImageFacts } from "../image/layers.ts";
import { chooseMounts } from "./mounts.ts";

/** What the container will be: nothing is written yet. Errors: MdkError in Docker's words. */
export async function draftContainer(context: Context, request: CreateRequest, image: ImageFacts, warn: (text: string) => void): Promise<Draft> {
  const host = supported(context, completed(context, request.host), warn);
  validateRequest({ ...request, host }, cpuCount());
  await checkProfile(host);
  const id = newId();
  const hostname = hostnameOf(context, host, id);
  const config = joinConfig(request.config, image.config, hostname);
  if (config.StopSignal !== undefined) parseSignal(config.StopSignal);
  parsePorts({ config, host });
  const endpoints = chooseEndpoints(context, { config, host, networks: request.networks });
  return {
    id, image: image.id, createdMs: context.now().getTime(), config, host, mounts: chooseMounts(context, { config, host }), endpoints,
    name: request.name ?? newName(0), named: request.name !== null,
  };
}

/** The host's, that of the container whose network it has, or its own. */
function hostnameOf(context: Context, { NetworkMode }: HostConfig, id: string): string {
  if (NetworkMode === "host") return readFileSync("/proc/sys/kernel/hostname", "utf8").trim();
  const joined = joinedContainer(NetworkMode);
  return joined === null ? id.slice(0, 12) : findContainer(context, joined).config.Hostname;
}

/**
 * What Docker's engine writes into a request: containers whose namespaces are joined by their ids, since names change hands (its sentence for
 * one that is not there), and the label of who shares the host's.
 */
function completed(context: Context, host: HostConfig): HostConfig {
  const idOf = <T extends PidMode | IpcMode | NetworkMode>(mode: T): T | JoinedMode => {
    const word = joinedContainer(mode);
    return word === null ? mode : joining(findContainer(context, word).id);
  };
  // moby daemon/create.go, generateSecurityOpt: who shares these with the host is told to be under no label.
  const unlabelled = host.SecurityOpt === null && (host.Privileged || host.PidMode === "host" || host.IpcMode === "host");
  const rootfs = host.Rootfs === undefined ? {} : { Rootfs: resolveRootDirectory(host.Rootfs, context.root) };
  return { ...host, ...rootfs, PidMode: idOf(host.PidMode), IpcMode: idOf(host.IpcMode), NetworkMode: idOf(host.NetworkMode), SecurityOpt: unlabelled ? ["label=disable"] : host.SecurityOpt };
}

/** Without the limits that this kernel does not have: Docker's warnings say so. */
function supported(context: Context, host: HostConfig, warn: (text: string) => void): HostConfig {
  const plain = host.BlkioWeight === 0 && host.BlkioWeightDevice === undefined && host.MemorySwappiness === undefined && host.OomKillDisable !== true
    && host.CpuRealtimePeriod === 0 && host.CpuRealtimeRuntime === 0;
  if (plain) return host;
  checkLimits(host, cpuCount());
  const kept = discardUnsupported(host, limitSupport(context));
  kept.warnings.forEach(warn);
  return kept.host;
}

/** A seccomp profile is read here to be refused early; what depends on the host is decided at every start. */
async function checkProfile({ SecurityOpt }: HostConfig): Promise<void> {
  const { seccomp } = parseSecurityOptions(SecurityOpt ?? []);
  if (typeof seccomp === "string") return;
  const { readProfile } = await import("../../spec/seccomp-file.ts");
  readProfile(seccomp.profile, { capabilities: [], machine: machine(), kernel: release() });
}

/** `docker create`. Returns the id. On failure nothing of it is left. */
export async function createContainer(context: Context, request: CreateRequest, image: ImageFacts, warn: (text: string) => void): Promise<string> {
  const draft = await draftContainer(context, request, image, warn);
  const volumes = draft.mounts.some((mount) => mount.type === "volume" && !mount.nocopy) ? await import("../start/volumes.ts") : null;
  // Nobody starts or removes it before it is whole.
  const opLock = volumes === null ? null : takeOpLock(context, draft.id, true);
  try {
    transaction(context.database(), () => insertDraft(context, draft, { phase: "created", transient: false }));
    if (opLock !== null) fill(context, draft, () => volumes?.fillUnstarted(context, draft));
  } catch (error) {
    if (opLock !== null) removeRunDirectory(context, draft.id);
    throw error;
  } finally {
    if (opLock !== null) closeSync(opLock);
  }
  checkpoint(context.database());
  return draft.id;
}

function fill(context: Context, { id }: Draft, work: () => void): void {
  try {
    work();
  } catch (error) {
    removeLocked(context, readContainer(context.database(), id)!, { takesVolumes: true });
    throw error;
  }
}
