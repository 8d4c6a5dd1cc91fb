/** A host without glibc: a root directory of busybox and musl, in a mount namespace of its own, in which the built mdk lies. */
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MDK } from "./mdk.ts";
import { run } from "./registry.ts";
import type { Ended } from "./stage.ts";

/** Debian's package "musl". */
const MUSL = "/lib/x86_64-linux-musl/libc.so";
const MUSL_LOADER = "ld-musl-x86_64.so.1";
export const hasMusl = existsSync(MUSL);

export interface MuslRoot {
  /** Runs a program of the root, in the namespaces of the root. */
  run(...command: readonly string[]): Promise<Ended>;
  /** The same with a root directory that is no mount point. */
  bare(...command: readonly string[]): Promise<Ended>;
  end(): Promise<void>;
}

/** Lays the root out below `folder`. `network`: name of a network namespace. Needs root. */
export async function openMuslRoot(folder: string, network: string): Promise<MuslRoot> {
  const [root, bare] = [join(folder, "root"), join(folder, "bare")];
  for (const place of [root, bare]) {
    layOutMusl(place);
    copyFileSync(MDK, join(place, "usr/bin/mdk"));
  }
  const mounts = [
    `mount --rbind ${root} ${root}`, ...[root, bare].map((place) => `mount -t proc proc ${place}/proc; mount --rbind /sys ${place}/sys; mount --rbind /dev ${place}/dev`),
  ];
  const holder = Bun.spawn(["nsenter", `--net=/run/netns/${network}`, "unshare", "--mount", "--propagation", "private", "sh", "-ec", `${mounts.join("; ")}; echo ready; exec sleep 3600`], {
    stdin: "ignore", stdout: "pipe", stderr: "inherit",
  });
  const { value } = await holder.stdout.getReader().read();
  if (value === undefined) throw new Error("the root cannot be mounted");
  const into = (place: string, command: readonly string[]): Promise<Ended> => ended(["nsenter", "-t", String(holder.pid), "-m", "-n", "chroot", place, ...command]);
  return {
    run: (...command) => into(root, command),
    bare: (...command) => into(bare, command),
    end: async () => {
      holder.kill();
      await holder.exited;
    },
  };
}

/** busybox with all its applets, musl, a program of glibc that does not run, and what an engine looks for. Mdk is not in it. */
export function layOutMusl(root: string): void {
  for (const name of ["bin", "dev", "etc/ssl/certs", "lib", "proc", "root", "run", "sys", "tmp", "usr/bin", "var/lib"]) mkdirSync(join(root, name), { recursive: true });
  copyFileSync("/bin/busybox", join(root, "bin/busybox"));
  for (const applet of run("/bin/busybox", "--list").trim().split("\n")) if (applet !== "busybox") symlinkSync("busybox", join(root, "bin", applet));
  copyFileSync(MUSL, join(root, "lib", MUSL_LOADER));
  chmodSync(join(root, "lib", MUSL_LOADER), 0o755);
  copyFileSync("/bin/true", join(root, "bin/of-glibc"));
  writeFileSync(join(root, "etc/resolv.conf"), "nameserver 127.0.0.1\n");
  writeFileSync(join(root, "etc/hosts"), "127.0.0.1 localhost listed.test\n");
}

/** A loader at glibc's place that is not glibc's, as Alpine's gcompat has it. */
export const DECOY = `mkdir -p /lib64 && ln -s /lib/${MUSL_LOADER} /lib64/ld-linux-x86-64.so.2`;

async function ended(command: readonly string[]): Promise<Ended> {
  const child = Bun.spawn(["timeout", "-s", "KILL", "60", ...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe", env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: "/root" } });
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  return { code, out, err };
}
