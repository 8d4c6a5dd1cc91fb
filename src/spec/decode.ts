/**
 * Configurations of a container from JSON that somebody else wrote (a row of an older mdk, a body of another client): every
 * member is looked at, one that is missing or null gets Docker's default. What is decoded here is typed from there on. Pure.
 */
import { MdkError } from "../error.ts";
import { booleanOf, integerOf, listOf, objectOf, stringOf, stringsOf } from "../image/json.ts";
import type { ThrottleDevice, WeightDevice } from "./block-io.ts";
import { LOG_DRIVERS } from "./log-options.ts";
import type { DeviceMapping } from "./devices.ts";
import { parseCgroupnsMode, parseIpcMode, parsePidMode, parseUtsMode } from "./namespace-modes.ts";
import type { ContainerConfig, HostConfig, PortBinding, Ulimit } from "./container.ts";
import { decodeHealth, HEALTH_ACTIONS, type HealthAction } from "./health.ts";
import { Members, textsOf } from "./members.ts";
import { decodeMounts } from "./mounts-asked.ts";
import { parseNetworkMode } from "./network-mode.ts";
import { checkRestartPolicy, NO_RESTART } from "./restart-policy.ts";

/** Go's map[string]struct{}: one value for all keys. */
function setOf(value: unknown, what: string): Record<string, Record<string, never>> {
  const nothing = {};
  return Object.fromEntries(Object.keys(objectOf(value, what)).map((key) => [key, nothing]));
}

/** `Config` of a request or a row. Throws MdkError "json-invalid". */
export function decodeConfig(value: unknown): ContainerConfig {
  const config = new Members(value, "Config");
  return {
    Hostname: config.text("Hostname"), Domainname: config.text("Domainname"), User: config.text("User"),
    AttachStdin: config.flag("AttachStdin"), AttachStdout: config.flag("AttachStdout"), AttachStderr: config.flag("AttachStderr"),
    ...config.given("ExposedPorts", setOf), Tty: config.flag("Tty"), OpenStdin: config.flag("OpenStdin"), StdinOnce: config.flag("StdinOnce"),
    Env: config.list("Env") ?? [], Cmd: config.list("Cmd"), Image: config.text("Image"), Volumes: config.read("Volumes", setOf, null),
    WorkingDir: config.text("WorkingDir"), Entrypoint: config.list("Entrypoint"), Labels: config.read("Labels", textsOf, {}),
    ...config.given("MacAddress", stringOf), ...config.given("StopSignal", stringOf), ...config.given("StopTimeout", integerOf),
    ...config.given("Healthcheck", decodeHealth), ...config.given("HealthcheckOnFailureAction", actionOf), ...config.given("Shell", (list, what) => [...stringsOf(list, what)]),
  };
}

function actionOf(value: unknown, what: string): HealthAction {
  const text = stringOf(value, what);
  const action = HEALTH_ACTIONS.find((word) => word === text);
  if (action === undefined) throw new MdkError("invalid", "invalid-health", `${what}: ${text} is none of ${HEALTH_ACTIONS.join(", ")}`);
  return action;
}

const SHM_BYTES = 64 << 20;

/** `HostConfig` of a request or a row. Throws MdkError "json-invalid", or Docker's sentence for a network or log driver that is none. */
export function decodeHostConfig(value: unknown): HostConfig {
  const host = new Members(value, "HostConfig");
  return {
    Binds: host.list("Binds"), ...host.given("Mounts", decodeMounts), VolumesFrom: host.list("VolumesFrom"), VolumeDriver: host.text("VolumeDriver"), LogConfig: host.read("LogConfig", logOf, { Type: "json-file", Config: {} }),
    NetworkMode: parseNetworkMode(host.text("NetworkMode")), PortBindings: host.read("PortBindings", bindingsOf, {}), PublishAllPorts: host.flag("PublishAllPorts"),
    RestartPolicy: host.read("RestartPolicy", restartOf, NO_RESTART), AutoRemove: host.flag("AutoRemove"),
    CapAdd: host.list("CapAdd"), CapDrop: host.list("CapDrop"), GroupAdd: host.list("GroupAdd"),
    CgroupParent: host.text("CgroupParent"), CgroupnsMode: parseCgroupnsMode(host.text("CgroupnsMode")), IpcMode: parseIpcMode(host.text("IpcMode")), PidMode: parsePidMode(host.text("PidMode")), UTSMode: parseUtsMode(host.text("UTSMode")),
    ...host.given("Devices", devicesOf), ...host.given("DeviceCgroupRules", pathsOf),
    Dns: host.list("Dns") ?? [], DnsOptions: host.list("DnsOptions") ?? [], DnsSearch: host.list("DnsSearch") ?? [], ExtraHosts: host.list("ExtraHosts"),
    Privileged: host.flag("Privileged"), ReadonlyRootfs: host.flag("ReadonlyRootfs"), ...host.given("Rootfs", stringOf), ...host.given("Init", booleanOf),
    OomScoreAdj: host.number("OomScoreAdj"), SecurityOpt: host.list("SecurityOpt"),
    ...host.given("MaskedPaths", pathsOf), ...host.given("ReadonlyPaths", pathsOf),
    ...host.given("Tmpfs", textsOf), ...host.given("Sysctls", textsOf), ...host.given("Annotations", textsOf),
    Memory: host.number("Memory"), MemorySwap: host.number("MemorySwap"), MemoryReservation: host.number("MemoryReservation"),
    NanoCpus: host.number("NanoCpus"), CpuShares: host.number("CpuShares"), CpuPeriod: host.number("CpuPeriod"), CpuQuota: host.number("CpuQuota"),
    CpuRealtimePeriod: host.number("CpuRealtimePeriod"), CpuRealtimeRuntime: host.number("CpuRealtimeRuntime"), BlkioWeight: host.number("BlkioWeight"),
    ...host.given("BlkioWeightDevice", weightsOf), ...host.given("BlkioDeviceReadBps", ratesOf), ...host.given("BlkioDeviceWriteBps", ratesOf),
    ...host.given("BlkioDeviceReadIOps", ratesOf), ...host.given("BlkioDeviceWriteIOps", ratesOf),
    ...swappinessOf(host), ...host.given("OomKillDisable", booleanOf),
    CpusetCpus: host.text("CpusetCpus"), CpusetMems: host.text("CpusetMems"), PidsLimit: host.read("PidsLimit", integerOf, null),
    Ulimits: host.read("Ulimits", ulimitsOf, null), ShmSize: host.number("ShmSize") || SHM_BYTES,
  };
}

function logOf(value: unknown, what: string): HostConfig["LogConfig"] {
  const log = new Members(value, what);
  const name = log.text("Type") || "json-file";
  const Type = LOG_DRIVERS.find((driver) => driver === name);
  if (Type === undefined) {
    throw new MdkError("not-found", "no-such-log-driver", `logger: no log driver named '${name}' is registered`, { hint: `mdk has ${LOG_DRIVERS.join(", ")}` });
  }
  return { Type, Config: log.read("Config", textsOf, {}) };
}

function restartOf(value: unknown, what: string): HostConfig["RestartPolicy"] {
  const restart = new Members(value, what);
  return checkRestartPolicy(restart.text("Name"), restart.number("MaximumRetryCount"));
}

/** There may be 65,535 of them, at each reading of the row: little is made for each that does not stay. */
function bindingsOf(value: unknown, what: string): Record<string, PortBinding[]> {
  const ports = objectOf(value, what);
  return Object.fromEntries(Object.keys(ports).map((port) => {
    const [list, name] = [ports[port] ?? [], `${what}.${port}`];
    return [port, listOf(list, name).map((item, index) => bindingOf(item, `${name}[${index}]`))];
  }));
}

function bindingOf(value: unknown, what: string): PortBinding {
  const { HostIp, HostPort } = objectOf(value, what);
  return { HostIp: stringOf(HostIp ?? "", `${what}.HostIp`), HostPort: stringOf(HostPort ?? "", `${what}.HostPort`) };
}

const pathsOf = (value: unknown, what: string): string[] => [...stringsOf(value, what)];

/** -1 is what Docker's command line sends for one that was not given. */
function swappinessOf(host: Members): { MemorySwappiness?: number } {
  const { MemorySwappiness: value } = host.given("MemorySwappiness", integerOf);
  return value === undefined || value === -1 ? {} : { MemorySwappiness: value };
}

function weightsOf(value: unknown, what: string): WeightDevice[] {
  return listOf(value, what).map((item, index) => {
    const device = new Members(item, `${what}[${index}]`);
    return { Path: device.text("Path"), Weight: device.number("Weight") };
  });
}

function ratesOf(value: unknown, what: string): ThrottleDevice[] {
  return listOf(value, what).map((item, index) => {
    const device = new Members(item, `${what}[${index}]`);
    return { Path: device.text("Path"), Rate: device.number("Rate") };
  });
}

function devicesOf(value: unknown, what: string): DeviceMapping[] {
  return listOf(value, what).map((item, index) => {
    const device = new Members(item, `${what}[${index}]`);
    const PathOnHost = device.text("PathOnHost");
    return { PathOnHost, PathInContainer: device.text("PathInContainer") || PathOnHost, CgroupPermissions: device.text("CgroupPermissions") || "rwm" };
  });
}

function ulimitsOf(value: unknown, what: string): Ulimit[] {
  return listOf(value, what).map((item, index) => {
    const limit = new Members(item, `${what}[${index}]`);
    return { Name: limit.text("Name"), Hard: limit.number("Hard"), Soft: limit.number("Soft") };
  });
}
