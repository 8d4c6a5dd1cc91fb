/** Waiting for what a container is to become: with a limit, and an error as soon as it cannot come to it any more. */
import { MdkError } from "../../error.ts";
import { readContainer, type Container } from "../../store/containers.ts";
import { formatAddress } from "../../network/ipam.ts";
import { listEndpoints } from "../../store/endpoints.ts";
import { listPorts } from "../../store/ports.ts";
import { answers } from "../../sys/connect.ts";
import { monotonicMs } from "../../sys/clock.ts";
import type { Context } from "../context.ts";
import { watchLastEnd } from "../end/end.ts";
import { readStatus } from "../end/status.ts";
import { lives, noSuchContainer } from "../end/words.ts";
import { healthWordOf } from "./health.ts";

export const CONDITIONS = ["healthy", "running", "exited", "stopped", "not-running", "removed"] as const;
export type WaitCondition = (typeof CONDITIONS)[number];

const LOOK_MS = 20;

/** One look: the exit status to tell, or null when it is not so yet. Throws when it will not be. */
type Look = (container: Container | null) => number | null;

/**
 * Returns the container's exit status, 0 for one that runs. `timeoutMs` null: without limit. Throws MdkError "wait-timeout", and
 * "ended-first" for one that is to be healthy and has ended.
 */
export async function awaitCondition(context: Context, container: Container, condition: WaitCondition, timeoutMs: number | null): Promise<number> {
  const until = timeoutMs === null ? Infinity : monotonicMs() + timeoutMs;
  if (condition === "running" || condition === "healthy") return await awaitLook(context, container, { look: looks(context, container)[condition], what: condition, timeoutMs, until });
  const code = awaitEnd(context, container, { what: condition, timeoutMs });
  if (condition !== "removed") return code;
  return await awaitLook(context, container, { look: (row) => (row === null ? code : null), what: condition, timeoutMs, until });
}

/** Told by its monitor: where it removes itself, nothing else would tell of it afterwards. */
function awaitEnd(context: Context, container: Container, { what, timeoutMs }: Pick<Awaiting, "what" | "timeoutMs">): number {
  const watch = watchLastEnd(context, container);
  if (watch === null) return readStatus(context, container).code;
  try {
    const code = watch.wait(timeoutMs ?? -1);
    if (code === null) throw late(container, what, timeoutMs ?? 0);
    return code;
  } finally {
    watch.close();
  }
}

function looks(context: Context, container: Container): Readonly<Record<"running" | "healthy", Look>> {
  return {
    running: (row) => (readStatus(context, there(row, container)).word === "running" ? 0 : null),
    healthy: (row) => {
      const now = there(row, container);
      if (!now.checked) throw new MdkError("invalid", "no-healthcheck", `container ${container.name} has no health check`, { hint: "give it one with --health-cmd, or wait for another condition" });
      failEnded(context, now);
      return healthWordOf(context, now, readStatus(context, now).word) === "healthy" ? 0 : null;
    },
  };
}

/** For `run --wait`: it is healthy, or, where nobody looks at its health, its published ports answer; it runs, where it has none. */
export async function awaitReady(context: Context, container: Container, timeoutMs: number): Promise<void> {
  const health = container.checked;
  const open = new Set<string>();
  for (const end = monotonicMs() + timeoutMs; ; await Bun.sleep(LOOK_MS)) {
    const now = there(readContainer(context.database(), container.id), container);
    failEnded(context, now);
    const { word } = readStatus(context, now);
    if (lives(word) && (health ? healthWordOf(context, now, word) === "healthy" : await allAnswer(context, now, open, end))) return;
    if (monotonicMs() > end) throw late(container, health ? "healthy" : "ready: its published ports do not answer", timeoutMs);
  }
}

/** `open`: those that have answered already. */
async function allAnswer(context: Context, { id }: Container, open: Set<string>, end: number): Promise<boolean> {
  const endpoints = listEndpoints(context.database(), id);
  for (const { protocol, containerPort, network } of listPorts(context.database(), id)) {
    const address = endpoints.find((endpoint) => endpoint.network === network)?.connection?.address;
    if (address == null) continue;
    const name = String(containerPort);
    if (protocol !== "tcp" || open.has(name)) continue;
    if (!(await answers(formatAddress(address), containerPort, Math.max(1, Math.min(1_000, end - monotonicMs()))))) return false;
    open.add(name);
  }
  return true;
}

interface Awaiting {
  readonly look: Look;
  readonly what: string;
  readonly timeoutMs: number | null;
  /** When that is, by the monotonic clock. */
  readonly until: number;
}

async function awaitLook(context: Context, container: Container, { look, what, timeoutMs, until }: Awaiting): Promise<number> {
  for (;; await Bun.sleep(LOOK_MS)) {
    const found = look(readContainer(context.database(), container.id));
    if (found !== null) return found;
    if (monotonicMs() > until) throw late(container, what, timeoutMs ?? 0);
  }
}

function there(row: Container | null, { id }: Container): Container {
  if (row === null) throw noSuchContainer(id);
  return row;
}

function failEnded(context: Context, container: Container): void {
  const { word, code } = readStatus(context, container);
  // What its policy says of an end is known once that is noted.
  const isNoted = container.phase !== "started" || container.host.RestartPolicy.Name === "no";
  if ((word === "exited" && isNoted) || word === "removing") throw new MdkError("unavailable", "ended-first", `container ${container.name} has ended with status ${code} before it was ready`);
}

const late = (container: Container, what: string, timeoutMs: number): MdkError =>
  new MdkError("unavailable", "wait-timeout", `container ${container.name} is not ${what} after ${timeoutMs / 1000} seconds`);
