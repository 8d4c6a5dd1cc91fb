/** Containers with a resolver, by hand-made plans, in a network namespace that plays the host: with name servers of dnsmasq's. */
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isolateContainer } from "../../src/network/container.ts";
import { RESOLVER } from "../../src/network/resolv.ts";
import { leadToResolver } from "../../src/network/resolver.ts";
import { writeView, type NameView } from "../../src/runtime/names.ts";
import { sendResolver } from "../../src/runtime/resolver.ts";
import { portOf } from "../../src/sys/inet.ts";
import { NetlinkSocket } from "../../src/sys/netlink.ts";
import { cacheFolder } from "./probe.ts";
import { CLONE, say, type Container, type Options } from "./shim.ts";
import { container, family, shell } from "./shim-container.ts";

export interface Resolving extends Container {
  readonly init: number;
  readonly monitor: number;
  /** Its name in the run root. */
  readonly id: string;
  /** What setting its resolver up took between `created` and `go`, in ms; 0 without one. */
  readonly ms: number;
}

export interface ResolverWorld {
  readonly runRoot: string;
  /** A container that sleeps, with its loopback device up; `view` null: without a resolver, which can come later. */
  start(view: NameView | null, options?: Options & { readonly port?: number }): Resolving;
  /** dnsmasq on an address of the host's loopback, port 53, with these options; it answers when this resolves. */
  serve(address: string, ...options: readonly string[]): Promise<void>;
  /** A server there that hears and never says anything. */
  mute(address: string): Promise<void>;
  /** Runs a command in the container's network namespace. */
  inside(made: Resolving, ...command: readonly string[]): string;
  /** The same, with the host's file system and a resolv.conf that names the resolver only. */
  withResolv(made: Resolving, command: string): string;
  /** dns-client.ts in the container's network namespace. */
  ask(made: Resolving, ...words: readonly string[]): Promise<Record<string, unknown>>;
  /** dig's short answer, its lines sorted. */
  dig(made: Resolving, ...words: readonly string[]): string[];
  /** A link from the host into the container's network namespace; whether it is still there. */
  link(made: Resolving): () => boolean;
  destroy(): Promise<void>;
}

const sleeper: Options = shell("while :; do sleep 1000; done", { clientCleans: true });

/** A run of a command: its output, whatever its status. */
function output(command: readonly string[]): string {
  return Bun.spawnSync([...command], { stdin: "ignore", stderr: "ignore" }).stdout.toString().trim();
}

export function createResolverWorld(): ResolverWorld {
  const host = `mdkd${process.pid}${crypto.randomUUID().slice(0, 4)}`;
  const netns = `--net=/run/netns/${host}`;
  const runRoot = mkdtempSync(join(tmpdir(), "mdk-names-"));
  const servers: Bun.Subprocess[] = [];
  let count = 0;
  for (const command of [`ip netns add ${host}`, `ip -n ${host} link set lo up`]) {
    const { exitCode, stderr } = Bun.spawnSync(command.split(" "));
    if (exitCode !== 0) throw new Error(`${command}: ${stderr.toString()}`);
  }
  const inside = (made: Resolving, ...command: readonly string[]): string => output(["nsenter", `--net=/proc/${made.init}/ns/net`, ...command]);
  const ask = async (made: Resolving, ...words: readonly string[]): Promise<Record<string, unknown>> => {
    const child = Bun.spawn(["nsenter", `--net=/proc/${made.init}/ns/net`, process.execPath, join(import.meta.dir, "dns-client.ts"), ...words], { stdin: "ignore", stdout: "pipe" });
    const text = await new Response(child.stdout).text();
    return JSON.parse(text.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
  };
  writeFileSync(`${runRoot}/resolv.conf`, `nameserver ${RESOLVER}\noptions ndots:0\n`);
  return {
    runRoot, inside, ask,
    start: (view, options = {}) => launch(runRoot, `c${++count}`, ["nsenter", netns], view, options),
    async serve(address, ...options) {
      servers.push(Bun.spawn(["nsenter", netns, "dnsmasq", "--conf-file=/dev/null", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root",
        "--bind-interfaces", `--listen-address=${address}`, "--host-record=ready.test,192.0.2.99", ...options], { stdin: "ignore", stderr: "inherit" }));
      for (let look = 0; look < 200; look++) {
        if (output(["nsenter", netns, "dig", "+short", "+time=1", "+tries=1", `@${address}`, "ready.test"]) === "192.0.2.99") return;
        await Bun.sleep(20);
      }
      throw new Error(`dnsmasq on ${address} does not answer`);
    },
    async mute(address) {
      const script = `await Bun.udpSocket({hostname:"${address}",port:53,socket:{data(){}}});console.log("up")`;
      const child = Bun.spawn(["nsenter", netns, process.execPath, "-e", script], { stdin: "ignore", stdout: "pipe" });
      servers.push(child);
      await child.stdout.getReader().read();
    },
    withResolv: (made, command) => inside(made, "unshare", "-m", "sh", "-c", `mount --bind ${runRoot}/resolv.conf /etc/resolv.conf && ${command}`),
    dig: (made, ...words) => inside(made, "dig", `@${RESOLVER}`, "+short", "+tries=1", ...words).split("\n").filter((line) => line !== "").sort(),
    link(made) {
      const name = `l${made.init}`;
      const { exitCode } = Bun.spawnSync(["ip", "-n", host, "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", String(made.init)]);
      if (exitCode !== 0) throw new Error("no veth");
      return () => Bun.spawnSync(["ip", "-n", host, "link", "show", name], { stdout: "ignore", stderr: "ignore" }).exitCode === 0;
    },
    async destroy() {
      for (const server of servers) server.kill("SIGKILL");
      await Promise.all(servers.map(({ exited }) => exited));
      Bun.spawnSync(["ip", "netns", "del", host]);
      rmSync(runRoot, { recursive: true, force: true });
    },
  };
}

function launch(runRoot: string, id: string, under: readonly string[], view: NameView | null, { port = 0, ...options }: Options & { readonly port?: number }): Resolving {
  const made = container({
    ...sleeper, ...options, under,
    plan: (plan) => ({ ...plan, namespaces: plan.namespaces | CLONE.NEWNET }),
    steps: (steps) => steps.map((step) => ("created" in step ? { created: { network: true, resolver_port: view === null ? null : port } } : step)),
  });
  const { report, descriptors } = made.next();
  if (report === null || !("created" in report)) throw new Error(`expected created: ${JSON.stringify(report)}`);
  isolateContainer(new NetlinkSocket(descriptors[1]!));
  mkdirSync(`${runRoot}/${id}`, { mode: 0o700 });
  const start = Bun.nanoseconds();
  if (view !== null) {
    writeView(runRoot, id, view);
    setUp(made, runRoot, id, descriptors, port);
  }
  const ms = view === null ? 0 : (Bun.nanoseconds() - start) / 1e6;
  for (const descriptor of descriptors) closeSync(descriptor);
  say(made.report, "g");
  const ready = made.next().report;
  if (ready === null || !("ready" in ready)) throw new Error(`expected ready: ${JSON.stringify(ready)}`);
  const { pid } = report.created;
  return Object.assign(made, { init: pid, monitor: family(pid).monitor, id, ms });
}

function setUp(made: Container, runRoot: string, id: string, descriptors: readonly number[], port: number): void {
  const [, , udp, tcp, netfilter] = descriptors;
  if (udp === undefined || tcp === undefined || netfilter === undefined) throw new Error("no sockets for a resolver");
  if (port === 0 && leadToResolver(new NetlinkSocket(netfilter), { udp: portOf(udp), tcp: portOf(tcp) }) !== "led") throw new Error("no nf_tables");
  sendResolver(made.channel, runRoot, id, { udp, tcp });
}

/** test/probe/lookup.c, static, with Zig's musl; built once into the cache. */
export function buildLookup(): string {
  const source = "test/probe/lookup.c";
  const digest = new Bun.CryptoHasher("sha256").update(readFileSync(source)).digest("hex").slice(0, 12);
  const path = join(cacheFolder(), `lookup-${digest}`);
  if (existsSync(path)) return path;
  const made = `${path}.${process.pid}`;
  const target = process.arch === "arm64" ? "aarch64-linux-musl" : "x86_64-linux-musl";
  const { exitCode, stderr } = Bun.spawnSync(["sh", "shim/zig.sh", "cc", "-target", target, "-static", "-O1", "-o", made, source]);
  if (exitCode !== 0) throw new Error(`${source}: ${stderr.toString()}`);
  renameSync(made, path);
  return path;
}

/** A descriptor of a container's network namespace; the caller closes it. */
export const openNetworkOf = (made: Resolving): number => openSync(`/proc/${made.init}/ns/net`, "r");
