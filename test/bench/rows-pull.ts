/** Rows about pulls: of one layer and of several, with what is on the disk in memory and not, and what they take of the machine. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { call, type Bench } from "./engines.ts";
import { fetchManifest, pushBigImage } from "./image.ts";
import type { Row } from "./table.ts";
import { dockerDaemons, interleaveTaken, type Work } from "./taken.ts";

const ROUNDS = 3;
const FLOOR = "curl, zcat and tar";

export async function pullRows(bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [image, what] of [[bench.debian, "pull, one layer of 147 MB"], [await pushBigImage(bench), "pull, 770 MB in 6 layers"]] as const) {
    for (const isCold of [false, true]) {
      const works = [...pulls(bench, image, isCold), await floor(bench, image, isCold), fetching(bench, image, isCold)];
      const { samples, taken } = await interleaveTaken(ROUNDS, works);
      const { [FLOOR]: onlyUnpacked = [], "skopeo copy": onlyFetched = [], ...engines } = samples;
      rows.push({ what: `${what}${isCold ? ", cold page cache" : ""}`, unit: "s", samples: engines, against: "faster peer", budget: 0.4, taken });
      rows.push({ what: "the same, against the floor", unit: "s", samples: { mdk: engines["mdk"]!, [FLOOR]: onlyUnpacked, "skopeo copy": onlyFetched }, against: FLOOR, budget: 1 });
    }
  }
  return rows;
}

function pulls(bench: Bench, image: string, isCold: boolean): Work[] {
  return bench.engines.map((engine) => ({
    name: engine.name, world: engine.world, isCold, request: { argv: [...engine.cli, "pull", "-q", ...engine.pullFlags, image] },
    daemons: engine.name === "docker" ? dockerDaemons(bench) : [], after: () => call(engine, ["rmi", image]),
  }));
}

/** curl for each blob, then `zcat | tar x`, two layers at a time: what a pull costs without any engine. */
async function floor(bench: Bench, image: string, isCold: boolean): Promise<Work> {
  const layers = (await fetchManifest(bench.registry, image)).layers.map((layer) => layer.digest);
  const folder = join(bench.folder, "floor");
  const name = image.split("/")[1]?.split(":")[0] ?? "";
  const one = `set -e; d=$1; curl -sf -o "$d.gz" "http://${bench.registry}/v2/${name}/blobs/$d"; mkdir "$d"; zcat "$d.gz" | tar -x -C "$d"`;
  return {
    name: FLOOR, world: bench.host, daemons: [], isCold, request: { batch: layers.map((digest) => ["sh", "-c", `cd '${folder}'; ${one}`, "sh", digest]), width: 2 },
    before: async () => mkdirSync(folder, { recursive: true }), after: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Blobs into a layout, verified, nothing unpacked. */
function fetching(bench: Bench, image: string, isCold: boolean): Work {
  const folder = join(bench.folder, "fetched");
  return {
    name: "skopeo copy", world: bench.host, daemons: [], isCold, request: { argv: ["skopeo", "copy", "--quiet", "--src-tls-verify=false", `docker://${image}`, `oci:${folder}:latest`] },
    after: async () => rmSync(folder, { recursive: true, force: true }),
  };
}
