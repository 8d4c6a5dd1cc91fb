/** A stage whose host has a link to the outside, another network namespace, by both families: real containers on it, seen from everywhere. */
import { afterAll, beforeAll } from "bun:test";
import { run } from "./registry.ts";
import { hasTool, isRoot, testIf } from "./requires.ts";
import { baseLayer, openStage, type Stage } from "./stage.ts";
import type { Entry } from "./archive.ts";

export interface NetworkStage extends Stage {
  /** Name of the namespace that plays the outside: OUTSIDE on its link, HOST is the host's address there. */
  readonly outside: string;
  /** Busybox. */
  readonly busybox: string;
  /** The standard output of a command that must succeed and say nothing on standard error. */
  ok(...args: readonly string[]): Promise<string>;
  /** Starts a container that serves its name, or `text`, by HTTP on port 80 of both families; it is listening when this resolves. */
  serve(name: string, flags?: readonly string[], text?: string): Promise<void>;
  /** Starts a container that sleeps. */
  sleep(name: string, ...flags: readonly string[]): Promise<void>;
  /** Output of a shell script in a container, both streams, whatever its status. */
  sh(container: string, script: string): Promise<string>;
  /** What curl gets in a namespace: of "10.0.0.1:80" or "[fd00::1]:80"; "curl N" where it fails within a second. */
  page(where: string, address: string): Promise<string>;
  /** The same from inside a container: "" where nothing comes. */
  pageIn(container: string, address: string): Promise<string>;
  /** What of `network` the container has: its address, gateway and others by Docker's field. */
  field(container: string, network: string, name: string): Promise<string>;
  /** A program in a namespace until the stage ends; it has said a line when this resolves. */
  background(where: string, command: readonly string[]): Promise<void>;
}

export const HOST = "10.99.0.1";
export const OUTSIDE = "10.99.0.2";
export const HOST6 = "fd99::1";
export const OUTSIDE6 = "fd99::2";

const MORE_APPLETS = ["nslookup", "seq", "grep", "timeout", "awk", "sort", "arping"];

/** Of the file whose tests run. */
export let net: NetworkStage;

/** To be called at the top of a test file: a stage for all of its tests, which need root. Returns how they are declared. */
export function useNetworkStage(...tools: readonly string[]): ReturnType<typeof testIf> {
  const needed = ["ip", "nft", "curl", "sysctl", ...tools];
  const able = isRoot && needed.every(hasTool);
  let opened: NetworkStage | undefined;
  beforeAll(async () => {
    if (able) opened = net = await openNetworkStage();
  });
  afterAll(async () => await opened?.end());
  return testIf(able, `needs root and ${needed.join(", ")}`);
}

async function openNetworkStage(): Promise<NetworkStage> {
  const stage = openStage();
  const outside = stage.namespace("out");
  join(stage.host, outside);
  const layer: readonly Entry[] = [...baseLayer(), ...MORE_APPLETS.map((name): Entry => ({ name: `bin/${name}`, type: "2", link: "busybox" }))];
  const busybox = await stage.image([layer], { Cmd: ["sleep", "1000"] });
  const children: Bun.Subprocess[] = [];
  const ok = async (...args: readonly string[]): Promise<string> => {
    const { code, out, err } = await stage.mdk(...args);
    if (code !== 0 || err !== "") throw new Error(`mdk ${args.join(" ")}: ${code}: ${err}`);
    return out.trimEnd();
  };
  const sh = async (container: string, script: string): Promise<string> => (await stage.mdk("exec", container, "sh", "-c", `{ ${script}; } 2>&1`)).out.trimEnd();
  return {
    ...stage, outside, busybox, ok, sh,
    async serve(name, flags = [], text = name) {
      await ok("run", "-d", "--name", name, ...flags, busybox, "sh", "-c", `mkdir -p /www; echo ${text} >/www/index.html; exec httpd -f -p 80 -h /www`);
      await sh(name, listening(80));
    },
    sleep: async (name, ...flags) => void (await ok("run", "-d", "--name", name, ...flags, busybox)),
    async page(where, address) {
      const { code, out } = await stage.inside(["curl", "-gs", "-m", "1", `http://${address}/`], where);
      return code === 0 ? out.trim() : `curl ${code}`;
    },
    pageIn: (container, address) => sh(container, `timeout 1 wget -q -O - http://${address}/ 2>/dev/null`),
    field: (container, network, name) => ok("inspect", "-f", `{{with index .NetworkSettings.Networks ${JSON.stringify(network)}}}{{.${name}}}{{end}}`, container),
    async background(where, command) {
      const child = Bun.spawn(["nsenter", `--net=/run/netns/${where}`, ...command], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
      children.push(child);
      await child.stdout.getReader().read();
    },
    async end() {
      for (const child of children) child.kill("SIGTERM");
      await Promise.all(children.map(({ exited }) => exited));
      await stage.end();
    },
  };
}

/** Forwarding is mdk's to switch on: a new namespace may begin with what the machine has. */
function join(host: string, outside: string): void {
  run("nsenter", `--net=/run/netns/${host}`, "sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0", "net.ipv6.conf.all.disable_ipv6=0");
  run("ip", "-n", host, "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", outside);
  for (const [name, link, ...addresses] of [[host, "up0", `${HOST}/24`, `${HOST6}/64`], [outside, "eth0", `${OUTSIDE}/24`, `${OUTSIDE6}/64`]] as const) {
    run("nsenter", `--net=/run/netns/${name}`, "sysctl", "-qw", `net.ipv6.conf.${link}.accept_ra=0`, `net.ipv6.conf.${link}.disable_ipv6=0`);
    run("ip", "-n", name, "addr", "add", addresses[0], "dev", link);
    run("ip", "-n", name, "addr", "add", addresses[1], "dev", link, "nodad");
    run("ip", "-n", name, "link", "set", link, "up");
  }
}

/** A script that ends when somebody in its network namespace listens on the TCP port, or after two seconds. */
export const listening = (port: number): string => `for look in $(seq 200); do cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -q ':${port.toString(16).toUpperCase().padStart(4, "0")} [0-9A-F:]* 0A ' && break; sleep 0.01; done`;

/** A program that answers HTTP with the address that it sees, on a port of all addresses: for NetworkStage.background. */
export const tellPeer = (port: number): string[] => [process.execPath, "-e", `Bun.serve({hostname:"::",port:${port},fetch:(r,s)=>new Response(s.requestIP(r).address.replace("::ffff:",""))});console.log("up")`];
