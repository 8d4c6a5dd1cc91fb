/** Rows about many containers: lists of them, a whole life, fifty at once. */
import { call, pullAll, removeNow, removeAll, type Bench, type Engine } from "./engines.ts";
import { interleave } from "./sample.ts";
import type { Row, Samples } from "./table.ts";

const SLEEP = ["sleep", "1000000"];

export async function listRows(bench: Bench): Promise<Row[]> {
  await pullAll(bench, bench.busybox);
  const version = { name: "mdk --version", sample: async () => (await bench.host.run({ argv: [bench.mdk, "--version"] })).ms };
  const measureList = async (what: string, args: readonly string[], engines: readonly Engine[], budget: number): Promise<Row> => {
    const contenders = engines.map((engine) => ({ name: engine.name, sample: async () => (await call(engine, args)).ms }));
    return { what, unit: "ms", samples: await interleave(bench.rounds, [...contenders, version]), against: "mdk --version", budget };
  };
  const rows: Row[] = [];
  for (const count of [1, 50]) {
    for (const engine of bench.engines) await runDetached(bench, engine, count === 1 ? 1 : count - 1);
    rows.push(await measureList(`\`mdk ps\`, ${count} running`, ["ps"], bench.engines, 1.5));
  }
  rows.push(await measureList("`mdk images`", ["images"], bench.engines, 1.5));
  const mdk = bench.engines[0];
  const created = Array.from({ length: 450 }, () => [...mdk.cli, "create", bench.busybox, ...SLEEP]);
  await mdk.world.run({ batch: created, width: 4 });
  rows.push(await measureList("`mdk ps -a`, 500 containers, 50 of them running", ["ps", "-a"], [mdk], 2));
  await removeAll(bench);
  return rows;
}

/** What a thousand running containers cost those commands that do not ask for them all, and the one that does. */
export async function thousandRows(bench: Bench): Promise<Row[]> {
  const mdk = bench.engines[0];
  await call(mdk, ["pull", "-q", bench.busybox]);
  const commands: readonly (readonly string[])[] = [["ps", "-q"], ["info"], ["run", "--rm", bench.busybox, "true"]];
  const measureAll = (): Promise<Samples> => interleave(bench.rounds, commands.map((args) => ({ name: args[0]!, sample: async () => (await call(mdk, args)).ms })));
  await runDetached(bench, mdk, 1);
  const beside1 = await measureAll();
  await runDetached(bench, mdk, 999);
  const beside1000 = await measureAll();
  await removeAll(bench);
  return commands.map(([name = "", ...args]) => ({
    what: `\`mdk ${[name, ...args].join(" ").replace(bench.busybox, "IMAGE")}\`, 1000 running`, unit: "ms",
    samples: { mdk: beside1000[name]!, "beside one": beside1[name]! }, against: "beside one", budget: name === "run" ? 1.2 : 3,
  }));
}

function runDetached(bench: Bench, engine: Engine, count: number): Promise<unknown> {
  return engine.world.run({ batch: Array.from({ length: count }, () => [...engine.cli, "run", "-d", bench.busybox, ...SLEEP]), width: 4 });
}

const LIFE = ["create", "start", "stop", "rm"] as const;

/** create, start, stop and rm of a program that ends at SIGTERM: together, and the two that people wait for. */
export async function lifeRow(bench: Bench): Promise<Row[]> {
  await pullAll(bench, bench.busybox);
  const program = ["sh", "-c", 'trap "exit 0" TERM; sleep 1000000 & wait'];
  const steps = new Map<string, number[]>();
  const samples = await interleave(Math.ceil(bench.rounds / 2), bench.engines.map((engine) => ({
    name: engine.name,
    sample: async () => {
      let sum = 0;
      for (const step of LIFE) {
        const { ms } = await call(engine, step === "create" ? ["create", "--name", "life", bench.busybox, ...program] : [step, "life"]);
        const key = `${step} ${engine.name}`;
        steps.set(key, [...(steps.get(key) ?? []), ms]);
        sum += ms;
      }
      return sum;
    },
  })));
  const alone = (step: (typeof LIFE)[number]): Row => ({
    what: `\`mdk ${step} C\``, unit: "ms", samples: Object.fromEntries(bench.engines.map(({ name }) => [name, steps.get(`${step} ${name}`)!.slice(1)])), against: "faster peer", budget: 1 / 3,
  });
  return [{ what: "create + start + stop + rm", unit: "ms", samples, against: "faster peer", budget: 1 / 6 }, alone("stop"), alone("rm")];
}

export async function parallelRow(bench: Bench): Promise<Row[]> {
  await pullAll(bench, bench.busybox);
  const rows: Row[] = [];
  for (const count of [50, 100]) {
    const names = Array.from({ length: count }, (_, index) => `many-${index}`);
    const samples = await interleave(3, bench.engines.map((engine) => ({
      name: engine.name,
      sample: async () => {
        const { ms } = await engine.world.run({ batch: names.map((name) => [...engine.cli, "run", "-d", "--name", name, bench.busybox, ...SLEEP]), width: 8 });
        await removeNow(engine, names);
        return ms / 1000;
      },
    })));
    rows.push({ what: `${count} detached containers started 8 at a time`, unit: "s", samples, against: "faster peer", budget: 1 / 6 });
  }
  return rows;
}
