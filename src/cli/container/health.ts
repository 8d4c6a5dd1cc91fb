/** `--health-*` and `--no-healthcheck`: what they ask for (docker/cli, container/opts.go). */
import { EXIT, CommandError } from "../exit.ts";
import type { ContainerConfig } from "../../spec/container.ts";
import { decodeHealth, HEALTH_ACTIONS } from "../../spec/health.ts";
import type { Flag, Values } from "../grammar/flags.ts";

const actionProblem = (value: string): string | null => (HEALTH_ACTIONS.some((action) => action === value) ? null : `it must be one of ${HEALTH_ACTIONS.join(", ")}`);

export const HEALTH_FLAGS: readonly Flag[] = [
  { name: "health-cmd", type: "string", help: "Command to run to check health" },
  { name: "health-interval", type: "duration", help: "Time between running the check (ms|s|m|h) (default 0s)" },
  { name: "health-on-failure", type: "string", check: actionProblem, help: "What to do when it turns unhealthy (none, kill, restart, stop): mdk's own" },
  { name: "health-retries", type: "int", help: "Consecutive failures needed to report unhealthy" },
  { name: "health-start-interval", type: "duration", help: "Time between running the check during the start period (ms|s|m|h) (default 0s)" },
  { name: "health-start-period", type: "duration", help: "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)" },
  { name: "health-timeout", type: "duration", help: "Maximum time to allow one check to run (ms|s|m|h) (default 0s)" },
  { name: "no-healthcheck", type: "bool", help: "Disable any container-specified HEALTHCHECK" },
];

/** Members of `Config`; none where nothing is said. */
export function healthFlags(flags: Values): Pick<ContainerConfig, "Healthcheck" | "HealthcheckOnFailureAction"> {
  const command = flags.string("health-cmd");
  const numbers = {
    Interval: flags.duration("health-interval"), Timeout: flags.duration("health-timeout"), StartPeriod: flags.duration("health-start-period"),
    StartInterval: flags.duration("health-start-interval"), Retries: flags.int("health-retries"),
  };
  for (const [name, value] of Object.entries(numbers)) if ((value ?? 0) < 0) throw refuse(`--health-${name.replace(/(?!^)[A-Z]/g, "-$&").toLowerCase()} cannot be negative`);
  const asked = command !== null || Object.values(numbers).some((value) => (value ?? 0) !== 0);
  if (flags.bool("no-healthcheck")) {
    if (asked) throw refuse("--no-healthcheck conflicts with --health-* options");
    return { Healthcheck: decodeHealth({ Test: ["NONE"] }, "Healthcheck") };
  }
  const action = HEALTH_ACTIONS.find((word) => word === flags.string("health-on-failure"));
  return {
    ...(asked ? { Healthcheck: decodeHealth({ Test: command === null ? [] : ["CMD-SHELL", command], ...numbers }, "Healthcheck") } : {}),
    ...(action === undefined ? {} : { HealthcheckOnFailureAction: action }),
  };
}

const refuse = (message: string): CommandError => new CommandError(EXIT.engine, "invalid-flag", message);
