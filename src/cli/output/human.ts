/** Times and states in Docker's words (docker/go-units HumanDuration). Pure. */
import type { ContainerStatus } from "../../engine/end/status.ts";
import type { HealthWord } from "../../runtime/health.ts";
import { lives } from "../../engine/end/words.ts";

/** "About a minute", "3 hours". */
function humanDuration(seconds: number): string {
  const whole = Math.max(0, Math.trunc(seconds));
  const minutes = Math.trunc(whole / 60);
  const hours = Math.round(whole / 3600);
  if (whole < 1) return "Less than a second";
  if (whole === 1) return "1 second";
  if (whole < 60) return `${whole} seconds`;
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(hours / 24 / 365)} years`;
}

/** "3 hours ago". `thenMs`: since the epoch. */
export function ago(thenMs: number, now: Date): string {
  return `${humanDuration((now.getTime() - thenMs) / 1000)} ago`;
}

/** STATUS of `ps`: "Up 3 minutes", "Exited (137) 2 hours ago", "Created". */
export function humanStatus(status: ContainerStatus, health: HealthWord | null, now: Date): string {
  if (lives(status.word)) return `Up ${humanDuration((now.getTime() - Date.parse(status.started ?? "")) / 1000)}${status.word === "paused" ? " (Paused)" : health === null ? "" : health === "starting" ? " (health: starting)" : ` (${health})`}`;
  if (status.word === "created") return "Created";
  if (status.word === "removing") return "Removal In Progress";
  return `${status.word === "restarting" ? "Restarting" : "Exited"} (${status.code}) ${status.finished === null ? "" : ago(Date.parse(status.finished), now)}`.trimEnd();
}

/** "2026-01-02 03:04:05 +0000 UTC": Go's time.Time, in UTC. */
export function dockerDate(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`;
}
