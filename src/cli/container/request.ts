/** From the flags of `run` and `create` to a request in the words of Docker's API. Files that flags name are read here. */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { MdkError, EXIT } from "../../error.ts";
import type { ContainerConfig, CreateRequest, HostConfig } from "../../spec/container.ts";
import { parseSize } from "../../spec/sizes.ts";
import type { Values } from "../grammar/flags.ts";
import { parsePublish, parseExpose } from "./ports.ts";

const refuse = (message: string, hint?: string): MdkError =>
  new MdkError("invalid-flag", message, { status: EXIT.engine, ...(hint === undefined ? {} : { hint }) });

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
}

/** Validates everything that can be judged without the image and the host. Throws MdkError, status 125. */
export function requestOf(input: RequestInput): CreateRequest {
  const { flags } = input;
  const name = flags.string("name");
  if (name !== null && !/^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
    throw refuse(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  }
  const config = configOf(input);
  const host = hostOf(flags, config);
  return { name: name === null ? null : name.replace(/^\//, ""), config, host };
}

function configOf(input: RequestInput): ContainerConfig {
  const { flags, attachment } = input;
  const entrypoint = flags.string("entrypoint");
  const workdir = flags.string("workdir") ?? "";
  if (workdir !== "" && !workdir.startsWith("/")) throw refuse(`the working directory '${workdir}' is invalid, it needs to be an absolute path`);
  const hostname = flags.string("hostname") ?? "";
  if (hostname !== "" && (hostname.length > 63 || !/^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(hostname))) throw refuse(`invalid hostname format: ${hostname}`);
  const exposed = flags.list("expose").flatMap(parseExpose);
  const config: ContainerConfig = {
    Hostname: hostname, Domainname: flags.string("domainname") ?? "", User: flags.string("user") ?? "",
    AttachStdin: attachment.stdin, AttachStdout: attachment.stdout, AttachStderr: attachment.stderr,
    Tty: attachment.terminal, OpenStdin: input.interactive, StdinOnce: input.interactive && attachment.stdin,
    Env: environmentOf(flags, input.environment),
    Cmd: input.arguments.length === 0 ? null : [...input.arguments],
    Image: input.image, Volumes: null, WorkingDir: workdir,
    Entrypoint: entrypoint === null ? null : entrypoint === "" ? [""] : [entrypoint],
    Labels: labelsOf(flags),
  };
  if (exposed.length > 0) config.ExposedPorts = Object.fromEntries(exposed.map((port) => [port, {}]));
  const signal = flags.string("stop-signal");
  if (signal !== null) config.StopSignal = signal;
  const timeout = flags.int("stop-timeout");
  if (timeout !== null) config.StopTimeout = timeout;
  return config;
}

function hostOf(flags: Values, config: ContainerConfig): HostConfig {
  const ports = parsePublish(flags.list("publish"));
  for (const port of Object.keys(ports)) config.ExposedPorts = { ...config.ExposedPorts, [port]: {} };
  const restart = flags.string("restart") ?? "no";
  if (restart !== "no" && restart !== "" && flags.bool("rm")) throw refuse("conflicting options: cannot specify both --restart and --rm");
  if (restart !== "no" && restart !== "") throw refuse(`--restart ${restart} is not supported by this version of mdk`);
  const init = flags.given("init") ? { Init: flags.bool("init") } : {};
  return {
    Binds: flags.list("volume").length === 0 ? null : flags.list("volume").map(bindOf),
    LogConfig: logOf(flags), NetworkMode: networkOf(flags), PortBindings: ports,
    RestartPolicy: { Name: "no", MaximumRetryCount: 0 }, AutoRemove: flags.bool("rm"),
    CapAdd: flags.list("cap-add").length === 0 ? null : [...flags.list("cap-add")],
    CapDrop: flags.list("cap-drop").length === 0 ? null : [...flags.list("cap-drop")],
    Dns: [...flags.list("dns")], DnsOptions: [...flags.list("dns-option"), ...flags.list("dns-opt")], DnsSearch: [...flags.list("dns-search")],
    ExtraHosts: flags.list("add-host").length === 0 ? null : flags.list("add-host").map(extraHostOf),
    Privileged: flags.bool("privileged"), ReadonlyRootfs: flags.bool("read-only"), ...init,
    ...memoryOf(flags), NanoCpus: cpusOf(flags), CpuShares: atLeast(flags, "cpu-shares", 0) ?? 0,
    CpusetCpus: cpusetOf(flags, "cpuset-cpus"), CpusetMems: cpusetOf(flags, "cpuset-mems"),
    PidsLimit: flags.int("pids-limit"), ShmSize: shmOf(flags),
  };
}

function memoryOf(flags: Values): Pick<HostConfig, "Memory" | "MemorySwap"> {
  const memory = flags.bytes("memory") ?? 0;
  const swap = flags.bytes("memory-swap") ?? 0;
  if (memory < 0 || (memory > 0 && memory < 6 * 1024 * 1024)) throw refuse("Minimum memory limit allowed is 6MB");
  if (swap > 0 && memory === 0) throw refuse("You should always set the Memory limit when using Memoryswap limit, see usage");
  if (swap > 0 && swap < memory) throw refuse("Minimum memoryswap limit should be larger than memory limit, see usage");
  return { Memory: memory, MemorySwap: swap };
}

/** 0 is the default, as Docker has it. */
function shmOf(flags: Values): number {
  const size = flags.bytes("shm-size") ?? 0;
  if (size < 0) throw refuse("SHM size can not be less than 0");
  return size || 64 * 1024 * 1024;
}

function cpusOf(flags: Values): number {
  const nano = flags.nano("cpus") ?? 0;
  if (nano === 0) return 0;
  // The kernel's least quota is 1 ms of a 100 ms period.
  if (nano < 10_000_000) throw refuse("Range of CPUs is from 0.01 up");
  const available = navigator.hardwareConcurrency;
  if (nano > available * 1e9) throw refuse(`Range of CPUs is from 0.01 to ${available.toFixed(2)}, as there are only ${available} CPUs available`);
  return nano;
}

function atLeast(flags: Values, name: string, least: number): number | null {
  const value = flags.int(name);
  if (value !== null && value < least) throw refuse(`invalid value ${value} for --${name}: it must be at least ${least}`);
  return value;
}

function cpusetOf(flags: Values, name: string): string {
  const value = flags.string(name) ?? "";
  if (value !== "" && !/^\d{1,5}(-\d{1,5})?(,\d{1,5}(-\d{1,5})?)*$/.test(value)) throw refuse(`Invalid value ${value} for ${name}`);
  return value;
}

function networkOf(flags: Values): string {
  const names = [...flags.list("network"), ...flags.list("net")];
  if (names.length > 1) throw refuse("conflicting options: cannot attach both user-defined and non-user-defined network-modes");
  const name = names[0] ?? "bridge";
  if (name === "default") return "bridge";
  if (name !== "bridge" && name !== "none" && name !== "host") throw refuse(`network ${name} not found`, "this version of mdk has the networks bridge, none and host");
  return name;
}

function logOf(flags: Values): HostConfig["LogConfig"] {
  const driver = flags.string("log-driver") ?? "json-file";
  if (driver !== "json-file" && driver !== "none") throw refuse(`logger: no log driver named '${driver}' is registered`, "mdk has json-file and none");
  const options: Record<string, string> = {};
  for (const option of flags.list("log-opt")) {
    const [key = "", value] = splitAt(option, "=");
    if (value === null) throw refuse(`invalid logging opt format: ${option}`);
    if (driver !== "json-file" || (key !== "max-size" && key !== "max-file")) throw refuse(`unknown log opt '${key}' for ${driver} log driver`);
    if (key === "max-size" && (parseSize(value) ?? -1) <= 0) throw refuse(`invalid value for max-size: '${value}'`);
    if (key === "max-file" && !/^[1-9]\d{0,3}$/.test(value)) throw refuse(`invalid value for max-file: '${value}'`);
    options[key] = value;
  }
  return { Type: driver, Config: options };
}

function bindOf(text: string): string {
  const parts = text.split(":");
  const [source = "", target, options] = parts;
  if (target === undefined && source.startsWith("/")) throw refuse(`-v ${text}: anonymous volumes are not supported by this version of mdk`, "give a host path: -v /host:/container");
  if (parts.length > 3 || source === "" || target === undefined || target === "") throw refuse(`invalid volume specification: '${text}'`);
  if (!target.startsWith("/")) throw refuse(`invalid volume specification: '${text}': invalid mount config for type "bind": invalid mount path: '${target}' mount path must be absolute`);
  const absolute = source.startsWith(".") ? resolve(source) : source;
  if (!absolute.startsWith("/")) throw refuse(`-v ${text}: named volumes are not supported by this version of mdk`, "give a host path: -v /host:/container");
  return [absolute, target, ...(options === undefined ? [] : [options])].join(":");
}

function extraHostOf(text: string): string {
  const [name, address] = splitAt(text, /[:=]/.exec(text)?.[0] ?? ":");
  return `${name}:${address}`;
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
export function environmentOf(flags: Values, environment: Readonly<Record<string, string | undefined>>): string[] {
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

function linesOf(path: string): string[] {
  let text: string;
  try {
    const bytes = readFileSync(path);
    if (bytes.length > FILE_BYTES_MAX) throw refuse(`${path} is larger than 1 MiB`);
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof MdkError) throw error;
    const code = (error as { code?: string }).code;
    throw refuse(code === "ENOENT" ? `open ${path}: no such file or directory` : `${path} is no readable UTF-8 text file`);
  }
  return text.split("\n").map((line) => line.replace(/\r$/, "").trimStart()).filter((line) => line !== "" && !line.startsWith("#"));
}
