/** A host, a neighbour and containers as network namespaces of the test's own; everything ends with `destroy`. */
import { resolve } from "node:path";

export interface World {
  readonly host: string;
  readonly neighbour: string;
  /** A new, empty container namespace, as init makes it for a network with IPv4 only, or with IPv6 too. */
  readonly container: (name: string, families?: "ipv4" | "ipv6") => string;
  /** Runs a command in a namespace. */
  readonly run: (namespace: string, command: readonly string[]) => { code: number; stdout: string; stderr: string };
  /** A server in the namespace that answers HTTP with its name and the peer's address; ready when this resolves. */
  readonly serve: (namespace: string, port: number, family?: "ipv4" | "ipv6") => Promise<void>;
  /** What curl gets of the addresses ("10.0.0.1:80", "[fd00::1]:80"), all asked at once from the namespace; "curl 28" where it gets nothing in a second. */
  readonly pages: (namespace: string, addresses: readonly string[]) => Promise<string[]>;
  /** The same for UDP. */
  readonly serveUdp: (namespace: string, port: number, family?: "ipv4" | "ipv6") => Promise<void>;
  /** Asks the agent in the host's namespace (network-agent.ts). */
  readonly ask: (command: Readonly<Record<string, unknown>>) => Promise<unknown>;
  readonly destroy: () => Promise<void>;
}

/** The neighbour has 10.99.0.2, the host 10.99.0.1. */
export function createWorld(): World {
  const prefix = `mdkt${process.pid}${crypto.randomUUID().slice(0, 4)}`;
  const namespaces: string[] = [];
  const children: { kill: (signal: "SIGKILL") => void; exited: Promise<number> }[] = [];
  const run = (namespace: string, command: readonly string[]) => {
    const { exitCode, stdout, stderr } = Bun.spawnSync(["ip", "netns", "exec", namespace, ...command], { stdin: "ignore" });
    return { code: exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
  };
  const must = (command: string): void => {
    const { exitCode, stderr } = Bun.spawnSync(["sh", "-c", command]);
    if (exitCode !== 0) throw new Error(`${command}: ${stderr.toString()}`);
  };
  const add = (name: string): string => {
    const namespace = `${prefix}-${name}`;
    must(`ip netns add ${namespace}`);
    namespaces.push(namespace);
    return namespace;
  };
  const host = add("host");
  const neighbour = add("out");
  // A new namespace may begin with what the machine has.
  must(`ip netns exec ${host} sysctl -qw net.ipv4.ip_forward=0`);
  must(`ip -n ${host} link set lo up && ip -n ${neighbour} link set lo up && ip -n ${host} link add up0 type veth peer name eth0 netns ${neighbour}`);
  must(`ip -n ${host} addr add 10.99.0.1/24 dev up0 && ip -n ${host} link set up0 up && ip -n ${neighbour} addr add 10.99.0.2/24 dev eth0 && ip -n ${neighbour} link set eth0 up`);
  const start = async (namespace: string, script: string): Promise<void> => {
    const child = Bun.spawn(["ip", "netns", "exec", namespace, process.execPath, "-e", script], { stdout: "pipe", stdin: "ignore" });
    children.push(child);
    await child.stdout.getReader().read();
  };
  const agent = Bun.spawn(["ip", "netns", "exec", host, process.execPath, resolve(import.meta.dir, "network-agent.ts")], { stdin: "pipe", stdout: "pipe" });
  children.push(agent);
  const reader = agent.stdout.getReader();
  let buffered = "";
  const ask = async (command: Readonly<Record<string, unknown>>): Promise<unknown> => {
    agent.stdin.write(`${JSON.stringify(command)}\n`);
    while (!buffered.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error("the agent has ended");
      buffered += new TextDecoder().decode(value);
    }
    const end = buffered.indexOf("\n");
    const answer = JSON.parse(buffered.slice(0, end)) as { ok?: unknown; error?: string };
    buffered = buffered.slice(end + 1);
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer.ok;
  };
  return {
    host,
    neighbour,
    container: (name, families = "ipv4") => {
      const namespace = add(name);
      must(`ip netns exec ${namespace} sysctl -qw net.ipv6.conf.all.disable_ipv6=${families === "ipv4" ? 1 : 0} net.ipv6.conf.default.accept_ra=0`);
      return namespace;
    },
    pages: (namespace, addresses) =>
      Promise.all(addresses.map(async (address) => {
        const child = Bun.spawn(["ip", "netns", "exec", namespace, "curl", "-gs", "--max-time", "1", `http://${address}/`], { stdout: "pipe", stdin: "ignore" });
        const text = await new Response(child.stdout).text();
        const code = await child.exited;
        return code === 0 ? text : `curl ${code}`;
      })),
    run,
    serve: (namespace, port, family = "ipv4") =>
      start(namespace, `Bun.serve({${family === "ipv4" ? 'hostname:"0.0.0.0"' : 'hostname:"::",ipv6Only:true'},port:${port},fetch:(r,s)=>new Response("${namespace.split("-")[1]} "+s.requestIP(r).address)});console.log("up")`),
    serveUdp: (namespace, port, family = "ipv4") =>
      start(namespace, `const s=await Bun.udpSocket({hostname:"${family === "ipv4" ? "0.0.0.0" : "::"}",port:${port},socket:{data(s,d,p,a){s.send("${namespace.split("-")[1]} "+a,p,a)}}});console.log("up")`),
    ask,
    destroy: async () => {
      for (const child of children) child.kill("SIGKILL");
      await Promise.all(children.map(({ exited }) => exited));
      for (const namespace of namespaces) Bun.spawnSync(["ip", "netns", "del", namespace]);
    },
  };
}
