/** What steps ask for beyond what a build may do: refused before anything runs. Pure. */
import type { BuildPlan } from "../../build/graph/plan.ts";
import { DockerfileError } from "../../build/language/error.ts";
import type { Entitlement } from "./request.ts";

/** Throws DockerfileError in BuildKit's words. */
export function refuseUnallowed({ stages, needed }: BuildPlan, allowed: ReadonlySet<Entitlement>): void {
  for (const { instruction } of needed.flatMap((index) => stages[index]!.steps)) {
    if (instruction.kind !== "run") continue;
    const wanted: Entitlement[] = [...(instruction.security === "insecure" ? ["security.insecure" as const] : []), ...(instruction.network === "host" ? ["network.host" as const] : [])];
    const missing = wanted.find((each) => !allowed.has(each));
    if (missing !== undefined) throw new DockerfileError(`${missing} is not allowed`, instruction.span);
  }
}
