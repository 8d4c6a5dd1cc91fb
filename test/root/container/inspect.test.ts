/** Docker's JSON of containers, images, info and version: every member that docker 28.2.2 shows, of its type. */
import { expect, test } from "bun:test";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";

useBusyboxWorld();

/** "string", "number", "boolean", "list", "map" or "null" of a value. */
function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "list" : typeof value === "object" ? "map" : typeof value;
}

/** Members by kind; "null|list" for one that may be either. */
type Kinds = Readonly<Record<string, string>>;

const kinds = (kind: string, names: string): Kinds => Object.fromEntries(names.split(" ").map((name) => [name, kind]));

/** `docker inspect -f '{{json .HostConfig}}'` of docker 28.2.2: all its members. */
const HOST_CONFIG: Kinds = {
  ...kinds("string", "CgroupParent CgroupnsMode Cgroup ContainerIDFile CpusetCpus CpusetMems IpcMode Isolation NetworkMode PidMode Runtime UTSMode UsernsMode VolumeDriver"),
  ...kinds("number", "BlkioWeight CpuCount CpuPercent CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime CpuShares IOMaximumBandwidth IOMaximumIOps Memory MemoryReservation MemorySwap NanoCpus OomScoreAdj ShmSize"),
  ...kinds("boolean", "AutoRemove Privileged PublishAllPorts ReadonlyRootfs"),
  ...kinds("list", "BlkioDeviceReadBps BlkioDeviceReadIOps BlkioDeviceWriteBps BlkioDeviceWriteIOps BlkioWeightDevice ConsoleSize Devices Dns DnsOptions DnsSearch MaskedPaths ReadonlyPaths Ulimits"),
  ...kinds("null", "Binds CapAdd CapDrop DeviceCgroupRules DeviceRequests ExtraHosts GroupAdd Links MemorySwappiness OomKillDisable PidsLimit SecurityOpt VolumesFrom"),
  ...kinds("map", "LogConfig PortBindings RestartPolicy"),
};
const CONFIG: Kinds = {
  ...kinds("string", "Domainname Hostname Image User WorkingDir"), ...kinds("boolean", "AttachStderr AttachStdin AttachStdout OpenStdin StdinOnce Tty"),
  Env: "list", Cmd: "list", Entrypoint: "null", Labels: "map", OnBuild: "null", Volumes: "null",
};
const NETWORK: Kinds = {
  ...kinds("string", "EndpointID Gateway GlobalIPv6Address IPAddress IPv6Gateway MacAddress NetworkID"), ...kinds("number", "GlobalIPv6PrefixLen GwPriority IPPrefixLen"),
  ...kinds("null", "Aliases DNSNames DriverOpts IPAMConfig Links"),
};
const NETWORK_SETTINGS: Kinds = {
  ...kinds("string", "Bridge EndpointID Gateway GlobalIPv6Address IPAddress IPv6Gateway LinkLocalIPv6Address MacAddress SandboxID SandboxKey"),
  ...kinds("number", "GlobalIPv6PrefixLen IPPrefixLen LinkLocalIPv6PrefixLen"), HairpinMode: "boolean", Networks: "map", Ports: "map", ...kinds("null", "SecondaryIPAddresses SecondaryIPv6Addresses"),
};
const CONTAINER: Kinds = {
  ...kinds("string", "AppArmorProfile Created Driver HostnamePath HostsPath Id Image LogPath MountLabel Name Path Platform ProcessLabel ResolvConfPath"),
  ...kinds("map", "Config GraphDriver HostConfig NetworkSettings State"), Args: "list", ExecIDs: "null", Mounts: "list", RestartCount: "number",
};
const STATE: Kinds = {
  ...kinds("boolean", "Dead OOMKilled Paused Restarting Running"), ...kinds("number", "ExitCode Pid"), ...kinds("string", "Error FinishedAt StartedAt Status"),
};
/** GET /info of API 1.50; what mdk adds is not looked at. */
const INFO: Kinds = {
  ...kinds("string", "Architecture CgroupDriver CgroupVersion DefaultRuntime DockerRootDir Driver HttpProxy HttpsProxy ID IndexServerAddress InitBinary Isolation KernelVersion LoggingDriver Name NoProxy OSType OSVersion OperatingSystem ServerVersion SystemTime"),
  ...kinds("number", "Containers ContainersPaused ContainersRunning ContainersStopped Images MemTotal NCPU NEventsListener NFd NGoroutines"),
  ...kinds("boolean", "CPUSet CPUShares CpuCfsPeriod CpuCfsQuota Debug ExperimentalBuild IPv4Forwarding LiveRestoreEnabled MemoryLimit OomKillDisable PidsLimit SwapLimit"),
  ...kinds("list", "DriverStatus Labels SecurityOptions"), ...kinds("null", "CDISpecDirs GenericResources"), Warnings: "null|list",
  ...kinds("map", "ClientInfo ContainerdCommit InitCommit Plugins RegistryConfig RuncCommit Runtimes Swarm"),
};

/** Names of members that are missing or of another kind. */
function wrong(value: Readonly<Record<string, unknown>>, expected: Kinds): string[] {
  return Object.entries(expected).filter(([name, kind]) => !(name in value) || !kind.split("|").includes(kindOf(value[name]))).map(([name]) => `${name}: ${name in value ? kindOf(value[name]) : "missing"}`);
}

test("an empty format is none, of whatever is inspected", () => {
  world.ok("create", "--name", "plain", busybox);
  for (const words of [["inspect", "plain"], ["container", "inspect", "plain"], ["image", "inspect", busybox], ["network", "inspect", "none"]]) {
    expect(world.ok(...words, "-f", "")).toBe(world.ok(...words));
    expect(world.ok(...words, "--format=")).toStartWith('[\n    {\n        "');
  }
});

test("a container has every member of Docker's", () => {
  world.ok("run", "-d", "--name", "plain", "--network", "none", busybox, "sleep", "1000");
  const [container] = JSON.parse(world.ok("inspect", "plain"));
  const found = {
    container: wrong(container, CONTAINER), state: wrong(container.State, STATE), config: wrong(container.Config, CONFIG), host: wrong(container.HostConfig, HOST_CONFIG),
    network: wrong(container.NetworkSettings, NETWORK_SETTINGS), endpoint: wrong(container.NetworkSettings.Networks.none, NETWORK),
  };
  expect(found).toEqual({ container: [], state: [], config: [], host: [], network: [], endpoint: [] });
  expect(container.HostConfig.MaskedPaths).toContain("/proc/kcore");
  expect(world.ok("inspect", "-f", "{{.HostConfig.PublishAllPorts}} {{.Config.OnBuild}} {{.HostConfig.CapAdd}} {{json .HostConfig.CapAdd}} {{.ID}}", "plain")).toBe(`false [] [] null ${container.Id}`);
  expect(world.ok("inspect", "--format", "json", "plain")).toStartWith('[{"Id":"');
});

/** `docker image inspect` of docker 28.2.2. */
const IMAGE: Kinds = {
  ...kinds("string", "Architecture Author Comment Created DockerVersion Id Os Parent"), ...kinds("list", "RepoDigests RepoTags"), ...kinds("map", "Config GraphDriver Metadata RootFS"), Size: "number",
};
const IMAGE_CONFIG: Kinds = {
  ...kinds("string", "Domainname Hostname Image User WorkingDir"), ...kinds("boolean", "AttachStderr AttachStdin AttachStdout OpenStdin StdinOnce Tty"),
  Env: "list", Cmd: "list", Entrypoint: "null", Labels: "null", OnBuild: "null", Volumes: "null",
};

test("an image has every member of Docker's", () => {
  const [image] = JSON.parse(world.ok("image", "inspect", busybox));
  expect([wrong(image, IMAGE), wrong(image.Config, IMAGE_CONFIG)]).toEqual([[], []]);
  expect(world.ok("inspect", "-f", "{{.RootFS.Type}} {{.Config.Cmd}} {{.Config.Labels}} {{.Config.OnBuild}} {{len .RepoTags}} {{.ID}}", busybox)).toBe(`layers [sh] map[] [] 1 ${image.Id}`);
});

test("--size tells what the container wrote, and that with its image", () => {
  world.ok("run", "--name", "wrote", "--network", "none", busybox, "sh", "-c", "dd if=/dev/zero of=/a bs=1000 count=5; ln /a /b; mkdir -p /d/e; ln -s / /d/root; dd if=/dev/zero of=/d/e/f bs=1000 count=2");
  const image = Number(world.ok("image", "inspect", "-f", "{{.Size}}", busybox));
  // A symbolic link is as long as its text.
  expect(world.ok("inspect", "-s", "-f", "{{.SizeRw}} {{.SizeRootFs}}", "wrote")).toBe(`7001 ${image + 7001}`);
  expect(world.ok("ps", "-as", "--format", "{{.Size}}")).toMatch(/^7kB \(virtual \d+(\.\d+)?MB\)$/);
  const table = world.ok("ps", "-as").split("\n");
  expect(table[0]).toMatch(/ NAMES     SIZE$/);
  expect(table[1]).toMatch(/ wrote     7kB \(virtual /);
  expect("SizeRw" in JSON.parse(world.ok("inspect", "wrote"))[0]).toBe(false);
});

test("members that the JSON leaves out have the zero value of their type", () => {
  world.ok("create", "--name", "bare", "--network", "none", busybox);
  expect(world.ok("inspect", "-f", "{{.Config.StopTimeout}} {{.Config.StopSignal}}|{{.HostConfig.Init}} {{.HostConfig.Tmpfs}} {{.SizeRw}} {{range .Config.ExposedPorts}}x{{end}}", "bare")).toBe("<nil> |<nil> map[] <nil> ");
  expect(world.ok("image", "inspect", "-f", "{{range $p, $c := .Config.ExposedPorts}}{{$p}}{{end}}{{if .Config.Healthcheck}}y{{else}}n{{end}} {{.Config.Shell}}{{.Variant}}", busybox)).toBe("n []");
  expect(world.ok("info", "-f", "{{.Containerd}} {{.Swarm.Cluster}} {{.DefaultAddressPools}}")).toBe("<nil> <nil> []");
});

test("inspect knows volumes, after all others, and says where --size means nothing", () => {
  world.ok("volume", "create", "--label", "a=b", "data");
  expect(world.ok("inspect", "data")).toBe(world.ok("volume", "inspect", "data"));
  expect(world.ok("inspect", "--type=volume", "-f", "{{.Name}} {{.Labels}} {{.UsageData}}", "data")).toBe("data map[a:b] <nil>");
  expect(world.mdk(["inspect", "--type", "volume", "none"])).toEqual({ status: 1, stdout: "[]\n", stderr: "mdk: get none: no such volume\n" });
  world.ok("network", "create", "data");
  expect(world.ok("inspect", "-f", "{{.Driver}} {{.Peers}} {{json .Services}}", "data")).toBe("bridge [] null");
  expect(world.mdk(["inspect", "-s", "-f", "{{.Id}}", busybox])).toMatchObject({ status: 0, stderr: "WARNING: --size ignored for image\n" });
});

test("info has every member of the API's SystemInfo, and templates know its types", () => {
  const info = JSON.parse(world.ok("info", "--format", "json"));
  expect(wrong(info, INFO)).toEqual([]);
  expect(world.ok("info", "-f", "{{.Swarm.LocalNodeState}} {{.DefaultRuntime}} {{.Runtimes}} {{.ID}}")).toBe(`inactive runc map[runc:{mdk-shim}] ${info.ID}`);
  expect(world.ok("info", "-f", "{{.ID}}")).toBe(info.ID);
  const text = world.ok("info");
  for (const line of ["Client: mdk", "Server:", " Swarm: inactive", " Default Runtime: runc", "  seccomp", `   Profile: builtin`, ` ID: ${info.ID}`, ` Docker Root Dir: ${world.root}`]) expect(text.split("\n")).toContain(line);
  expect(world.mdk(["info", "-f", "{{.NoSuch}}"])).toEqual({ status: 1, stdout: "", stderr: 'mdk: template: :1:2: executing "" at <.NoSuch>: can\'t evaluate field NoSuch in type system.dockerInfo\n' });
});

test("version has Docker's two blocks, as text and for templates", () => {
  const text = world.ok("version");
  expect(text).toMatch(/^Client: mdk\n Version: {11}\S+\n API version: {7}1\.50\n/);
  expect(text).toMatch(/\n\nServer: mdk\n Engine:\n {2}Version: {10}\S+\n {2}API version: {6}1\.50 \(minimum version 1\.24\)\n/);
  const kernel = Bun.spawnSync(["uname", "-r"]).stdout.toString().trim();
  expect(world.ok("version", "-f", "{{.Server.APIVersion}} {{.Server.MinAPIVersion}} {{.Server.KernelVersion}} {{.Client.APIVersion}} {{.Client.Os}} {{(index .Server.Components 0).Details.KernelVersion}}")).toBe(`1.50 1.24 ${kernel} 1.50 linux ${kernel}`);
  expect(Object.keys(JSON.parse(world.ok("version", "-f", "json")))).toEqual(["Client", "Server"]);
  expect(world.mdk(["version", "-f", "{{.Client.NoSuch}}"])).toMatchObject({ status: 1, stderr: 'mdk: template: version:1:9: executing "version" at <.Client.NoSuch>: can\'t evaluate field NoSuch in type system.clientVersion\n' });
});

test("a template that is none ends with Docker's status, 64 of inspect, info and version", () => {
  world.ok("create", "--name", "there", busybox);
  for (const words of [["inspect", "-f", "{{", "there"], ["info", "-f", "{{"]]) {
    expect(world.mdk(words)).toEqual({ status: 64, stdout: "", stderr: "mdk: template parsing error: template: :1: unclosed action\n" });
  }
  expect(world.mdk(["version", "-f", "{{"])).toMatchObject({ status: 64, stderr: "mdk: template parsing error: template: version:1: unclosed action\n" });
  expect(world.mdk(["ps", "--format", "{{"])).toMatchObject({ status: 1, stderr: "mdk: failed to parse template: template: :1: unclosed action\n" });
  expect(world.mdk(["ps", "-a", "--format", "{{.X}}"])).toMatchObject({ status: 1, stderr: expect.stringContaining("mdk: failed to execute template: template: :1:2: executing") });
  expect(world.mdk(["images", "--format", "{{.X}}"])).toMatchObject({ status: 1, stderr: expect.stringContaining("in type *formatter.imageContext") });
  expect(world.mdk(["inspect", "-f", "{{.X}}", "there"])).toMatchObject({ status: 1, stderr: 'mdk: template parsing error: template: :1:2: executing "" at <.X>: map has no entry for key "X"\n' });
  expect(world.mdk(["inspect", "--type", "", "there"])).toMatchObject({ status: 1, stderr: 'mdk: type is empty: must be one of "container", "image", "network", "volume"\n' });
});

test("a label's escape sequence reaches a pipe as it is, and a terminal as text", () => {
  world.ok("create", "--name", "marked", "--label", "x=a\x1b]0;b\x07c", busybox);
  const words = world.words("inspect", "-f", "\x1b[1m{{.Config.Labels.x}}", "marked");
  expect(world.ok(...words.slice(5))).toBe("\x1b[1ma\x1b]0;b\x07c");
  const shown = Bun.spawnSync(["script", "-qec", words.map((word) => `'${word}'`).join(" "), "/dev/null"], { stdin: "ignore" }).stdout.toString();
  expect(shown).toContain("\x1b[1ma\\x1b]0;b\\x07c");
});
