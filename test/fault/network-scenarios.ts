/** Commands of networks that are struck: a network is there and works, or it is not there at all; a container is on it or not. */
import { join } from "node:path";
import { mustDo, problemsOf, runScenario, settleEvents, type Scenario } from "./scenarios.ts";
import type { Trace } from "./trace.ts";
import { execute, leftovers, openReading, tags, type World } from "./world.ts";

const plainRun = runScenario("run --rm", ["--rm"]);

/** `prepare` of the others, and a network of this name. */
function withNetwork(world: World): void {
  plainRun.prepare(world);
  if (world.mdk("network", "ls", "-q", "-f", "name=^own$").out === "") mustDo(world.mdk("network", "create", "own"));
  settleEvents(world);
}

/** Bridges and places of networks that are not, on the host, in the firewall and in the store. */
function strayNetworks(world: World): string[] {
  const database = openReading(join(world.root, "mdk.db"));
  const column = (sql: string): string[] => database.query(sql).values().map(([value]) => String(value));
  try {
    const [known, bridges] = [column("SELECT id FROM networks"), column("SELECT bridge FROM places WHERE bridge <> ''")];
    const tables = tags(world).map((tag) => `mdk-${tag}`);
    const sets = tables.flatMap((table) => execute(["nft", "list", "set", "inet", table, "bridges"]).out.match(/(?<=")mdk-[^"]+/g) ?? []);
    const links = (JSON.parse(execute(["ip", "-j", "link", "show", "type", "bridge"]).out || "[]") as { ifname?: string }[]).flatMap(({ ifname = "" }) => (tables.some((table) => ifname.startsWith(table)) ? [ifname] : []));
    const lost = column("SELECT network FROM places").filter((id) => !known.includes(id));
    return [...lost.map((id) => `place of no network ${id}`), ...[...links, ...sets].filter((name) => !bridges.includes(name)).map((name) => `bridge of no network ${name}`)];
  } finally {
    database.close();
  }
}

/** What every scenario ends with. */
function close(world: World, done: Trace, problems: readonly string[]): string[] {
  const all = [...done.hung.map((who) => `did not end: ${who}`), ...problems, ...leftovers(world, done.pids), ...strayNetworks(world)];
  if (all.length > 0) world.mdk("clean", "-f");
  return all;
}

const ownRun = runScenario("run --network own", ["--rm", "--network", "own", "--network-alias", "also", "-p"]);

export const NETWORK_SCENARIOS: readonly Scenario[] = [
  {
    ...ownRun, prepare: withNetwork,
    check: (world, done, strike) => close(world, done, ownRun.check(world, done, strike)),
  },
  {
    name: "network create",
    prepare: (world) => {
      plainRun.prepare(world);
      settleEvents(world);
    },
    argv: (world) => world.argv("network", "create", "--ipv6", "made"),
    check: (world, done, strike) => {
      const problems: string[] = [];
      const listed = world.mdk("network", "ls", "-q", "-f", "name=^made$");
      problems.push(...problemsOf("network ls", listed));
      if (strike === null && (listed.out === "" || done.code !== 0)) problems.push(`not made: ${done.code} ${done.err}`);
      if (listed.out === "") problems.push(...problemsOf("the next network create", world.mdk("network", "create", "--ipv6", "made")));
      problems.push(...problemsOf("run on it", world.mdk("run", "--rm", "--network", "made", world.image, "true")), ...problemsOf("network rm", world.mdk("network", "rm", "made")));
      return close(world, done, problems);
    },
  },
  {
    name: "network rm",
    prepare: (world) => {
      plainRun.prepare(world);
      mustDo(world.mdk("network", "create", "made"));
      mustDo(world.mdk("run", "--rm", "--network", "made", world.image, "true"));
      settleEvents(world);
    },
    argv: (world) => world.argv("network", "rm", "made"),
    check: (world, done) => {
      const listed = world.mdk("network", "ls", "-q", "-f", "name=^made$");
      const problems = listed.out === "" ? [] : problemsOf("the next network rm", world.mdk("network", "rm", "made"));
      // Its bridge, where the command was killed, goes with the next network that is made.
      problems.push(...problemsOf("network create", world.mdk("network", "create", "made")), ...problemsOf("network rm", world.mdk("network", "rm", "made")));
      return close(world, done, problems);
    },
  },
  ...(["connect", "disconnect"] as const).map((verb): Scenario => ({
    name: `network ${verb}`,
    prepare: (world) => {
      withNetwork(world);
      mustDo(world.mdk("run", "-d", "--name", "live", world.image, "sleep", "1000"));
      if (verb === "disconnect") mustDo(world.mdk("network", "connect", "own", "live"));
      settleEvents(world);
    },
    argv: (world) => world.argv("network", verb, "own", "live"),
    check: (world, done, strike) => {
      const problems: string[] = [];
      const on = (): boolean => world.mdk("inspect", "-f", "{{json .NetworkSettings.Networks}}", "live").out.includes('"own"');
      if (strike === null && (on() !== (verb === "connect") || done.code !== 0)) problems.push(`status ${done.code}: ${done.err}`);
      // What it is on it can leave, and come to again.
      if (on()) problems.push(...problemsOf("disconnect", world.mdk("network", "disconnect", "own", "live")));
      problems.push(...problemsOf("connect", world.mdk("network", "connect", "own", "live")));
      const address = world.mdk("inspect", "-f", "{{.NetworkSettings.Networks.own.IPAddress}}", "live").out.trim();
      const inside = world.mdk("exec", "live", "ip", "-o", "-4", "addr").out.split("\n").filter((line) => line.includes(` ${address}/`));
      if (inside.length !== 1) problems.push(`it has ${address} ${inside.length} times`);
      const asked = world.mdk("run", "--rm", "--network", "own", world.image, "sh", "-c", "ping -c 1 -W 1 live || { cat /proc/net/arp /proc/net/dev; false; }");
      if (!asked.out.includes(`(${address})`) || asked.code !== 0) problems.push(`asked for its name: ${JSON.stringify(asked)}; there: ${world.mdk("exec", "live", "cat", "/proc/net/arp", "/proc/net/dev").out}`);
      problems.push(...problemsOf("rm", world.mdk("rm", "-f", "live")));
      return close(world, done, problems);
    },
  })),
];
