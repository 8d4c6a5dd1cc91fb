/** Docker's JSON of a container (`docker inspect`, GET /containers/ID/json): pure, from the row and what its files say. */
import type { Container } from "../../store/containers.ts";
import type { Status } from "../../engine/end/status.ts";
import type { UserMount } from "../../spec/mount-words.ts";
import { bridgedOf, type PortRange } from "../../spec/network.ts";
import { portPairs } from "../../spec/ports.ts";

/** Go's zero time: what Docker shows for "never". */
const NEVER = "0001-01-01T00:00:00Z";

export interface InspectFacts {
  readonly container: Container;
  readonly status: Status;
  /** Layer directories, the uppermost first. */
  readonly layers: readonly string[];
  /** The container's directory in the store. */
  readonly directory: string;
  readonly logPath: string;
}

/** The whole answer. */
export function inspectContainer(facts: InspectFacts): Record<string, unknown> {
  const { container, status, directory } = facts;
  const { config } = container;
  const [path = "", ...args] = [...(config.Entrypoint ?? []).filter((word) => word !== ""), ...(config.Cmd ?? [])];
  return {
    Id: container.id, Created: new Date(container.createdMs).toISOString(), Path: path, Args: args,
    State: stateOf(facts), Image: container.image,
    ResolvConfPath: `${directory}/resolv.conf`, HostnamePath: `${directory}/hostname`, HostsPath: `${directory}/hosts`,
    LogPath: container.host.LogConfig.Type === "json-file" ? facts.logPath : "",
    Name: `/${container.name}`, RestartCount: 0, Driver: "overlay2", Platform: "linux",
    MountLabel: "", ProcessLabel: "", AppArmorProfile: "", ExecIDs: null, HostConfig: container.host,
    GraphDriver: {
      Name: "overlay2",
      Data: {
        LowerDir: facts.layers.join(":"), UpperDir: `${directory}/upper`, WorkDir: `${directory}/work`,
        ...(status.pid === 0 ? {} : { MergedDir: `/proc/${status.pid}/root` }),
      },
    },
    Mounts: container.mounts.flatMap(mountOf), Config: config, NetworkSettings: networkOf(facts),
  };
}

function stateOf({ container, status }: InspectFacts): Record<string, unknown> {
  return {
    Status: status.word, Running: status.word === "running", Paused: false, Restarting: false, OOMKilled: status.oom,
    Dead: status.word === "removing", Pid: status.pid, ExitCode: status.code, Error: container.error,
    StartedAt: status.started ?? NEVER, FinishedAt: status.finished ?? NEVER,
  };
}

function mountOf(mount: UserMount): Record<string, unknown>[] {
  // Docker lists no --tmpfs here.
  if (mount.type !== "bind") return [];
  return [{ Type: "bind", Source: mount.source, Destination: mount.target, Mode: mount.mode, RW: !mount.readonly, Propagation: mount.propagation }];
}

/** `Ports` of NetworkSettings: "80/tcp" → bindings, null for a port that is exposed only. */
function portMapOf(exposed: readonly string[], published: readonly PortRange[]): Record<string, { HostIp: string; HostPort: string }[] | null> {
  const map: Record<string, { HostIp: string; HostPort: string }[] | null> = {};
  for (const port of exposed) map[port] = null;
  for (const port of published) {
    for (const [inside, outside] of portPairs(port)) (map[`${inside}/${port.protocol}`] ??= []).push({ HostIp: port.hostAddress, HostPort: String(outside) });
  }
  return map;
}

function networkOf({ container, status }: InspectFacts): Record<string, unknown> {
  const running = status.word === "running" && container.network !== null;
  const network = running ? bridgedOf(container.network) : null;
  const mode = container.host.NetworkMode;
  const exposed = Object.keys(container.config.ExposedPorts ?? {});
  const address = {
    Gateway: network?.gateway ?? "", IPAddress: network?.address ?? "", IPPrefixLen: network?.prefix ?? 0,
    IPv6Gateway: "", GlobalIPv6Address: "", GlobalIPv6PrefixLen: 0, MacAddress: network?.mac ?? "",
  };
  return {
    Bridge: "", SandboxID: "", SandboxKey: status.pid === 0 ? "" : `/proc/${status.pid}/ns/net`,
    Ports: running ? portMapOf(exposed, network?.ports ?? []) : {},
    ...address,
    Networks: { [mode]: { IPAMConfig: null, Links: null, Aliases: null, DriverOpts: null, NetworkID: "", EndpointID: "", ...address } },
  };
}
