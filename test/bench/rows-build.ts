/** Rows about builds, beside Docker's BuildKit and classic builder and podman's buildah. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { call, pullAll, type Bench, type Engine } from "./engines.ts";
import { interleave, type Contender } from "./sample.ts";
import type { Row } from "./table.ts";

const ROUNDS = 5;
const FILES = 50_000;
const DIRECTORIES = 100;

interface Builder {
  readonly name: string;
  readonly engine: Engine;
  readonly environment: readonly string[];
}

export async function buildRows(bench: Bench): Promise<Row[]> {
  await pullAll(bench, bench.busybox);
  const [mdk, docker, podman] = bench.engines;
  const builders: readonly Builder[] = [
    { name: "mdk", engine: mdk, environment: [] },
    { name: "BuildKit", engine: docker, environment: ["DOCKER_BUILDKIT=1"] },
    { name: "docker, classic", engine: docker, environment: ["DOCKER_BUILDKIT=0"] },
    { name: "podman", engine: podman, environment: [] },
  ];
  const rows: Row[] = [];
  const steps = contextOf(bench, "steps", [1, 2, 3, 4, 5].flatMap((number) => [`RUN echo ${number} >/run${number}`, `COPY file /copied${number}`]));
  writeFileSync(join(steps, "file"), "x\n");
  rows.push({ what: "build, 10 RUN and COPY steps, nothing cached", unit: "ms", samples: await interleave(ROUNDS, builders.map((one) => contender(one, ["--no-cache", steps]))), against: "BuildKit", budget: 0.8 });
  rows.push({ what: "the same, all cached", unit: "ms", samples: await interleave(ROUNDS, builders.map((one) => contender(one, [steps]))), against: null, budget: 60 });
  const many = contextOf(bench, "many", ["COPY . /many"]);
  for (let directory = 0; directory < DIRECTORIES; directory++) {
    mkdirSync(join(many, `d${directory}`));
    for (let file = 0; file < FILES / DIRECTORIES; file++) writeFileSync(join(many, `d${directory}/f${file}`), `${directory} ${file}\n`);
  }
  rows.push({ what: "a context of 50 000 files, unchanged", unit: "ms", samples: await interleave(ROUNDS, builders.map((one) => contender(one, [many]))), against: null, budget: 500 });
  rows.push(await stages(bench, builders[0]!));
  for (const folder of [steps, many]) rmSync(folder, { recursive: true });
  return rows;
}

/** Four stages that need no other, on as many processors as there are, beside the same steps one after the other. */
async function stages(bench: Bench, mdk: Builder): Promise<Row> {
  const work = "RUN dd if=/dev/zero bs=1M count=700 2>/dev/null | sha256sum >/sum";
  const numbers = [1, 2, 3, 4];
  const apart = contextOf(bench, "apart", [...numbers.flatMap((number) => [`FROM ${bench.busybox} AS s${number}`, `${work}${number}`]), "FROM scratch", ...numbers.map((number) => `COPY --from=s${number} /sum${number} /`)], "");
  const serial = contextOf(bench, "serial", numbers.map((number) => `${work}${number}`));
  const samples = await interleave(ROUNDS, [contender(mdk, ["--no-cache", apart]), contender({ ...mdk, name: "one after the other" }, ["--no-cache", serial])]);
  for (const folder of [apart, serial]) rmSync(folder, { recursive: true });
  return { what: "build, four independent stages", unit: "ms", samples, against: "one after the other", budget: 0.6 };
}

function contender({ name, engine, environment }: Builder, args: readonly string[]): Contender {
  const flags = engine.name === "podman" ? ["--layers"] : [];
  return { name, sample: async () => (await call({ ...engine, cli: environment.length === 0 ? engine.cli : ["env", ...environment, ...engine.cli] }, ["build", "-q", ...flags, ...args])).ms };
}

function contextOf(bench: Bench, name: string, lines: readonly string[], first = `FROM ${bench.busybox}\n`): string {
  const folder = join(bench.folder, name);
  mkdirSync(folder);
  writeFileSync(join(folder, "Dockerfile"), `${first}${lines.join("\n")}\n`);
  return folder;
}
