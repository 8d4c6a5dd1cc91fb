/** Programs of other architectures in RUN: refused before anything runs where nothing on this host could run them. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { BuildPlan } from "../../build/graph/plan.ts";
import type { PlannedStage } from "../../build/graph/planned.ts";
import { DockerfileError } from "../../build/language/error.ts";
import { hostPlatform, platformName, type Platform } from "../../image/platform.ts";

/** e_machine of ELF (include/uapi/linux/elf-em.h). */
const MACHINES: Readonly<Record<string, number>> = { "386": 3, amd64: 62, arm: 40, arm64: 183, riscv64: 243, ppc64le: 21, s390x: 22, loong64: 258 };
/** What the processor itself runs besides its own. */
const NATIVE: Readonly<Record<string, readonly string[]>> = { amd64: ["386"], arm64: ["arm"] };
const HANDLERS = "/proc/sys/fs/binfmt_misc";

/** Throws DockerfileError at the first RUN of a stage that is of a foreign image. */
export function refuseForeign({ stages, needed }: BuildPlan, target: Platform): void {
  const host = hostPlatform(process.arch);
  for (const stage of needed.map((index) => stages[index]!)) {
    const run = stage.steps.find(({ instruction }) => instruction.kind === "run");
    const platform = run === undefined ? null : platformOf(stages, stage, target);
    if (platform === null || isNative(platform, host)) continue;
    const machines = handledMachines(HANDLERS);
    if (machines === null || MACHINES[platform.architecture] === undefined || machines.has(MACHINES[platform.architecture]!)) continue;
    throw new DockerfileError(`programs of ${platformName(platform)} cannot run on this host, which is ${platformName(host)}: no handler for them is registered in binfmt_misc`, run!.instruction.span);
  }
}

function isNative({ architecture }: Platform, host: Platform): boolean {
  return architecture === host.architecture || NATIVE[host.architecture]?.includes(architecture) === true;
}

/** Null: what it stands on is no image, and says nothing. */
function platformOf(stages: BuildPlan["stages"], { base, platform }: PlannedStage, target: Platform): Platform | null {
  if (base.kind === "stage") return platformOf(stages, stages[base.index]!, target);
  return base.kind === "scratch" ? null : (platform ?? target);
}

/** By the entries of a binfmt_misc (Documentation/admin-guide/binfmt-misc.rst); null: it is not mounted, and nobody knows. */
export function handledMachines(directory: string): Set<number> | null {
  if (!existsSync(`${directory}/status`)) return null;
  if (!readFileSync(`${directory}/status`, "utf8").startsWith("enabled")) return new Set();
  const entries = readdirSync(directory).filter((name) => name !== "status" && name !== "register");
  return new Set(entries.flatMap((name) => machineOf(readFileSync(`${directory}/${name}`, "utf8")) ?? []));
}

/** Of one entry; null: it is off, or for no ELF. */
function machineOf(text: string): number | null {
  const magic = Buffer.from(/^magic ([0-9a-f]+)$/m.exec(text)?.[1] ?? "", "hex");
  if (!text.startsWith("enabled") || magic.length < 20 || magic.subarray(0, 4).toString("latin1") !== "\x7fELF") return null;
  return magic[5] === 2 ? magic.readUInt16BE(18) : magic.readUInt16LE(18);
}
