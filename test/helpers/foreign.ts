/** qemu's user emulation of arm64, unpacked into the cache: installed, it would change what this machine can execute. */
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { run } from "./registry.ts";

/** Path of a static qemu-aarch64; null: apt cannot download Debian's. */
export function foreignEmulator(): string | null {
  const cache = resolve(process.env["MDK_TEST_CACHE"] ?? ".cache");
  const folder = join(cache, "qemu-user");
  const path = join(folder, "usr/bin/qemu-aarch64-static");
  if (existsSync(path)) return path;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "making-"));
  try {
    run("sh", "-ec", `cd ${work}; apt-get -q -o APT::Sandbox::User=root download qemu-user-static; dpkg -x *.deb tree`);
    renameSync(join(work, "tree"), folder);
    return path;
  } catch {
    return existsSync(path) ? path : null;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
