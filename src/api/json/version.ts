/** Docker's JSON of `version` (GET /version, and what docker's command line says of itself). Pure. */

/** The engine API whose words and shapes mdk uses, and the oldest that is spoken. */
export const API_VERSION = "1.50";
const MIN_API_VERSION = "1.24";

export interface VersionFacts {
  readonly version: string;
  /** "" when built from no commit. */
  readonly commit: string;
  readonly built: Date;
  /** As Go names it: "amd64". */
  readonly architecture: string;
  readonly kernel: string;
  /** Of the runtime that the program carries: "bun1.3.14". */
  readonly runtime: string;
}

/** `Client` and `Server`: one program is both. */
export function versionJson({ version, commit, built, architecture, kernel, runtime }: VersionFacts): { readonly Client: Record<string, unknown>; readonly Server: Record<string, unknown> } {
  const GitCommit = commit.slice(0, 7);
  const engine = { ApiVersion: API_VERSION, MinAPIVersion: MIN_API_VERSION, GitCommit, GoVersion: runtime, Os: "linux", Arch: architecture, KernelVersion: kernel };
  const details = { ...engine, BuildTime: ansiDate(built), Experimental: "false" };
  return {
    Client: {
      Platform: { Name: "mdk" }, Version: version, ApiVersion: API_VERSION, DefaultAPIVersion: API_VERSION, GitCommit, GoVersion: runtime, Os: "linux", Arch: architecture,
      BuildTime: ansiDate(built), Context: "default",
    },
    Server: {
      Platform: { Name: "mdk" },
      Components: [{ Name: "Engine", Version: version, Details: Object.fromEntries(Object.entries(details).sort(([a], [b]) => (a < b ? -1 : 1))) }],
      Version: version, ...engine, BuildTime: built.toISOString().replace("Z", "000000+00:00"),
    },
  };
}

/** "Fri May 30 12:07:14 2025": Go's time.ANSIC, in UTC. */
export function ansiDate(date: Date): string {
  const [weekday = "", day = "", month = "", year = "", time = ""] = date.toUTCString().replace(",", "").split(" ");
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`;
}
