/** How a container's health is probed: planned with its start, handed to its monitor once its init exists, and from then on the monitor's business. */
import { closeSync } from "node:fs";
import { Descriptors } from "../../runtime/descriptors.ts";
import { encodePlan } from "../../runtime/launch.ts";
import { seccompFilter } from "../../runtime/seccomp.ts";
import { generateExec } from "../../spec/exec.ts";
import type { Spec } from "../../spec/types.ts";
import type { Container } from "../../store/containers.ts";
import { runPaths } from "../../store/paths.ts";
import { openLock } from "../../sys/lock.ts";
import { openProcess } from "../../sys/pidfd.ts";
import { sendWithDescriptors, socketpair } from "../../sys/socket.ts";
import type { Context } from "../context.ts";
import { chooseOomScore, machine, readCapabilities } from "../host/facts.ts";
import { planExecIn } from "./exec-plan.ts";

/** Init and cage, by pid and start time. */
export interface Peers {
  readonly pid: number;
  readonly pidStart: string;
  readonly cage: number;
  readonly cageStart: string;
}

/** Hands the plan over: between `created` and `go`. A container that has died meanwhile is left to who starts it. */
export type SendHealth = (channel: number, peers: Peers) => void;

export interface Probing {
  readonly spec: Spec;
  /** What its links tell it (engine/network/links.ts). */
  readonly variables: readonly string[];
  /** What a probe executes. */
  readonly args: readonly string[];
}

/** Probes run as the container's user, in its environment and working directory. */
export async function planHealth(context: Context, container: Container, { spec, variables, args }: Probing): Promise<SendHealth> {
  const filter = await seccompFilter(spec, machine(), spec.process.capabilities.bounding);
  const capabilities = readCapabilities();
  const home = spec.process.env.find((line) => line.startsWith("HOME="))?.slice(5) ?? "/";
  const process = generateExec(spec, {
    args, variables, containerEnv: container.config.Env, env: [], workdir: null, user: { ...spec.process.user, home }, tty: false, privileged: container.host.Privileged,
    oomScore: chooseOomScore(capabilities),
  }, capabilities);
  return (channel, peers) => {
    const opened: number[] = [];
    const keep = (descriptor: number): number => (opened.push(descriptor), descriptor);
    try {
      const cage = openProcess(peers.cage, peers.cageStart);
      const init = openProcess(peers.pid, peers.pidStart);
      for (const descriptor of [cage, init]) if (descriptor !== null) keep(descriptor);
      if (cage === null || init === null) return;
      const [output, theirOutput] = socketpair().map(keep) as [number, number];
      const [reports, theirReports] = socketpair().map(keep) as [number, number];
      const descriptors = new Descriptors();
      const plan = planExecIn(context, container, {
        id: `health.${container.id.slice(0, 12)}`, spec, process, descriptors, keep, record: null, filter, window: null, cage, init, pid: peers.pid, report: theirReports,
        lock: keep(openLock(`${runPaths(context.runRoot).container(container.id)}/health.lock`)),
        streaming: { terminal: false, openStdin: false, stdinOnce: true, stdin: null, stdout: theirOutput, stderr: theirOutput, client: null, clientCleans: true },
      });
      const { file, length } = encodePlan({ exec: plan });
      sendWithDescriptors(channel, Buffer.concat([Buffer.from("h"), length]), [output, reports, keep(file), ...descriptors.fds]);
    } finally {
      for (const descriptor of opened) closeSync(descriptor);
    }
  };
}
