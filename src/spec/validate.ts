/**
 * What a request may not say, in Docker's words: all that can be judged without the host's state. Command line, API and build
 * refuse alike, since they all ask here. Pure.
 */
import { MdkError } from "../error.ts";
import { parseSignal } from "../runtime/signals.ts";
import type { ContainerConfig, CreateRequest, HostConfig } from "./container.ts";
import { checkDevice, deviceRules } from "./devices.ts";
import { checkNetworks } from "./endpoints-asked.ts";
import { workingDirectory } from "./environment.ts";
import { probeOf } from "./health.ts";
import { checkLimits } from "./limits.ts";
import { checkLogOptions } from "./log-options.ts";
import { resolveMounts } from "./mount-words.ts";
import { cleanPath } from "./mount-types.ts";
import { checkModes } from "./namespace-modes.ts";
import { parsePorts } from "./ports.ts";
import { parseSecurityOptions } from "./security-options.ts";
import { checkSysctls } from "./sysctls.ts";

/** `cpus`: how many this host has. Throws MdkError; a request that passes can be carried out as far as words go. */
export function validateRequest({ name, config, host, networks }: CreateRequest, cpus: number): void {
  if (name !== null) checkName(name);
  checkConfig(config);
  checkModes(host, config);
  checkNetworks({ config, host, networks });
  checkHost(host, cpus);
  parsePorts({ config, host });
}

/** moby daemon/names/names.go. */
export function checkName(name: string): void {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) throw invalid(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
}

function checkConfig(config: ContainerConfig): void {
  workingDirectory(config.WorkingDir);
  const { Hostname: hostname } = config;
  if (hostname !== "" && (hostname.length > 63 || !/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(hostname))) throw invalid(`invalid hostname format: ${hostname}`);
  // __NEW_UTS_LEN of include/uapi/linux/utsname.h.
  if (Buffer.byteLength(config.Domainname) > 64 || config.Domainname.includes("\0")) throw invalid(`invalid domainname format: ${config.Domainname}`);
  const words = [...(config.Entrypoint ?? []), ...(config.Cmd ?? []), ...config.Env];
  if (words.some((word) => word.includes("\0"))) throw invalid("invalid argument: a NUL byte in the command or its environment");
  if (config.StopSignal !== undefined) parseSignal(config.StopSignal);
  probeOf(config);
}

function checkHost(host: HostConfig, cpus: number): void {
  if (host.RestartPolicy.Name !== "no" && host.AutoRemove) throw invalid("conflicting options: cannot specify both --restart and --rm");
  checkLimits(host, cpus);
  host.Devices?.forEach(checkDevice);
  deviceRules(host.DeviceCgroupRules ?? []);
  checkLogOptions(host.LogConfig);
  checkSysctls(host.Sysctls ?? {}, host);
  if ("" in (host.Annotations ?? {})) throw invalid("invalid Annotation: the empty string is not permitted as an annotation key");
  parseSecurityOptions(host.SecurityOpt ?? []);
  if (host.Rootfs !== undefined && (cleanPath(host.Rootfs) !== host.Rootfs || host.Rootfs.includes("\0"))) throw invalid(`invalid root directory: ${host.Rootfs}: its path must be absolute`);
  [...(host.MaskedPaths ?? []), ...(host.ReadonlyPaths ?? [])].forEach(checkKernelPath);
  resolveMounts(host);
}

/** What a path of the image would hide is found nowhere before the container is there. */
function checkKernelPath(path: string): void {
  if (cleanPath(path) !== path || !/^\/(proc|sys)\//.test(path)) throw invalid(`invalid masked or read-only path: ${path}: only places below /proc and /sys can be`);
}

const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-request", message);
