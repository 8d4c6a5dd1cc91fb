/** Registries for tests: Debian's docker-registry on a free port of loopback, and images made by umoci and skopeo. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Registry {
  /** "127.0.0.1:41234" */
  readonly host: string;
  stop(): Promise<void>;
}

/**
 * Starts a docker-registry with storage of its own. `auth`: the value of its `auth` setting, as YAML. `within`: a command that runs
 * it elsewhere, like nsenter.
 */
export async function startRegistry(auth = "", within: readonly string[] = []): Promise<Registry> {
  const folder = mkdtempSync(join(tmpdir(), "mdk-registry-"));
  const config = join(folder, "config.yml");
  const log = join(folder, "log");
  writeFileSync(config, [
    "version: 0.1", "log: { level: info, accesslog: { disabled: true } }",
    `storage: { filesystem: { rootdirectory: ${folder}/storage }, delete: { enabled: true } }`, "http: { addr: 127.0.0.1:0 }", auth,
  ].join("\n"));
  writeFileSync(log, "");
  const child = Bun.spawn([...within, "docker-registry", "serve", config], {
    stdin: "ignore", stdout: Bun.file(log), stderr: Bun.file(log), env: { ...process.env, OTEL_TRACES_EXPORTER: "none" },
  });
  for (let tries = 0; tries < 600; tries++) {
    const host = /listening on (127\.0\.0\.1:\d+)/.exec(readFileSync(log, "utf8"))?.[1];
    if (host !== undefined) {
      return {
        host,
        stop: async () => {
          child.kill();
          await child.exited;
          rmSync(folder, { recursive: true, force: true });
        },
      };
    }
    if (child.exitCode !== null) break;
    await Bun.sleep(50);
  }
  child.kill();
  throw new Error(`docker-registry does not start: ${readFileSync(log, "utf8")}`);
}

export function run(...command: string[]): string {
  const done = Bun.spawnSync(command, { stdin: "ignore", stderr: "pipe" });
  if (!done.success) throw new Error(`${command.join(" ")}: ${done.stderr.toString()}`);
  return done.stdout.toString();
}

/** An OCI layout below `folder` whose image "t" has these archives as layers, written by umoci. Returns "LAYOUT:t". */
export function makeImage(folder: string, layers: readonly Uint8Array[]): string {
  mkdirSync(folder, { recursive: true });
  const layout = join(folder, "layout");
  const part = join(folder, "layer.tar");
  if (!existsSync(layout)) run("umoci", "init", "--layout", layout);
  run("umoci", "new", "--image", `${layout}:t`);
  for (const layer of layers) {
    writeFileSync(part, layer);
    run("umoci", "raw", "add-layer", "--image", `${layout}:t`, part);
  }
  run("umoci", "config", "--image", `${layout}:t`, "--config.cmd", "/bin/true", "--config.env", "A=b");
  return `${layout}:t`;
}

/** Copies "LAYOUT:t" to the registry with skopeo. `options`: further ones of `skopeo copy`. */
export function push(image: string, target: string, ...options: string[]): void {
  run("skopeo", "copy", "--quiet", "--dest-tls-verify=false", ...options, `oci:${image}`, `docker://${target}`);
}
