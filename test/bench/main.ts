/** Chooses and measures the rows, and prints the table: started by test/bench/run.sh. */
import { cpus, release } from "node:os";
import { createBench, removeAll, type Bench } from "./engines.ts";
import { buildRows } from "./rows-build.ts";
import { endRows, logRows, volumeRows } from "./rows-data.ts";
import { imageRows } from "./rows-images.ts";
import { lifeRow, listRows, parallelRow, thousandRows } from "./rows-many.ts";
import { memoryRow } from "./rows-memory.ts";
import { pullRows } from "./rows-pull.ts";
import { networkRows, throughputRows } from "./rows-network.ts";
import { execRow, plainRow, runRow, versionRow } from "./rows-start.ts";
import { renderTable, renderTaken, type Row } from "./table.ts";

const ROWS: Readonly<Record<string, (bench: Bench) => Promise<Row | Row[]>>> = {
  version: versionRow, run: runRow, plain: plainRow, exec: execRow, ps: listRows, life: lifeRow, pull: pullRows, end: endRows,
  memory: memoryRow, logs: logRows, volume: volumeRows, parallel: parallelRow, thousand: thousandRows,
  images: imageRows, build: buildRows, network: networkRows, throughput: throughputRows,
};

const chosen = process.argv.slice(2);
const unknown = chosen.find((name) => !Object.hasOwn(ROWS, name));
if (unknown !== undefined) throw new Error(`no row '${unknown}': ${Object.keys(ROWS).join(" ")}`);
const names = chosen.length > 0 ? chosen : Object.keys(ROWS);

const bench = createBench(process.env);
const rows: Row[] = [];
for (const name of names) {
  console.error(`measuring ${name}`);
  try {
    rows.push(...[await ROWS[name]?.(bench) ?? []].flat());
  } catch (error) {
    console.error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
    await removeAll(bench).catch(() => undefined);
  }
}
await bench.host.close();
await bench.plain.close();
console.log(`\`test/bench/run.sh${chosen.length > 0 ? ` ${chosen.join(" ")}` : ""}\`, ${new Date().toISOString().slice(0, 10)}, Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model ?? "?"}, medians\n`);
console.log(renderTable(rows));
console.log(renderTaken(rows));
