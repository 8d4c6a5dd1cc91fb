/** Rows about images on their way: a push, save and load, and what they take of the machine. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { call, pullAll, type Bench, type Engine } from "./engines.ts";
import { pushBigImage } from "./image.ts";
import type { Row } from "./table.ts";
import { dockerDaemons, interleaveTaken, type Work } from "./taken.ts";

const ROUNDS = 3;

export async function imageRows(bench: Bench): Promise<Row[]> {
  const image = await pushBigImage(bench);
  await pullAll(bench, image);
  const archive = (engine: Engine): string => join(bench.folder, `${engine.name}.tar`);
  const work = (engine: Engine, args: readonly string[]): Work => ({ name: engine.name, world: engine.world, request: { argv: [...engine.cli, ...args] }, daemons: engine.name === "docker" ? dockerDaemons(bench) : [] });
  const pushed = (engine: Engine): string => `${bench.registry}/pushed-${engine.name}`;
  const rounds = Array.from({ length: ROUNDS + 1 }, (_, round) => round);
  for (const engine of bench.engines) for (const round of rounds) await call(engine, ["tag", image, `${pushed(engine)}-${round}:latest`]);
  const push = await interleaveTaken(ROUNDS, bench.engines.map((engine) => {
    let round = 0;
    // Another repository each time: nothing of it is there, and its blobs are known.
    return { ...work(engine, []), get request() { return { argv: [...engine.cli, "push", "-q", ...engine.pullFlags, `${pushed(engine)}-${round++}:latest`] }; } };
  }));
  const save = await interleaveTaken(ROUNDS, bench.engines.map((engine) => ({ ...work(engine, ["save", "-o", archive(engine), image]), before: async () => rmSync(archive(engine), { force: true }) })));
  // Whoever had it under another name would have nothing to load.
  for (const engine of bench.engines) await call(engine, ["rmi", "-f", image, ...rounds.map((round) => `${pushed(engine)}-${round}:latest`)]);
  const load = await interleaveTaken(ROUNDS, bench.engines.map((engine) => ({ ...work(engine, ["load", "-q", "-i", archive(engine)]), after: () => call(engine, ["rmi", "-f", image]) })));
  for (const engine of bench.engines) rmSync(archive(engine), { force: true });
  return [
    { what: "push of the 770 MB to another repository", unit: "s", ...push, against: "faster peer", budget: 1 },
    { what: "save, 770 MB in 6 layers", unit: "s", ...save, against: "faster peer", budget: 1 },
    { what: "load of what each has saved", unit: "s", ...load, against: "faster peer", budget: 1 },
  ];
}
