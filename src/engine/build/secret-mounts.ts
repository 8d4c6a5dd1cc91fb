/** RUN --mount=type=secret and type=ssh: what a step sees, and no layer, log, history or key of the cache has. */
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { posix } from "node:path";
import { MdkError, messageOf } from "../../error.ts";
import type { RunMount } from "../../build/language/instructions/mount.ts";
import type { Context } from "../context.ts";
import type { Staged } from "./building.ts";
import type { StageImage } from "./stage-image.ts";
import { bindOn, cloneMount, type ReadyMount } from "./step-mount.ts";

/** A file on the run root, which is no disk. */
export function secretOf(staged: Staged, mount: RunMount, environment: string[], image: StageImage): ReadyMount[] {
  const { context, request } = staged;
  const id = mount.id || posix.basename(mount.target);
  const secret = request.secrets.get(id);
  if (secret === undefined) {
    if (!mount.isRequired) return [];
    throw new MdkError("not-found", "no-such-secret", `secret ${id}: not found`, { hint: "give it with --secret id=…,src=FILE or --secret id=…,env=NAME" });
  }
  const bytes = secret.kind === "file" ? readSecret(id, secret.path) : Buffer.from(context.environment[secret.name] ?? "");
  if (mount.env !== null) environment.push(`${mount.env}=${bytes.toString("utf8")}`);
  if (mount.env !== null && mount.target === "") return [{ target: "", key: ["secret-variable", id, mount.env], bind: null, mount: null }];
  const target = posix.resolve(image.config.WorkingDir || "/", mount.target || `/run/secrets/${id}`);
  // Not removed before the step is over: what has no name cannot be mounted.
  const path = ownPath(context);
  return [{
    target, key: ["secret", id, target, mount.mode, mount.uid, mount.gid], mount: bindOn(target, true), close: () => rmSync(path, { force: true }),
    bind: () => {
      writeFileSync(path, bytes, { mode: 0o600, flag: "wx" });
      chownSync(path, mount.uid ?? 0, mount.gid ?? 0);
      chmodSync(path, mount.mode ?? 0o400);
      return cloneMount(path, true);
    },
  }];
}

/** Of a process that is gone, the next command removes it (engine/end/orphans.ts). */
function ownPath({ runRoot }: Context): string {
  mkdirSync(runRoot, { recursive: true, mode: 0o711 });
  return `${runRoot}/secret-${crypto.randomUUID()}.${process.pid}`;
}

const SECRET_BYTES_MAX = 500 << 10;

function readSecret(id: string, path: string): Buffer {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > SECRET_BYTES_MAX) throw new MdkError("invalid", "secret-too-large", `invalid secret size ${bytes.length}: at most ${SECRET_BYTES_MAX} bytes`);
    return bytes;
  } catch (error) {
    throw error instanceof MdkError ? error : new MdkError("not-found", "secret-unreadable", `failed to read secret ${id}: ${messageOf(error)}`, { cause: error });
  }
}

/** A socket of the step's own: whose it is says the mount. */
export function agentOf({ context, request }: Staged, mount: RunMount, number: number, environment: string[]): ReadyMount[] {
  const id = mount.id || "default";
  const source = request.agents.get(id);
  if (source === undefined) {
    if (!mount.isRequired) return [];
    throw new MdkError("not-found", "no-such-agent", `no SSH key ${JSON.stringify(id)} forwarded from the client`, { hint: `give it with --ssh ${id}` });
  }
  const target = mount.target || `/run/buildkit/ssh_agent.${number}`;
  environment.push(`SSH_AUTH_SOCK=${target}`);
  const path = ownPath(context);
  let agent: { close(): void } | null = null;
  return [{
    target, key: ["ssh", id, target, mount.mode, mount.uid, mount.gid], mount: bindOn(target, false),
    bind: async () => {
      const { serveAgent } = await import("./ssh/agent.ts"); // cryptography, that few builds want
      agent = await serveAgent(path, source);
      chownSync(path, mount.uid ?? 0, mount.gid ?? 0);
      chmodSync(path, mount.mode ?? 0o600);
      return cloneMount(path, false);
    },
    close: () => {
      agent?.close();
      rmSync(path, { force: true });
    },
  }];
}
