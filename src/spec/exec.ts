/** The process of `docker exec`: a container's spec and a request to an OCI process (moby daemon/exec_linux.go). Pure. */
import { capabilityNames } from "./capabilities.ts";
import { completeEnv, mergeEnv, workingDirectory } from "./environment.ts";
import type { Process, Spec } from "./types.ts";
import type { ResolvedUser } from "./user.ts";

export interface ExecProcessRequest {
  readonly args: readonly string[];
  /** KEY=VALUE beneath it: what links tell. */
  readonly variables: readonly string[];
  /** The container's own environment (inspect's Config.Env). */
  readonly containerEnv: readonly string[];
  /** -e: KEY=VALUE; KEY alone removes the variable. */
  readonly env: readonly string[];
  /** -w; null: the container's. */
  readonly workdir: string | null;
  /** Of -u, or of the container's own user. */
  readonly user: ResolvedUser;
  readonly tty: boolean;
  readonly privileged: boolean;
  /** As HostFacts has it: for a container that has none of its own. */
  readonly oomScore: number | null;
}

/**
 * What runs in the container. Capabilities are the container's, or with --privileged all of `available` (bounding mask of
 * this process): effective for root only. Errors: MdkError for a relative -w.
 */
export function generateExec(container: Spec, request: ExecProcessRequest, available: bigint): Process {
  const bounding = request.privileged ? capabilityNames(available) : [...container.process.capabilities.bounding];
  const held = request.user.uid === 0 ? bounding : [];
  const env = [...request.variables, ...mergeEnv(request.containerEnv, request.env)];
  const oomScore = container.process.oomScoreAdj ?? request.oomScore;
  return {
    ...(oomScore === null ? {} : { oomScoreAdj: oomScore }),
    terminal: request.tty,
    user: { uid: request.user.uid, gid: request.user.gid, additionalGids: [...request.user.additionalGids] },
    args: [...request.args],
    env: completeEnv(env, { hostname: container.hostname, tty: request.tty, home: request.user.home }),
    cwd: request.workdir === null || request.workdir === "" ? container.process.cwd : workingDirectory(request.workdir),
    capabilities: { bounding, effective: [...held], permitted: [...held], inheritable: [], ambient: [] },
    rlimits: [...container.process.rlimits],
    noNewPrivileges: container.process.noNewPrivileges,
    ...(container.process.apparmorProfile === undefined || request.privileged ? {} : { apparmorProfile: container.process.apparmorProfile }),
  };
}
