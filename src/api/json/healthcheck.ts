/** Docker's JSON of a HEALTHCHECK: pure. */
import type { Healthcheck } from "../../image/config.ts";

/** What is not said is left out (Go's omitempty). */
export function healthcheckJson(health: Healthcheck): Record<string, unknown> {
  return Object.fromEntries(Object.entries(health).filter(([, value]) => value !== 0));
}
