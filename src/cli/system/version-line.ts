/** `mdk --version`: the shortest way through the program. */

/** "Docker version …" in mdk's name. */
export function versionLine(): string {
  const { version, commit } = versionFacts();
  return `mdk version ${version}, build ${commit.slice(0, 7) || "unknown"}`;
}

/** What the build knows of itself; "0.0.0-source" and no commit when run from its sources. */
export function versionFacts(): { version: string; commit: string; built: Date } {
  if (typeof MDK_VERSION === "undefined") return { version: "0.0.0-source", commit: "", built: new Date(0) };
  return { version: MDK_VERSION, commit: MDK_COMMIT, built: new Date(Number(MDK_DATE) * 1000) };
}
