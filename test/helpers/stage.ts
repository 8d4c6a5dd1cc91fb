/**
 * mdk itself on a stage of its own: the built executable with a store, a run directory and a host's network namespace that
 * nobody else has, and images that a test writes entry by entry. Everything ends with `end`.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { archive, directory, file, type Entry } from "./archive.ts";
import { fakeImage, fakeRegistry, serveImage, type FakeImage } from "./fake-registry.ts";
import { MDK } from "./mdk.ts";
import { buildProbe, parseState, type ProbedState } from "./probe.ts";
import { run } from "./registry.ts";

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Stage {
  /** Absolute path of what the test may put files into; the store is `root` below it. */
  readonly folder: string;
  readonly root: string;
  readonly runRoot: string;
  /** Name of the network namespace that plays the host (`ip netns exec` would hide /sys: `inside` does not). */
  readonly host: string;
  /** Runs mdk on the stage; killed after a minute. */
  mdk(...args: readonly string[]): Promise<Ended>;
  /** The command of `mdk`, for who wants to start it otherwise. */
  command(...args: readonly string[]): string[];
  /** Runs any command in the host's network namespace, or in another one by its name. */
  inside(command: readonly string[], namespace?: string): Promise<Ended>;
  /** Makes an image of these layers, pulls it and returns its reference. The first layer can be `BASE`. */
  image(layers: readonly (readonly Entry[])[], config?: Readonly<Record<string, unknown>>): Promise<string>;
  /** `mdk ARGS /probe state PATHS…`, parsed. Throws with what mdk said. */
  probe(args: readonly string[], paths?: readonly string[]): Promise<ProbedState>;
  /** One more network namespace, ended with the stage. */
  namespace(name: string): string;
  end(): Promise<void>;
}

/** Applets that scripts of the tests call. */
const APPLETS = ["sh", "cat", "ls", "id", "sleep", "true", "mount", "umount", "mkdir", "echo", "stat", "unshare", "httpd", "nc", "wget", "readlink", "hostname", "kill", "dd", "ip", "ping", "udpsvd", "chroot", "mknod", "env"];

/** busybox, the probe (also setuid, as /suid), passwd and group. */
export function baseLayer(): Entry[] {
  const probe = readFileSync(buildProbe());
  return [
    directory("./"), directory("bin/"), file("bin/busybox", readFileSync("/bin/busybox"), { mode: 0o755 }),
    ...APPLETS.map((name): Entry => ({ name: `bin/${name}`, type: "2", link: "busybox" })),
    file("probe", probe, { mode: 0o755 }), file("suid", probe, { mode: 0o4755 }), directory("etc/"), directory("tmp/", { mode: 0o1777 }),
    file("etc/passwd", "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/home:/bin/sh\n4294967296:x:0:0::/:/bin/sh\n-1:x:0:0::/:/bin/sh\n"),
    file("etc/group", "root:x:0:\nuser:x:1000:\nstaff:x:50:user\nwheel:x:10:root,user\n"),
  ];
}

async function ended(command: readonly string[]): Promise<Ended> {
  const { DOCKER_HOST: _host, MDK_ROOT: _root, MDK_RUN_ROOT: _runRoot, ...env } = process.env;
  const child = Bun.spawn(["timeout", "-s", "KILL", "60", ...command], { stdin: "ignore", stdout: "pipe", stderr: "pipe", env });
  const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
  return { code, out, err };
}

/** Needs root and a built dist/mdk. */
export function openStage(): Stage {
  const folder = mkdtempSync(join(tmpdir(), "mdk-stage-"));
  const [root, runRoot] = [join(folder, "root"), join(folder, "run")];
  const prefix = `mdks${process.pid}${crypto.randomUUID().slice(0, 4)}`;
  const namespaces: string[] = [];
  const images = new Map<string, FakeImage>();
  const registry = fakeRegistry((path) => {
    const image = images.get(path.split("/")[2] ?? "");
    return image === undefined ? null : serveImage(image, path);
  });
  const namespace = (name: string): string => {
    const full = `${prefix}-${name}`;
    run("ip", "netns", "add", full);
    namespaces.push(full);
    run("ip", "-n", full, "link", "set", "lo", "up");
    return full;
  };
  const host = namespace("host");
  const inside = (command: readonly string[], name = host): Promise<Ended> => ended(["nsenter", `--net=/run/netns/${name}`, ...command]);
  const command = (...args: readonly string[]): string[] => [MDK, "--root", root, "--run-root", runRoot, ...args];
  const mdk = (...args: readonly string[]): Promise<Ended> => inside(command(...args));
  return {
    folder, root, runRoot, host, mdk, command, inside, namespace,
    image: async (layers, config = {}) => {
      const name = `i${images.size}`;
      images.set(name, fakeImage(layers.map((entries) => archive(entries)), { config: { Cmd: ["/bin/true"], ...config } }));
      const reference = `${registry.host}/${name}:latest`;
      const pulled = await ended(command("pull", "-q", reference)); // the registry is on the machine's own loopback
      if (pulled.code !== 0) throw new Error(pulled.err);
      return reference;
    },
    probe: async (args, paths = []) => {
      const { out, err } = await mdk(...args, "/probe", "state", ...paths);
      if (!out.startsWith("{")) throw new Error(`mdk ${args.join(" ")}: ${err}`);
      return parseState(out);
    },
    end: async () => {
      await mdk("clean", "-f");
      registry.stop();
      for (const name of namespaces) Bun.spawnSync(["ip", "netns", "del", name]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
