/** Rows about data: the end of a program that wrote much, a volume, the log. */
import { call, pullAll, type Bench } from "./engines.ts";
import { interleave } from "./sample.ts";
import type { Row } from "./table.ts";

/** From the program's last moment, as it says itself, to the end of the client. */
export async function endRows(bench: Bench): Promise<Row[]> {
  await pullAll(bench, bench.debian);
  const program = ["sh", "-c", "dd if=/dev/zero of=/written bs=1M count=300 status=none; date +%s%N"];
  const rows: Row[] = [];
  for (const [flag, budget] of [[[], 40], [["--rm"], 80]] as const) {
    const samples = await interleave(5, bench.engines.map((engine) => ({
      name: engine.name,
      sample: async () => {
        const { stdout, endMs } = await call(engine, ["run", ...flag, "--name", "writer", bench.debian, ...program], { capture: true });
        if (flag.length === 0) await call(engine, ["rm", "writer"]);
        await bench.host.run({ argv: ["sync"] });
        return endMs - Number.parseInt(stdout.trim(), 10) / 1e6;
      },
    })));
    rows.push({ what: `end of a program that wrote 300 MB${flag.length > 0 ? ", `--rm`" : ""}`, unit: "ms", samples, against: null, budget });
  }
  return rows;
}

/** A new volume gets what the image has there, and goes with the container. */
export async function volumeRows(bench: Bench): Promise<Row[]> {
  await pullAll(bench, bench.busybox);
  const script = "mkdir /data; cd /data; for d in $(seq 100); do mkdir $d; for f in $(seq 100); do echo $f >$d/$f; done; done";
  for (const engine of bench.engines) {
    await call(engine, ["run", "--name", "filler", bench.busybox, "sh", "-c", script]);
    await call(engine, ["commit", "-c", "VOLUME /data", "filler", "filled:1"]);
    await call(engine, ["rm", "filler"]);
  }
  const samples = await interleave(5, bench.engines.map((engine) => ({ name: engine.name, sample: async () => (await call(engine, ["run", "--rm", "filled:1", "true"])).ms })));
  for (const engine of bench.engines) await call(engine, ["rmi", "filled:1"]);
  return [{ what: "`run --rm` of an image with a VOLUME of 10 000 files", unit: "ms", samples, against: "faster peer", budget: 1 }];
}

export async function logRows(bench: Bench): Promise<Row[]> {
  await pullAll(bench, bench.busybox);
  const reading: Record<string, number[]> = {};
  const writing = await interleave(3, bench.engines.map((engine) => ({
    name: engine.name,
    sample: async () => {
      const start = performance.now();
      await call(engine, ["run", "-d", "--name", "talker", bench.busybox, "seq", "1000000"]);
      await call(engine, ["wait", "talker"]);
      const ms = performance.now() - start;
      const read = await engine.world.run({ argv: ["sh", "-c", '"$@" | wc -l', "sh", ...engine.cli, "logs", "talker"], capture: true });
      if (read.stdout.trim() !== "1000000") throw new Error(`${engine.name} logs: ${read.stdout.trim()} lines`);
      (reading[engine.name] ??= []).push(read.ms);
      await call(engine, ["rm", "talker"]);
      return ms;
    },
  })));
  return [
    { what: "1 million log lines through a detached container", unit: "ms", samples: writing, against: "podman", budget: 0.8 },
    { what: "reading them back", unit: "ms", samples: reading, against: "faster peer", budget: 0.2 },
  ];
}
