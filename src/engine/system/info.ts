/** What `info` says of host and store, in the field names of Docker's API (GET /info). */
import { readFileSync } from "node:fs";
import { findController } from "../../cgroup/detect.ts";
import { kernelRelease } from "../../sys/kernel.ts";
import { listImages } from "../../store/images.ts";
import type { Context } from "../context.ts";
import { cgroupParent } from "../host/identity.ts";
import { listSummaries } from "../container/list.ts";

export async function readInfo(context: Context): Promise<Record<string, unknown>> {
  const containers = await listSummaries(context, { all: true });
  const count = (word: string): number => containers.filter(({ status }) => status.word === word).length;
  const cgroups = context.cgroups();
  const memory = Number(/^MemTotal:\s+(\d+) kB/m.exec(readFileSync("/proc/meminfo", "latin1"))?.[1] ?? 0) * 1024;
  return {
    Containers: containers.length, ContainersRunning: count("running"), ContainersPaused: 0,
    ContainersStopped: containers.length - count("running"), Images: listImages(context.database()).length,
    Driver: "overlay2", LoggingDriver: "json-file", CgroupDriver: "cgroupfs", CgroupVersion: cgroups.mode === "v2" ? "2" : "1", CgroupMode: cgroups.mode,
    CgroupParent: cgroupParent(context), MemoryLimit: findController(cgroups, "memory") !== null, CpuCfsQuota: findController(cgroups, "cpu") !== null,
    PidsLimit: findController(cgroups, "pids") !== null, CPUSet: findController(cgroups, "cpuset") !== null,
    NCPU: navigator.hardwareConcurrency, MemTotal: memory,
    KernelVersion: kernelRelease(), OSType: "linux",
    Architecture: process.arch === "x64" ? "x86_64" : "aarch64", OperatingSystem: operatingSystem(),
    Name: readFileSync("/proc/sys/kernel/hostname", "utf8").trim(), DockerRootDir: context.root, RunRoot: context.runRoot,
    SecurityOptions: ["name=seccomp,profile=builtin"],
  };
}

function operatingSystem(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "Linux";
  } catch {
    return "Linux";
  }
}
