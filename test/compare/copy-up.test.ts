/**
 * What filling a new volume costs, beside Debian's docker in the same run: an image with a VOLUME of many files, started and gone: 400 of them in
 * `npm test`, 10 000 and three rounds, a minute, in `npm run test:docker` (MDK_TEST_COMPARE=1).
 */
import { expect } from "bun:test";
import { existsSync } from "node:fs";
import { median } from "../bench/table.ts";
import { startDockerd } from "../helpers/dockerd.ts";
import { imageLayout } from "../helpers/fixtures.ts";
import { startWorld } from "../helpers/mdk.ts";
import { hasTool, isRoot, testIf } from "../helpers/requires.ts";

const ready = isRoot && existsSync("dist/mdk") && hasTool("dockerd") && hasTool("skopeo");
const whole = process.env["MDK_TEST_COMPARE"] === "1";
const ROUNDS = whole ? 3 : 1;
/** Directories, and files in each. */
const WIDTH = whole ? 100 : 20;

testIf(ready, "needs root, dockerd and skopeo")(`VOLUME and copy-up of ${WIDTH ** 2} files take no longer than Docker's`, async () => {
  const world = await startWorld("busybox");
  const docker = startDockerd();
  try {
    const archive = `${world.folder}/busybox.tar`;
    expect(Bun.spawnSync(["skopeo", "copy", "--quiet", `oci:${imageLayout("busybox")}:latest`, `docker-archive:${archive}:${world.image("busybox")}:latest`]).exitCode).toBe(0);
    expect(docker.docker("load", "-q", "-i", archive).status).toBe(0);
    const script = `mkdir /data; cd /data; for d in $(seq ${WIDTH}); do mkdir $d; for f in $(seq ${WIDTH}); do echo $f >$d/$f; done; done`;
    const engines = [(...args: readonly string[]) => world.mdk(args), (...args: readonly string[]) => docker.docker(...args)];
    for (const engine of engines) {
      for (const args of [["run", "--name", "filler", world.image("busybox"), "sh", "-c", script], ["commit", "-c", "VOLUME /data", "filler", "filled:1"], ["rm", "filler"]]) expect(engine(...args)).toMatchObject({ status: 0 });
    }
    const times: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      for (const [index, engine] of engines.entries()) {
        const begun = performance.now();
        expect(engine("run", "--rm", "filled:1", "sh", "-c", "find /data -type f | wc -l")).toMatchObject({ status: 0, stdout: `${WIDTH ** 2}\n` });
        times[index as 0 | 1].push(performance.now() - begun);
      }
    }
    console.log(`${WIDTH ** 2} files: mdk ${times[0].map(Math.round)} ms, docker ${times[1].map(Math.round)} ms`);
    expect(median(times[0]) / median(times[1])).toBeLessThanOrEqual(1);
  } finally {
    docker.stop();
    world.close();
  }
}, 180_000);
