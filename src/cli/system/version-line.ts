/** `mdk --version`: the shortest way through the program. */
import type { VersionFacts } from "../../api/json/version.ts";

/** "Docker version …" in mdk's name. */
export function versionLine(): string {
  const { version, commit } = versionFacts();
  return `mdk version ${version}, build ${commit.slice(0, 7) || "unknown"}`;
}

/** What the build knows of itself; "0.0.0-source" and no commit when run from its sources. */
export function versionFacts(): Omit<VersionFacts, "kernel"> {
  const host = { architecture: process.arch === "x64" ? "amd64" : process.arch, runtime: `bun${Bun.version}` };
  if (typeof MDK_VERSION === "undefined") return { version: "0.0.0-source", commit: "", built: new Date(0), ...host };
  return { version: MDK_VERSION, commit: MDK_COMMIT, built: new Date(Number(MDK_DATE) * 1000), ...host };
}
