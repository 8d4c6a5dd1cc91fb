/** Full disks: what takes space can be removed, and what cannot be begun says where there is no room. */
import { expect } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { image, stage, useBaseStage } from "../../helpers/base-stage.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";
import { type Ended } from "../../helpers/stage.ts";

const rootTest = testIf(isRoot, "needs root");

useBaseStage();

/** Runs a script in a mount namespace of its own, with a copy of the store on a small file system, $small. */
function onSmallDisk(script: string): Promise<Ended> {
  const file = join(stage.folder, "script");
  const [small, run] = [join(stage.folder, "small"), join(stage.folder, "small-run")];
  const mdk = stage.command().map((word) => (word === stage.root ? `${small}/root` : word === stage.runRoot ? `${run}/run` : word)).join(" ");
  writeFileSync(file, `mkdir -p ${small} ${run}; mount -t tmpfs -o size=16m small ${small}; mount -t tmpfs -o size=2m small ${run}; cp -a ${stage.root} ${small}/root
    small=${small} run=${run}; mdk() { ${mdk} "$@"; }\n${script}\nmdk clean -f >/dev/null\n`);
  return stage.inside(["unshare", "--mount", "--propagation", "private", "sh", file]);
}

rootTest("a container is removed from a full disk, and makes room", async () => {
  const { out, err } = await onSmallDisk(`
    mdk run --name big ${image} dd if=/dev/zero of=/file bs=1024 count=2048 2>/dev/null
    dd if=/dev/zero of=$small/fill bs=4096 2>/dev/null
    mdk rm big && mdk run --rm ${image} echo room`);
  expect([out, err]).toEqual(["big\nroom\n", ""]);
});

rootTest("a full run root is named by the error, and nothing of the container is left", async () => {
  const { out, err } = await onSmallDisk(`
    mdk run --rm ${image} echo room
    dd if=/dev/zero of=$run/fill bs=4096 2>/dev/null
    mdk run ${image} true; echo $?; ls $run/run | grep -v '^shim-'; mdk ps -aq; rm $run/fill`);
  expect(out).toBe("room\n125\n");
  expect(err).toMatch(/^mdk: cannot write to the run root: (mkdir |open |write|copyfile )?\S*: no space left on device\n/);
});

rootTest("a source that there is no room for is told in Docker's words", async () => {
  const { out, err } = await onSmallDisk(`
    mkdir $run/sources; mount -t tmpfs -o nr_inodes=2 sources $run/sources; touch $run/sources/last
    mdk run --rm -v $run/sources/x:/x ${image} true; echo $?`);
  const source = join(stage.folder, "small-run/sources/x");
  expect([out, err.split("\n")[0]]).toEqual(["125\n", `mdk: error while creating mount source path '${source}': mkdir ${source}: no space left on device`]);
});

rootTest("what runs on a full disk is stopped, removed and cleaned away", async () => {
  const { out, err } = await onSmallDisk(`
    for name in one two three; do mdk run -d --name $name --network none ${image} sleep 1000 >/dev/null; done
    dd if=/dev/zero of=$small/fill bs=4096 2>/dev/null
    dd if=/dev/zero of=$small/rest bs=1 2>/dev/null
    mdk stop -t 0 one; echo $?; mdk rm one; echo $?; mdk rm -f two; echo $?; mdk clean -f >/dev/null; echo $?; mdk ps -aq
    rm $small/fill $small/rest; mdk run --rm ${image} echo room; ls $small/root | grep reserve`);
  expect([out, err]).toEqual(["one\n0\none\n0\ntwo\n0\n0\nroom\nmdk.db.reserve\n", ""]);
});

rootTest("clean takes all away though room is made only by the last that goes", async () => {
  const { out, err } = await onSmallDisk(`
    mdk run --name big ${image} dd if=/dev/zero of=/file bs=1024 count=2048 2>/dev/null
    for name in one two three; do mdk create --name $name ${image} true >/dev/null; done
    rm $small/root/mdk.db.reserve
    dd if=/dev/zero of=$small/fill bs=4096 2>/dev/null
    dd if=/dev/zero of=$small/rest bs=1 2>/dev/null
    mdk rm one 2>/dev/null; echo $?; mdk clean -f | wc -l; mdk ps -aq; rm $small/fill $small/rest`);
  expect([out, err]).toEqual(["1\n4\n", ""]);
});

rootTest("a log whose end a full disk has cost says so, though there never was room for it again", async () => {
  const { out, err } = await onSmallDisk(`
    mdk run -d --name writer ${image} sh -c 'trap go=1 USR1; echo begun; while [ -z "$go" ]; do sleep 0.05; done; i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i + 1)); done' >/dev/null
    pid=$(mdk inspect -f '{{.State.Pid}}' writer); until mdk logs writer | grep -q begun; do sleep 0.05; done
    dd if=/dev/zero of=$small/fill bs=4096 2>/dev/null
    kill -USR1 $pid; mdk wait writer
    tries=0; until mdk logs writer 2>&1 | grep -q lost || [ $tries = 100 ]; do sleep 0.05; tries=$((tries + 1)); done # whoever cleans up tells it
    mdk logs writer 2>&1 | sed -n '1p;$p'
    rm $small/fill; mdk start writer; sleep 0.3; mdk kill -s USR1 writer >/dev/null; mdk wait writer; mdk logs writer 2>&1 | grep -c lost; mdk logs writer 2>/dev/null | tail -n 1; mdk rm writer`);
  expect(err).toBe("");
  expect(out).toMatch(/^0\nbegun\nmdk: \d+ lines lost: the log could not be written\nwriter\n0\n[1-3]\nline 299\nwriter\n$/);
  expect(Number(/(\d+) lines lost/.exec(out)![1])).toBeGreaterThan(0);
});

rootTest("a new volume that the image's files do not fit into: nothing of them is kept, and the next start fills it; one is removed from a full disk", async () => {
  const { out, err } = await onSmallDisk(`
    mdk run --rm -v first:/bin ${image} true
    dd if=/dev/zero of=$small/slack bs=1024 count=300 2>/dev/null
    dd if=/dev/zero of=$small/fill bs=4096 2>/dev/null
    rm $small/slack
    mdk run --rm -v late:/bin ${image} true 2>$run/said; echo $?; grep -c 'no space left on device' $run/said
    ls -A $small/root/volumes/late $small/root/volumes/late/_data; mdk ps -aq
    dd if=/dev/zero of=$small/rest bs=1 2>/dev/null
    mdk volume rm first; echo $?
    rm $small/fill $small/rest; mdk run --rm -v late:/bin ${image} echo filled; ls $small/root/volumes; mdk volume rm late`);
  expect([out, err]).toEqual([expect.stringMatching(/^125\n1\n\/.*\/late:\n_data\nlock\n\n\/.*\/late\/_data:\nfirst\n0\nfilled\nlate\nlate\n$/), ""]);
});
