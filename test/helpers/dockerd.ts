/** A private dockerd of Debian's for comparisons (test/helpers/dockerd.sh), and its client. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SCRIPT = "test/helpers/dockerd.sh";

interface Called {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Dockerd {
  /** DOCKER_HOST's value. */
  readonly host: string;
  /** Runs docker's client; never throws for a status of the client. */
  readonly docker: (...args: readonly string[]) => Called;
  /** The same with something on its standard input. */
  readonly call: (args: readonly string[], stdin?: string) => Called;
  readonly stop: () => void;
}

/**
 * Starts it, in two or three seconds; throws with its log if it does not come up. Containers of it are removed by stop(). It has a network
 * namespace of its own, or the one of this name.
 */
export function startDockerd(namespace: string | null = null): Dockerd {
  const folder = mkdtempSync(join(tmpdir(), "mdk-dockerd."));
  const started = Bun.spawnSync(namespace === null ? ["sh", SCRIPT, "start", folder] : ["nsenter", `--net=/run/netns/${namespace}`, "env", "MDK_DOCKERD_NET=", "sh", SCRIPT, "start", folder]);
  if (started.exitCode !== 0) throw new Error(`dockerd: ${started.stderr.toString()}`);
  const env = { ...process.env, DOCKER_HOST: started.stdout.toString().trim() };
  const call: Dockerd["call"] = (args, stdin) => {
    const { exitCode, stdout, stderr } = Bun.spawnSync(["/usr/bin/docker", ...args], { env, stdin: stdin === undefined ? "ignore" : Buffer.from(stdin) });
    return { status: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
  };
  return {
    host: env.DOCKER_HOST,
    docker: (...args) => call(args), call,
    stop() {
      Bun.spawnSync(["sh", SCRIPT, "stop", folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
