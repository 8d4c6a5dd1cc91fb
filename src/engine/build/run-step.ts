/** RUN: a container on what the stage is so far, whose upper directory becomes the next layer. It ends with the build. */
import { closeSync, mkdirSync, writeFileSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { mountsOf } from "../../build/language/expand/instruction.ts";
import { DEFAULT_SHELL, executedBy, type Executed } from "../../build/language/command-line.ts";
import { proxyEnvironment } from "../../build/graph/scope.ts";
import type { RunInstruction } from "../../build/language/instructions/types.ts";
import { quote } from "../../build/language/text.ts";
import { Channel } from "../../runtime/channel.ts";
import { decodeConfig } from "../../spec/decode.ts";
import { joinConfig } from "../../spec/join.ts";
import type { HostConfig } from "../../spec/container.ts";
import type { UserMount } from "../../spec/mount-types.ts";
import { receiveMessages } from "../../sys/messages.ts";
import { socketpair } from "../../sys/socket.ts";
import { signalContainer } from "../end/end.ts";
import { settle } from "../end/settle.ts";
import { LOST_CODE } from "../end/status.ts";
import { newId, newName } from "../host/ids.ts";
import { chooseEndpoints } from "../network/endpoints.ts";
import { beginNew, type Begun } from "../start/begin.ts";
import { startBegun } from "../start/start.ts";
import { stageLayerDirectories, type Staged, type StepContext } from "./building.ts";
import { cachedLayer, stepKey, type LayerPlace } from "./cached-layer.ts";
import { bindOn } from "./step-mount.ts";
import { openStepMounts, type StepMounts } from "./step-mounts.ts";
import type { ShownStep } from "./request.ts";
import { chainOf, withLayer, type StageImage } from "./stage-image.ts";

/** Throws MdkError "build-step" when the program fails, in BuildKit's words. */
export async function runStep(building: Staged, image: StageImage, run: RunInstruction, { step, shown, description, anew }: StepContext): Promise<StageImage> {
  const { words: argv, script } = executedBy(run, image.config.Shell ?? DEFAULT_SHELL);
  const { request, escape } = building;
  const mounts = await openStepMounts(building, mountsOf(run, { lookup: (name) => image.scope.variables.get(name), escape, budget: building.plan.globals.budget }), step, image);
  try {
    const environment = [...new Map([...proxyEnvironment(request.buildArguments), ...image.scope.variables.entries()])].map(([name, value]) => `${name}=${value}`);
    const { User, WorkingDir } = image.config;
    const asked = { argv, environment: environment.filter((entry) => !isProxy(entry)), User, WorkingDir, script, network: networkOf(request.host, run), security: run.security, hosts: request.host.ExtraHosts, mounts: mounts.key };
    const layer = await cachedLayer(building, {
      key: stepKey(["run", chainOf(image.layers), asked]), description, shown, anew, below: image.layers,
      fill: async (place) => {
        await execute(building, image, { ...asked, environment, mounts, shown, place });
        mounts.tidy(place.upper);
      },
    });
    return withLayer(image, layer, historyOf(image, argv));
  } finally {
    mounts.close();
  }
}

const PROXY = /^(https?|ftp|no|all)_proxy=/i;
const isProxy = (entry: string): boolean => PROXY.test(entry);

function historyOf({ scope: { declared } }: StageImage, argv: readonly string[]): string {
  const given = [...declared.entries()].flatMap(([name, value]) => (value === null ? [] : [`${name}=${value}`]));
  return `RUN ${[...(given.length === 0 ? [] : [`|${given.length}`, ...given]), ...argv].join(" ")}`;
}

function networkOf({ NetworkMode }: HostConfig, { network }: RunInstruction): HostConfig["NetworkMode"] {
  return network === "default" ? NetworkMode : network;
}

interface Execution {
  readonly argv: readonly string[];
  readonly environment: readonly string[];
  readonly User: string;
  readonly WorkingDir: string;
  readonly script: Executed["script"];
  readonly network: HostConfig["NetworkMode"];
  readonly security: RunInstruction["security"];
  readonly mounts: StepMounts;
  readonly shown: ShownStep;
  readonly place: LayerPlace;
}

async function execute(building: Staged, image: StageImage, execution: Execution): Promise<void> {
  const { context, request, progress } = building;
  request.signal.throwIfAborted();
  const opened = await execution.mounts.open(execution.place.scratch);
  const begun = beginNew(context, draftOf(building, image, execution, { ...opened, environment: execution.mounts.environment }));
  const [out, theirOut] = socketpair();
  const [err, theirErr] = socketpair();
  let channel: Channel;
  try {
    const streaming = { terminal: false, openStdin: false, stdinOnce: false, stdin: null, stdout: theirOut, stderr: theirErr, client: null, clientCleans: true, endsWithClient: true };
    channel = new Channel((await startBegun(context, begun, { streaming, window: null, warn: (text) => progress.warn(text) })).channel!);
  } catch (error) {
    closeSync(out);
    closeSync(err);
    throw error instanceof MdkError && (error.kind === "no-program" || error.kind === "not-executable") ? failed(execution.argv, error.message, error) : error;
  } finally {
    closeSync(theirOut);
    closeSync(theirErr);
  }
  const readers = [read(out, (bytes) => execution.shown.output("stdout", bytes)), read(err, (bytes) => execution.shown.output("stderr", bytes))];
  const code = await ended(building, begun, channel);
  await Promise.all(readers);
  request.signal.throwIfAborted();
  if (code === 0) return;
  const error = failed(execution.argv, `exit code: ${code}`, null);
  if (request.debug === null) throw error;
  execution.shown.failed(error);
  await request.debug(beginNew(context, shellOf(building, image, execution)));
  throw error;
}

/** A shell on the files as the program left them, without the step's mounts. */
function shellOf(building: Staged, image: StageImage, execution: Execution): Parameters<typeof beginNew>[1] {
  const shell = image.config.Shell ?? DEFAULT_SHELL;
  // On a volatile overlay's own work directory the kernel mounts no second one (Documentation/filesystems/overlayfs.rst).
  const work = `${execution.place.scratch}/shell`;
  mkdirSync(work, { mode: 0o700 });
  const argv = shell.at(-1) === "-c" ? shell.slice(0, -1) : shell;
  return draftOf(building, image, { ...execution, argv, script: null, place: { ...execution.place, work } }, { mounts: [], binds: new Map(), environment: [], isTerminal: true });
}

/** Waits for the end, brings it about when the build is given up, and clears away all but the upper directory. */
async function ended({ context, request }: Staged, { container }: Begun, channel: Channel): Promise<number> {
  const kill = (): void => void signalContainer(context, container, 9);
  request.signal.addEventListener("abort", kill);
  try {
    if (request.signal.aborted) kill();
    let exited = await channel.exited();
    // Somebody who reads the output is always there.
    while (exited === "cut" || exited === "stalled") exited = await channel.exited();
    settle(context, container.id);
    channel.sayCleaned();
    await channel.ended();
    return exited?.code ?? LOST_CODE;
  } finally {
    request.signal.removeEventListener("abort", kill);
    channel.close();
  }
}

const TERMINAL = { Tty: true, OpenStdin: true, StdinOnce: true };

type Opened = Awaited<ReturnType<StepMounts["open"]>> & { readonly environment: readonly string[]; readonly isTerminal?: true };

function draftOf({ context, request, empty, paths }: Staged, image: StageImage, execution: Execution, opened: Opened): Parameters<typeof beginNew>[1] {
  const { argv, environment, User, WorkingDir, script, network, security, place } = execution;
  const id = newId();
  // BuildKit's steps have no HOSTNAME.
  const config = joinConfig(decodeConfig({ Cmd: argv, Env: ["HOSTNAME", ...environment], User, WorkingDir, ...(opened.isTerminal === true ? TERMINAL : {}) }), empty.config, "buildkitsandbox");
  const insecure = security === "insecure";
  const host: HostConfig = { ...request.host, NetworkMode: network, AutoRemove: true, LogConfig: { Type: "none", Config: {} }, Privileged: insecure };
  const files: UserMount[] = [];
  if (script !== null) {
    const path = `${place.scratch}/script`;
    writeFileSync(path, script.content, { mode: 0o755 });
    files.push({ ...bindOn(script.path, true), source: path } as UserMount);
  }
  return {
    id, image: empty.id, createdMs: context.now().getTime(), config, host, mounts: [...files, ...opened.mounts], name: newName(0), named: false,
    endpoints: chooseEndpoints(context, { config, host, networks: {} }),
    root: { layers: stageLayerDirectories({ paths }, image.layers), upper: place.upper, work: place.work, binds: opened.binds, environment: opened.environment },
  };
}

/** All of a socket, until its other end is closed. */
async function read(socket: number, take: (bytes: Uint8Array) => void): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  await receiveMessages(socket, take, resolve);
  await promise;
}

function failed(argv: readonly string[], how: string, cause: unknown): MdkError {
  return new MdkError("failed", "build-step", `process ${quote(argv.join(" "))} did not complete successfully: ${how}`, { cause });
}

