/** From the flags of `run` and `create` to a request in the words of Docker's API. Files that flags name are read here. */
import { closeSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import { MdkError, messageOf } from "../../error.ts";
import type { ContainerConfig, CreateRequest, HostConfig, Ulimit } from "../../spec/container.ts";
import { cpuCount } from "../../engine/host/facts.ts";
import { decodeHostConfig } from "../../spec/decode.ts";
import { parseThrottleDevice, parseWeightDevice, THROTTLES } from "../../spec/block-io.ts";
import { parseDevice } from "../../spec/devices.ts";
import { withHostDefaults, type HostDefaults } from "../../spec/host-defaults.ts";
import { parseCgroupnsMode, parsePidMode, parseUtsMode } from "../../spec/namespace-modes.ts";
import { parseUlimit } from "../../spec/limits.ts";
import { parseMount } from "../../spec/mount-flag.ts";
import type { MountAsked } from "../../spec/mounts-asked.ts";
import { parseMacAddress } from "../../spec/network.ts";
import { parseExposeFlag, parsePublish } from "../../spec/ports.ts";
import { parseRestartPolicy } from "../../spec/restart-policy.ts";
import { validateRequest } from "../../spec/validate.ts";
import { RequestError, type Values } from "../grammar/flags.ts";
import { healthFlags } from "./health.ts";
import { networksOf, type Networks } from "./networks.ts";

const refuse = (message: string, hint?: string): MdkError => new RequestError(message, hint ?? null);

/** How the command's own streams are joined to the container's. */
export interface Attachment {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly terminal: boolean;
}

export interface RequestInput {
  readonly flags: Values;
  readonly image: string;
  readonly arguments: readonly string[];
  readonly attachment: Attachment;
  readonly interactive: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What counts where no flag says otherwise. */
  readonly defaults: HostDefaults;
}

/** What the flags ask for, checked as far as words go. Throws MdkError. */
export function requestOf(input: RequestInput): CreateRequest {
  const { flags } = input;
  const config = configOf(input);
  const networks = networksOf(flags);
  const request = { name: flags.string("name")?.replace(/^\//, "") ?? null, config, host: hostOf(input, config, networks), networks: networks.networks };
  validateRequest(request, cpuCount());
  return request;
}

function configOf(input: RequestInput): ContainerConfig {
  const { flags, attachment } = input;
  // An empty one is one: it clears the image's.
  const entrypoint = flags.given("entrypoint") ? (flags.string("entrypoint") ?? "") : null;
  const exposed = refusing(() => flags.list("expose").flatMap(parseExposeFlag));
  const config: ContainerConfig = {
    Hostname: flags.string("hostname") ?? "", Domainname: flags.string("domainname") ?? "", User: flags.string("user") ?? "",
    AttachStdin: attachment.stdin, AttachStdout: attachment.stdout, AttachStderr: attachment.stderr,
    Tty: attachment.terminal, OpenStdin: input.interactive, StdinOnce: input.interactive && attachment.stdin,
    Env: environmentFlags(flags, input.environment),
    Cmd: input.arguments.length === 0 ? null : [...input.arguments],
    Image: input.image, Volumes: anonymousOf(flags), WorkingDir: flags.string("workdir") ?? "",
    Entrypoint: entrypoint === null ? null : entrypoint === "" ? [""] : [entrypoint],
    Labels: labelsOf(flags), ...refusing(() => healthFlags(flags)),
  };
  if (exposed.length > 0) config.ExposedPorts = Object.fromEntries(exposed.map((port) => [port, {}]));
  const mac = flags.string("mac-address");
  if (mac !== null) config.MacAddress = macAddressOf(mac);
  const signal = flags.string("stop-signal");
  if (signal !== null) config.StopSignal = signal;
  const timeout = flags.int("stop-timeout");
  if (timeout !== null) config.StopTimeout = timeout;
  return config;
}

function macAddressOf(text: string): string {
  const mac = parseMacAddress(text.trim());
  if (mac === null) throw refuse(`${text} is not a valid mac address`);
  return mac;
}

function hostOf({ flags, defaults }: RequestInput, config: ContainerConfig, { mode }: Networks): HostConfig {
  const ports = refusing(() => parsePublish(flags.list("publish")));
  for (const port of Object.keys(ports)) (config.ExposedPorts ??= {})[port] = {};
  return decodeHostConfig(withHostDefaults({
    Binds: bindsOf(flags), Mounts: mountsOf(flags), VolumesFrom: listOf(flags, "volumes-from"), VolumeDriver: flags.string("volume-driver") ?? "", LogConfig: logOf(flags), NetworkMode: mode, PortBindings: ports,
    PublishAllPorts: flags.bool("publish-all"),
    RestartPolicy: refusing(() => parseRestartPolicy(flags.string("restart") ?? "")), AutoRemove: flags.bool("rm"),
    CapAdd: listOf(flags, "cap-add"), CapDrop: listOf(flags, "cap-drop"), GroupAdd: listOf(flags, "group-add"),
    Dns: flags.list("dns"), DnsOptions: [...flags.list("dns-option"), ...flags.list("dns-opt")], DnsSearch: flags.list("dns-search"),
    ExtraHosts: listOf(flags, "add-host")?.map(extraHostOf),
    Privileged: flags.bool("privileged"), ReadonlyRootfs: flags.bool("read-only"), Rootfs: flags.bool("rootfs") ? resolve(config.Image) : null, Init: flags.given("init") ? flags.bool("init") : null,
    Devices: refusing(() => listOf(flags, "device")?.map(parseDevice)), DeviceCgroupRules: listOf(flags, "device-cgroup-rule"),
    CgroupParent: flags.string("cgroup-parent"), IpcMode: flags.string("ipc"), PidMode: modeOf(flags, "pid", parsePidMode), UTSMode: modeOf(flags, "uts", parseUtsMode), CgroupnsMode: flags.string("cgroupns") === null ? "" : modeOf(flags, "cgroupns", parseCgroupnsMode),
    OomScoreAdj: flags.int("oom-score-adj"), ...securityOf(flags), Annotations: pairsOf(flags, "annotation", "="),
    Tmpfs: pairsOf(flags, "tmpfs", ":"), Sysctls: pairsOf(flags, "sysctl", "="),
    Memory: flags.bytes("memory"), MemorySwap: flags.bytes("memory-swap"), MemoryReservation: flags.bytes("memory-reservation"),
    MemorySwappiness: swappinessOf(flags), OomKillDisable: flags.given("oom-kill-disable") ? flags.bool("oom-kill-disable") : null,
    BlkioWeight: flags.int("blkio-weight"), BlkioWeightDevice: listOf(flags, "blkio-weight-device")?.map(parseWeightDevice),
    ...Object.fromEntries(THROTTLES.map(({ member, flag }) => [member, listOf(flags, flag)?.map((text) => parseThrottleDevice(text, flag))])),
    CpuRealtimePeriod: flags.int("cpu-rt-period"), CpuRealtimeRuntime: flags.int("cpu-rt-runtime"),
    NanoCpus: flags.nano("cpus"), CpuShares: flags.int("cpu-shares"), CpuPeriod: flags.int("cpu-period"), CpuQuota: flags.int("cpu-quota"),
    CpusetCpus: flags.string("cpuset-cpus"), CpusetMems: flags.string("cpuset-mems"), PidsLimit: flags.int("pids-limit"),
    Ulimits: refusing(() => ulimitsOf(flags)), ShmSize: flags.bytes("shm-size"),
  }, defaults, profileIn));
}

/** What no flag's grammar takes is the command line's mistake, for `create` too. */
function refusing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof MdkError ? refuse(error.message, error.hint ?? undefined) : error;
  }
}

const UNCONFINED_PATHS = "systempaths=unconfined";

/** What docker/cli makes of --security-opt before the engine sees it (cli/command/container/opts.go, parseSecurityOpts, parseSystemPaths). */
function securityOf(flags: Values): Pick<HostConfig, "SecurityOpt" | "MaskedPaths" | "ReadonlyPaths"> {
  const options = flags.list("security-opt").map((option) => {
    const [name, value] = splitAt(option, option.includes("=") ? "=" : ":");
    if (name === "no-new-privileges") return option;
    if (value === null || value === "") throw refuse(`Invalid --security-opt: ${JSON.stringify(option)}`);
    return name === "seccomp" && value !== "builtin" && value !== "unconfined" ? `seccomp=${profileIn(value)}` : option;
  });
  const others = options.filter((option) => option !== UNCONFINED_PATHS);
  const paths = others.length === options.length ? {} : { MaskedPaths: [], ReadonlyPaths: [] };
  return { SecurityOpt: others.length === 0 ? null : others, ...paths };
}

/** The JSON of a profile's file without its blanks; its numbers stay as they are written. */
function profileIn(path: string): string {
  let text: string;
  try {
    text = new TextDecoder().decode(readBounded(path));
  } catch (error) {
    if (error instanceof MdkError) throw error;
    throw refuse(`opening seccomp profile (${path}) failed: ${messageOf(error).replace(/^read: /, `read ${path}: `)}`);
  }
  try {
    JSON.parse(text);
  } catch {
    throw refuse(`compacting json for seccomp profile (${path}) failed: it is not valid JSON`);
  }
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, "$1");
}

/** docker/cli judges it, too. -1, the default: the kernel's own. */
function swappinessOf(flags: Values): number | null {
  const value = flags.int("memory-swappiness");
  if (value !== null && (value < -1 || value > 100)) throw refuse(`invalid value: ${value}. Valid memory swappiness range is 0-100`);
  return value;
}

/** Docker's command line judges these itself, under the name of the flag. */
function modeOf<T>(flags: Values, name: string, parse: (text: string) => T): T {
  try {
    return parse(flags.string(name) ?? "");
  } catch (error) {
    throw error instanceof MdkError ? refuse(`--${name}: ${error.message}`) : error;
  }
}

/** Null where the flag was not given. */
function listOf(flags: Values, name: string): readonly string[] | null {
  return flags.list(name).length === 0 ? null : flags.list(name);
}

/** "KEY=VALUE" or "TARGET:OPTIONS" as a map, the value empty where none is said; null where the flag was not given. */
function pairsOf(flags: Values, name: string, separator: string): Record<string, string> | null {
  const list = listOf(flags, name);
  return list === null ? null : Object.fromEntries(list.map((text) => { const [key, value] = splitAt(text, separator); return [key, value ?? ""]; }));
}

/** One a name, the last one given, in the order of names (docker/cli, opts/ulimit.go). */
function ulimitsOf(flags: Values): readonly Ulimit[] | null {
  const limits = new Map(flags.list("ulimit").map(parseUlimit).map((limit) => [limit.Name, limit]));
  return limits.size === 0 ? null : [...limits.values()].sort((a, b) => (a.Name < b.Name ? -1 : 1));
}

function logOf(flags: Values): unknown {
  const options = flags.list("log-opt").map((option) => {
    const [key, value] = splitAt(option, "=");
    if (value === null) throw refuse(`invalid logging opt format: ${option}`);
    return [key, value];
  });
  return { Type: flags.string("log-driver") ?? "", Config: Object.fromEntries(options) };
}

const isAnonymous = (text: string): boolean => !text.includes(":");

/** `-v TARGET` alone: as if the image had declared it. */
function anonymousOf(flags: Values): ContainerConfig["Volumes"] {
  const targets = flags.list("volume").filter(isAnonymous);
  return targets.length === 0 ? null : Object.fromEntries(targets.map((target) => [target, {}]));
}

function bindsOf(flags: Values): readonly string[] | null {
  const binds = flags.list("volume").filter((text) => !isAnonymous(text)).map(absoluteSource);
  return binds.length === 0 ? null : binds;
}

function mountsOf(flags: Values): readonly MountAsked[] | null {
  const mounts = flags.list("mount").map(parseMount).map((mount) => (mount.Source?.startsWith(".") === true ? { ...mount, Source: resolve(mount.Source) } : mount));
  return mounts.length === 0 ? null : mounts;
}

/** -v's source as the engine takes it: "./x" is below the directory of the command. */
function absoluteSource(text: string): string {
  if (!text.startsWith(".")) return text;
  const [source, rest] = splitAt(text, ":");
  return rest === null ? text : `${resolve(source)}:${rest}`;
}

function extraHostOf(text: string): string {
  const [name, address] = splitAt(text, /[:=]/.exec(text)?.[0] ?? ":");
  return `${name}:${address?.replace(/^\[(.*)\]$/, "$1")}`;
}

function splitAt(text: string, separator: string): [string, string | null] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, null] : [text.slice(0, at), text.slice(at + separator.length)];
}

function labelsOf(flags: Values): Record<string, string> {
  const lines = [...flags.list("label-file").flatMap((path) => linesOf(path)), ...flags.list("label")];
  return Object.fromEntries(lines.map((line) => { const [key, value] = splitAt(line, "="); return [key, value ?? ""]; }));
}

/**
 * Docker's rules: `KEY=value` as it is, `KEY` takes the caller's value; where there is none, a file's line says nothing and -e
 * takes the image's variable away (it stays `KEY`). Files first, the last one wins.
 */
export function environmentFlags(flags: Values, environment: Readonly<Record<string, string | undefined>>): string[] {
  const result = new Map<string, string>();
  const put = (line: string, file: boolean): void => {
    const [key, value] = splitAt(line, "=");
    if (key === "") throw refuse(`invalid environment variable: ${line}`);
    if (file && value !== null && /\s/.test(key)) throw refuse(`invalid env file: variable '${key}' contains whitespaces`);
    if (value !== null) result.set(key, line);
    else if (environment[key] !== undefined) result.set(key, `${key}=${environment[key]}`);
    else if (!file) result.set(key, key);
  };
  for (const path of flags.list("env-file")) for (const line of linesOf(path)) put(line, true);
  for (const line of flags.list("env")) put(line, false);
  return [...result.values()];
}

const FILE_BYTES_MAX = 1 << 20;

/** A file, or what a pipe brings (`--env-file <(…)`); what has no end (/dev/zero) is not read to it. */
function readBounded(path: string): Uint8Array {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(FILE_BYTES_MAX + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read) read = readSync(file, bytes, length, bytes.length - length, null);
    if (length > FILE_BYTES_MAX) throw refuse(`${path} is larger than 1 MiB`);
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

function linesOf(path: string): string[] {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(readBounded(path));
  } catch (error) {
    if (error instanceof MdkError) throw error;
    const code = (error as { code?: string }).code;
    throw refuse(code === "ENOENT" ? `open ${path}: no such file or directory` : `${path} is no readable UTF-8 text file`);
  }
  return text.split("\n").map((line) => line.replace(/\r$/, "").trimStart()).filter((line) => line !== "" && !line.startsWith("#"));
}
