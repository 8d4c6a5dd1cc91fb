/** `mdk info`. */
import { readInfo } from "../../engine/system/info.ts";
import type { Command } from "../grammar/flags.ts";
import { print, printable } from "../output/text.ts";
import { humanMemory } from "../output/size.ts";
import { renderTemplate } from "../output/template.ts";
import { versionFacts } from "./version-line.ts";
import { warn } from "../output/warn.ts";

/** Docker's lines, which scripts look for, and mdk's own. */
const LINES: readonly (readonly [label: string, field: string])[] = [
  ["Containers", "Containers"], [" Running", "ContainersRunning"], [" Paused", "ContainersPaused"], [" Stopped", "ContainersStopped"], ["Images", "Images"],
  ["Server Version", "ServerVersion"], ["Storage Driver", "Driver"], ["Logging Driver", "LoggingDriver"], ["Cgroup Driver", "CgroupDriver"],
  ["Cgroup Version", "CgroupVersion"], ["Cgroup Mode", "CgroupMode"], ["Cgroup Parent", "CgroupParent"], ["Security Options", "SecurityOptions"],
  ["Kernel Version", "KernelVersion"], ["Operating System", "OperatingSystem"], ["OSType", "OSType"], ["Architecture", "Architecture"], ["CPUs", "NCPU"],
  ["Total Memory", "MemTotal"], ["Name", "Name"], ["Docker Root Dir", "DockerRootDir"], ["Run Root", "RunRoot"],
];

const WARNINGS: readonly (readonly [field: string, warning: string])[] = [
  ["MemoryLimit", "No memory limit support"], ["CpuCfsQuota", "No cpu cfs quota support"], ["PidsLimit", "No pids limit support"], ["CPUSet", "No cpuset support"],
];

function shown(value: unknown, field: string): string {
  if (field === "MemTotal") return humanMemory(Number(value));
  return printable(Array.isArray(value) ? value.join(" ") : String(value));
}

export const command: Command = {
  usage: "info [OPTIONS]",
  summary: "Display system-wide information",
  flags: [{ name: "format", short: "f", type: "string", help: "Format output using a Go template: fields, json" }],
  operands: [0, 0],
  run: async ({ context, flags }) => {
    const info: Readonly<Record<string, unknown>> = { ...(await readInfo(context)), ServerVersion: versionFacts().version };
    const format = flags.string("format");
    if (format !== null) {
      print(format === "json" ? JSON.stringify(info) : renderTemplate(format, info));
      return 0;
    }
    print(LINES.map(([label, field]) => ` ${label}: ${shown(info[field], field)}`).join("\n"));
    await warn(WARNINGS.filter(([field]) => info[field] === false).map(([, warning]) => warning));
    return 0;
  },
};
