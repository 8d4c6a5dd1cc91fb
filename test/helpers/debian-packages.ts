/** Debian's packages as files, in the cache: what images of toolchains are made of. Nothing is installed on this machine. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { run } from "./registry.ts";

/** Path of a folder with the .deb of each of these, without what they depend on; null: apt cannot download them. */
export function debianPackages(...names: readonly string[]): string | null {
  const cache = resolve(process.env["MDK_TEST_CACHE"] ?? ".cache");
  const folder = join(cache, `debs-${createHash("sha256").update(names.join(" ")).digest("hex").slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "making-"));
  try {
    run("sh", "-ec", `cd ${work}; mkdir debs; cd debs; apt-get -q -o APT::Sandbox::User=root download ${names.join(" ")}`);
    renameSync(join(work, "debs"), folder);
    return folder;
  } catch {
    return existsSync(folder) ? folder : null;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
