/** Rows about starting: the program itself, a container, a process in a container. */
import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { exportBundles } from "./bundle.ts";
import { call, pullAll, type Bench } from "./engines.ts";
import { interleave, type Contender } from "./sample.ts";
import type { Row } from "./table.ts";

export async function versionRow(bench: Bench): Promise<Row> {
  const source = join(bench.folder, "empty.ts");
  const empty = join(bench.folder, "empty");
  writeFileSync(source, "export {};\n");
  await bench.host.run({
    argv: [
      resolve("node_modules/.bin/bun"), "build", "--compile", "--production", "--minify", "--bytecode", "--format=esm",
      "--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig", `--outfile=${empty}`, source,
    ],
  });
  const contenders = [
    { name: "mdk", argv: [bench.mdk, "--version"] }, { name: "empty Bun program", argv: [empty] },
    { name: "docker", argv: ["/usr/bin/docker", "--version"] }, { name: "podman", argv: ["podman", "--version"] },
  ];
  const samples = await interleave(bench.rounds * 2, contenders.map(({ name, argv }) => ({ name, sample: async () => (await bench.host.run({ argv })).ms })));
  return { what: "`mdk --version`", unit: "ms", samples, against: "empty Bun program", budget: 1.6 };
}

export async function runRow(bench: Bench): Promise<Row> {
  await pullAll(bench, bench.busybox);
  const { short } = await exportBundles(bench);
  let count = 0;
  const bare = (runtime: string): Contender => ({
    name: runtime,
    sample: async () => (await bench.plain.run({ argv: [runtime, "--root", join(bench.folder, runtime), "run", "--bundle", short, `short-${count++}`] })).ms,
  });
  const engines = bench.engines.map((engine) => ({ name: engine.name, sample: async () => (await call(engine, ["run", "--rm", bench.busybox, "true"])).ms }));
  const samples = await interleave(bench.rounds, [...engines, bare("crun"), bare("runc")]);
  return { what: "`mdk run --rm IMAGE true`", unit: "ms", samples, against: "crun", budget: 1 };
}

/** The host's own network and the run root on a disk, as on a host where /run is not a tmpfs. */
export async function plainRow(bench: Bench): Promise<Row> {
  await pullAll(bench, bench.busybox);
  const { short } = await exportBundles(bench);
  const mdk = [bench.mdk, "--root", join(bench.folder, "mdk/root"), "--run-root", join(bench.folder, "mdk/run")];
  let count = 0;
  const samples = await interleave(bench.rounds, [
    { name: "mdk", sample: async () => (await bench.host.run({ argv: [...mdk, "run", "--rm", "--network", "host", bench.busybox, "true"] })).ms },
    { name: "crun", sample: async () => (await bench.plain.run({ argv: ["crun", "--root", join(bench.folder, "crun"), "run", "--bundle", short, `plain-${count++}`] })).ms },
  ]);
  await bench.host.run({ argv: [...mdk, "clean", "-f"] });
  return { what: "`mdk run --rm --network host`, run root on disk", unit: "ms", samples, against: "crun", budget: 1 };
}

export async function execRow(bench: Bench): Promise<Row> {
  await pullAll(bench, bench.busybox);
  const { long } = await exportBundles(bench);
  for (const engine of bench.engines) await call(engine, ["run", "-d", "--name", "executed", bench.busybox, "sleep", "1000000"]);
  const runtimes = ["crun", "runc"].map((runtime) => [runtime, "--root", join(bench.folder, runtime)]);
  for (const [index, runtime] of runtimes.entries()) {
    // Detached runtimes leave the container's streams open: they must not be the timer's pipes.
    await bench.plain.run({ argv: ["sh", "-c", '"$@" </dev/null >/dev/null 2>&1', "sh", ...runtime, "run", "--detach", "--bundle", index === 0 ? long : (await exportBundles(bench)).long, "long"] });
  }
  const samples = await interleave(bench.rounds, [
    ...bench.engines.map((engine) => ({ name: engine.name, sample: async () => (await call(engine, ["exec", "executed", "true"])).ms })),
    ...runtimes.map((runtime) => ({ name: runtime[0] ?? "", sample: async () => (await bench.plain.run({ argv: [...runtime, "exec", "long", "true"] })).ms })),
  ]);
  for (const runtime of runtimes) await bench.plain.run({ argv: [...runtime, "delete", "--force", "long"] });
  for (const engine of bench.engines) await call(engine, ["rm", "-f", "executed"]);
  return { what: "`mdk exec C true`", unit: "ms", samples, against: "crun", budget: 1.6 };
}
