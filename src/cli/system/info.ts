/** `mdk info`. */
import { infoJson } from "../../api/json/info.ts";
import { INFO_SHAPE } from "../../api/json/shape.ts";
import { versionJson } from "../../api/json/version.ts";
import { readSystem } from "../../engine/system/info.ts";
import type { Command } from "../grammar/flags.ts";
import { openTemplate } from "../output/format.ts";
import { json, print, printable, printError } from "../output/text.ts";
import { humanMemory } from "../output/size.ts";
import { versionFacts } from "./version-line.ts";

type Info = Readonly<Record<string, unknown>>;

/** Docker's lines behind "Server:", which scripts look for, and mdk's own; the depth is that of the label. */
const LINES: readonly (readonly [label: string, text: (info: Info) => unknown])[] = [
  [" Containers", ({ Containers }) => Containers], ["  Running", ({ ContainersRunning }) => ContainersRunning], ["  Paused", ({ ContainersPaused }) => ContainersPaused],
  ["  Stopped", ({ ContainersStopped }) => ContainersStopped], [" Images", ({ Images }) => Images], [" Server Version", ({ ServerVersion }) => ServerVersion],
  [" Storage Driver", ({ Driver }) => Driver], ["", ({ DriverStatus }) => (DriverStatus as string[][]).map(([name, value]) => `  ${name}: ${value}`).join("\n")],
  [" Logging Driver", ({ LoggingDriver }) => LoggingDriver], [" Cgroup Driver", ({ CgroupDriver }) => CgroupDriver], [" Cgroup Version", ({ CgroupVersion }) => CgroupVersion],
  [" Cgroup Mode", ({ CgroupMode }) => CgroupMode], [" Cgroup Parent", ({ CgroupParent }) => CgroupParent],
  [" Plugins", () => ""], ["  Volume", ({ Plugins }) => words((Plugins as Info).Volume)], ["  Network", ({ Plugins }) => words((Plugins as Info).Network)], ["  Log", ({ Plugins }) => words((Plugins as Info).Log)],
  [" Swarm", ({ Swarm }) => (Swarm as Info).LocalNodeState], [" Runtimes", ({ Runtimes }) => words(Object.keys(Runtimes as object))], [" Default Runtime", ({ DefaultRuntime }) => DefaultRuntime],
  [" Init Binary", ({ InitBinary }) => InitBinary], [" Security Options", () => ""], ["", ({ SecurityOptions }) => (SecurityOptions as string[]).map(securityOption).join("\n")],
  [" Kernel Version", ({ KernelVersion }) => KernelVersion], [" Operating System", ({ OperatingSystem }) => OperatingSystem], [" OSType", ({ OSType }) => OSType],
  [" Architecture", ({ Architecture }) => Architecture], [" CPUs", ({ NCPU }) => NCPU], [" Total Memory", ({ MemTotal }) => humanMemory(Number(MemTotal))], [" Name", ({ Name }) => Name],
  [" ID", ({ ID }) => ID], [" Docker Root Dir", ({ DockerRootDir }) => DockerRootDir], [" Run Root", ({ RunRoot }) => RunRoot],
  [" Config File", ({ ConfigFile }) => ConfigFile || "none"], ["  Precedence", () => "flag, environment, file, default"], [" Debug Mode", () => false],
  [" Experimental", () => false], [" Insecure Registries", () => ""], ["", ({ RegistryConfig }) => insecure(RegistryConfig as Registries)],
];

interface Registries {
  readonly IndexConfigs: Readonly<Record<string, { readonly Mirrors: readonly string[]; readonly Secure: boolean }>>;
  readonly InsecureRegistryCIDRs: readonly string[];
}

const insecure = ({ IndexConfigs, InsecureRegistryCIDRs }: Registries): string =>
  [...Object.keys(IndexConfigs).filter((name) => !IndexConfigs[name]!.Secure), ...InsecureRegistryCIDRs].map((name) => `  ${name}`).join("\n");

/** What is only told where it is configured. */
function configuredLines({ RegistryConfig, DefaultAddressPools }: Info): typeof LINES {
  const indexes = Object.entries((RegistryConfig as Registries).IndexConfigs);
  const mirrors = indexes.flatMap(([name, { Mirrors }]) => Mirrors.map((mirror) => `  ${mirror}${name === "docker.io" ? "" : ` (${name})`}`));
  const pools = ((DefaultAddressPools ?? []) as { Base: string; Size: number }[]).map(({ Base, Size }) => `   Base: ${Base}, Size: ${Size}`);
  const block = (label: string, lines: readonly string[]): typeof LINES => (lines.length === 0 ? [] : [[label, () => ""], ["", () => lines.join("\n")]]);
  return [...block(" Registry Mirrors", mirrors), [" Live Restore Enabled", ({ LiveRestoreEnabled }) => LiveRestoreEnabled], ...block(" Default Address Pools", pools)];
}

/** What is said of it: lines below it. */
const firewallLines = ({ FirewallBackend }: Info): typeof LINES => [
  [" Firewall Backend", () => (FirewallBackend as Info).Driver], ...(((FirewallBackend as Info).Info ?? []) as [string, string][]).map(([name, value]): (typeof LINES)[number] => [`  ${name}`, () => value]),
];

const words = (list: unknown): string => (list as readonly string[]).join(" ");

/** "name=seccomp,profile=builtin": its name, and below it what else is said. */
function securityOption(option: string): string {
  const [name = "", ...more] = option.split(",").map((pair) => pair.split("=") as [string, string]);
  return [`  ${name[1]}`, ...more.map(([key, value]) => `   ${key[0]!.toUpperCase()}${key.slice(1)}: ${value}`)].join("\n");
}

export const command: Command = {
  usage: "info [OPTIONS]",
  summary: "Display system-wide information",
  flags: [{ name: "format", short: "f", type: "string", help: "Format output using a Go template: fields, json" }],
  operands: [0, 0],
  run: async ({ context, flags }) => {
    const format = flags.string("format");
    const template = format === null || format === "json" ? null : await openTemplate(format, "info");
    const facts = await readSystem(context);
    const version = versionFacts();
    const { Client } = versionJson({ ...version, kernel: facts.kernel });
    const info: Info = { ...infoJson(facts, version.version), ClientInfo: { Debug: false, ...Client, Plugins: [], Warnings: null } };
    if (template !== null) print(template.document(info, INFO_SHAPE));
    else if (format === "json") print(json(info));
    else {
      const server = [...LINES, ...configuredLines(info), ...firewallLines(info)].map(([label, text]) => (label === "" ? String(text(info)) : `${label}: ${text(info)}`.trimEnd()));
      print(printable(["Client: mdk", ` Version:    ${version.version}`, " Context:    default", " Debug Mode: false", "", "Server:", ...server, ""].join("\n")));
      for (const warning of (info.Warnings as string[] | null) ?? []) printError(warning);
    }
    return 0;
  },
};
