/** Rows about images on their way: a pull of one layer, a push, save and load; for mdk what the large pull takes of the machine as well. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { call, pullAll, type Bench, type Engine } from "./engines.ts";
import { pushBigImage } from "./image.ts";
import { interleave } from "./sample.ts";
import type { Row } from "./table.ts";

const ROUNDS = 3;
/** Of any pull, hostile ones too. */
const MEMORY_KIB = 200 << 10;

export async function imageRows(bench: Bench): Promise<Row[]> {
  return [await pullOne(bench), ...(await carried(bench)), await taken(bench)];
}

/** Debian's image: one layer. */
async function pullOne(bench: Bench): Promise<Row> {
  const samples = await interleave(ROUNDS, bench.engines.map((engine) => ({
    name: engine.name,
    sample: async () => {
      const { ms } = await call(engine, ["pull", "-q", ...engine.pullFlags, bench.debian]);
      await call(engine, ["rmi", bench.debian]);
      return ms / 1000;
    },
  })));
  return { what: "pull, one layer of 147 MB", unit: "s", samples, against: "faster peer", budget: 0.4 };
}

async function carried(bench: Bench): Promise<Row[]> {
  const image = await pushBigImage(bench);
  await pullAll(bench, image);
  const archive = (engine: Engine): string => join(bench.folder, `${engine.name}.tar`);
  const timed = async (engine: Engine, args: readonly string[]): Promise<number> => (await call(engine, args)).ms / 1000;
  let round = 0;
  const pushed = new Map<Engine, string[]>();
  const push = await interleave(ROUNDS, bench.engines.map((engine) => ({
    name: engine.name,
    sample: async () => {
      // Another registry's name each time: nothing of it is there, and its blobs are known.
      const name = `${bench.registry}/pushed-${engine.name}-${round++}:latest`;
      await call(engine, ["tag", image, name]);
      pushed.set(engine, [...(pushed.get(engine) ?? []), name]);
      return await timed(engine, ["push", "-q", ...engine.pullFlags, name]);
    },
  })));
  const save = await interleave(ROUNDS, bench.engines.map((engine) => ({
    name: engine.name,
    sample: async () => {
      rmSync(archive(engine), { force: true });
      return await timed(engine, ["save", "-o", archive(engine), image]);
    },
  })));
  // Whoever had it under another name would have nothing to load.
  for (const engine of bench.engines) await call(engine, ["rmi", "-f", image, ...(pushed.get(engine) ?? [])]);
  const load = await interleave(ROUNDS, bench.engines.map((engine) => ({
    name: engine.name,
    sample: async () => {
      const seconds = await timed(engine, ["load", "-q", "-i", archive(engine)]);
      await call(engine, ["rmi", "-f", image]);
      return seconds;
    },
  })));
  for (const engine of bench.engines) rmSync(archive(engine), { force: true });
  return [
    { what: "push of the same to another repository", unit: "s", samples: push, against: "faster peer", budget: 1 },
    { what: "save, 770 MB in 6 layers", unit: "s", samples: save, against: "faster peer", budget: 1 },
    { what: "load of what each has saved", unit: "s", samples: load, against: "faster peer", budget: 1 },
  ];
}

/** Of mdk's pull: peers do theirs in daemons, or in several processes. */
async function taken(bench: Bench): Promise<Row> {
  const [mdk] = bench.engines;
  const image = await pushBigImage(bench);
  const figures = join(bench.folder, "time");
  await bench.host.run({ argv: ["/usr/bin/time", "-o", figures, "-f", "%U %S %M", ...mdk.cli, "pull", "-q", image] });
  await call(mdk, ["rmi", image]);
  const [user = 0, system = 0, kib = 0] = (await Bun.file(figures).text()).trim().split(/\s+/).map(Number);
  return { what: `memory of that pull at most (it took ${(user + system).toFixed(1)} s of CPU)`, unit: "KiB", samples: { mdk: [kib] }, against: null, budget: MEMORY_KIB };
}
