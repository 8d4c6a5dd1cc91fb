/** Rows about networks: how fast bytes pass (iperf3, the host's own, mounted into the containers), what a network costs a start, and what many of them cost. */
import { call, pullAll, removeAll, removeNow, type Bench, type Engine } from "./engines.ts";
import { interleave } from "./sample.ts";
import type { Row } from "./table.ts";

/** The host's program and its libraries: the image is of the same Debian. */
const IPERF = ["-v", "/usr/bin/iperf3:/usr/bin/iperf3:ro", "-v", "/usr/lib:/usr/lib:ro"];
const NETWORK = "benched";
const BYTES = 4;
const ROUNDS = 5;
const PORTS: Readonly<Record<Engine["name"], number>> = { mdk: 52011, docker: 52012, podman: 52013 };

/** Time for 4 GiB over one TCP connection: from a container to the host, from the host to a published port, from a container to another by its name. */
export async function throughputRows(bench: Bench): Promise<Row[]> {
  await pullAll(bench, bench.debian);
  const gateways = new Map<Engine, string>();
  for (const engine of bench.engines) {
    await call(engine, ["network", "create", NETWORK]);
    const container = ["run", "-d", "--network", NETWORK, ...IPERF];
    await call(engine, [...container, "--name", "server", "-p", `${PORTS[engine.name]}:5201`, bench.debian, "iperf3", "-s"]);
    await call(engine, [...container, "--name", "client", bench.debian, "sleep", "1000000"]);
    gateways.set(engine, await gatewayOf(engine));
  }
  const server = Bun.spawn(["iperf3", "-s"], { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  await Bun.sleep(500);
  const seconds = async (run: (args: readonly string[]) => Promise<string>, args: readonly string[]): Promise<number> => {
    const report = JSON.parse(await run(["iperf3", "-J", "-n", `${BYTES}G`, ...args])) as { end: { sum_received: { seconds: number } } };
    return report.end.sum_received.seconds;
  };
  const inside = (engine: Engine) => async (args: readonly string[]): Promise<string> => (await call(engine, ["exec", "client", ...args], { capture: true })).stdout;
  const outside = async (args: readonly string[]): Promise<string> => (await bench.host.run({ argv: [...args], capture: true })).stdout;
  const paths: readonly (readonly [string, (engine: Engine) => Promise<number>])[] = [
    ["container → host", (engine) => seconds(inside(engine), ["-c", gateways.get(engine)!])],
    ["host → published port", (engine) => seconds(outside, ["-c", gateways.get(engine)!, "-p", String(PORTS[engine.name])])],
    ["container → container, by name", (engine) => seconds(inside(engine), ["-c", "server"])],
  ];
  const rows: Row[] = [];
  for (const [what, measure] of paths) {
    const samples = await interleave(ROUNDS, bench.engines.map((engine) => ({ name: engine.name, sample: () => measure(engine) })));
    rows.push({ what: `${BYTES} GiB, ${what}`, unit: "s", samples, against: "faster peer", budget: 1 });
  }
  server.kill();
  await removeAll(bench);
  for (const engine of bench.engines) await call(engine, ["network", "rm", NETWORK]);
  return rows;
}

/** The host's address on the network. */
async function gatewayOf(engine: Engine): Promise<string> {
  const { stdout } = await call(engine, ["inspect", "client"], { capture: true });
  const [container] = JSON.parse(stdout) as [{ NetworkSettings: { Networks: Record<string, { Gateway: string }> } }];
  return container.NetworkSettings.Networks[NETWORK]!.Gateway;
}

/** What each network adds to a start without one; and a start beside 50 networks and 500 published ports. */
export async function networkRows(bench: Bench): Promise<Row[]> {
  await pullAll(bench, bench.busybox);
  for (const engine of bench.engines) await call(engine, ["network", "create", NETWORK]);
  const start = async (engine: Engine, network: string): Promise<number> => (await call(engine, ["run", "--rm", "--network", network, bench.busybox, "true"])).ms;
  const added = async (what: string, network: string): Promise<Row> => {
    const samples = await interleave(bench.rounds, bench.engines.map((engine) => ({ name: engine.name, sample: async () => -(await start(engine, "none")) + (await start(engine, network)) })));
    return { what: `${what}, over \`--network none\``, unit: "ms", samples, against: null, budget: 6 };
  };
  const rows = [await added("`mdk run --rm`, default bridge", "bridge"), await added("`mdk run --rm`, a network of the user's", NETWORK), await crowdedRow(bench, start)];
  for (const engine of bench.engines) await call(engine, ["network", "rm", NETWORK]);
  return rows;
}

const MANY = 50;
const PORTS_EACH = 10;

async function crowdedRow(bench: Bench, start: (engine: Engine, network: string) => Promise<number>): Promise<Row> {
  const [mdk] = bench.engines;
  const alone = await interleave(bench.rounds, [{ name: "alone", sample: () => start(mdk, NETWORK) }]);
  const names = Array.from({ length: MANY }, (_, index) => `crowd${index}`);
  for (const [index, name] of names.entries()) {
    await call(mdk, ["network", "create", "--subnet", `10.${100 + index}.0.0/24`, name]);
    await call(mdk, ["run", "-d", "--name", name, "--network", name, ...Array.from({ length: PORTS_EACH }, (_, port) => ["-p", String(20_000 + index * PORTS_EACH + port) + ":80"]).flat(), bench.busybox, "sleep", "1000000"]);
  }
  const crowded = await interleave(bench.rounds, [{ name: "mdk", sample: () => start(mdk, NETWORK) }]);
  await removeNow(mdk, names);
  await call(mdk, ["network", "rm", ...names]);
  return { what: `the latter beside ${MANY} networks and ${MANY * PORTS_EACH} published ports`, unit: "ms", samples: { ...crowded, alone: alone["alone"]! }, against: "alone", budget: 1.1 };
}
