/** SOURCE_DATE_EPOCH: the same build is the same image, in another store, at another time, from files with other times. */
import { expect } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { World } from "../../helpers/mdk.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && existsSync("/bin/busybox"), "needs root and busybox");
const EPOCH = 1_000_000_000;

function contextOf(world: World, modified: number): string {
  const context = join(world.folder, "context");
  mkdirSync(join(context, "tree/deep"), { recursive: true });
  copyFileSync("/bin/busybox", join(context, "busybox"));
  for (const name of ["tree/a", "tree/deep/b"]) {
    writeFileSync(join(context, name), name);
    utimesSync(join(context, name), modified, modified);
  }
  writeFileSync(join(context, "Dockerfile"), [
    "FROM scratch AS made", "COPY busybox /bin/busybox", 'SHELL ["/bin/busybox", "sh", "-c"]', "COPY tree /tree", "WORKDIR /made/here", "ARG SOURCE_DATE_EPOCH",
    "RUN echo $SOURCE_DATE_EPOCH >f && /bin/busybox ln -s f l && /bin/busybox ln f h && /bin/busybox rm /tree/a && /bin/busybox touch -d @5 old && /bin/busybox mkdir d && echo >d/x",
    "COPY --link tree /linked/", "FROM made", "COPY --from=made /made /again", "LABEL a=b",
  ].join("\n"));
  return context;
}

/** The id, and the digest of the archive that `save` writes. */
async function builtIn(modified: number): Promise<readonly [id: string, archive: string, times: string]> {
  const world = new World();
  try {
    const context = contextOf(world, modified);
    const { status, stdout, stderr } = world.mdk(["build", "-q", "--network", "none", "-t", "x", context], { environment: { SOURCE_DATE_EPOCH: String(EPOCH) } });
    if (status !== 0) throw new Error(stderr);
    world.ok("save", "-o", join(world.folder, "x.tar"), "x");
    const hash = new Bun.CryptoHasher("sha256").update(await Bun.file(join(world.folder, "x.tar")).bytes()).digest("hex");
    const times = world.ok("run", "--rm", "--network", "none", "--entrypoint", "/bin/busybox", "x", "stat", "-c", "%n %Y", "/made/here/f", "/made/here/old", "/made/here/l", "/again", "/tree/deep/b", "/tree");
    expect(world.ok("run", "--rm", "--network", "none", "--entrypoint", "/bin/busybox", "x", "cat", "/made/here/f")).toBe(String(EPOCH));
    return [stdout.trim(), hash, times];
  } finally {
    world.close();
  }
}

rootTest("two builds in two stores are one image, to the last byte of its archive", async () => {
  const one = await builtIn(1_700_000_000);
  await Bun.sleep(1100); // whole seconds are what an archive says
  const two = await builtIn(1_600_000_000);
  expect(two).toEqual(one);
  expect(one[2]).toBe([`/made/here/f ${EPOCH}`, "/made/here/old 5", `/made/here/l ${EPOCH}`, `/again ${EPOCH}`, `/tree/deep/b ${EPOCH}`, `/tree ${EPOCH}`].join("\n"));
});

rootTest("a build that makes nothing new is the image that is there, at whatever time", async () => {
  const world = new World();
  try {
    const context = contextOf(world, 1_600_000_000);
    const ids: string[] = [];
    for (const name of ["a", "b"]) {
      ids.push(world.ok("build", "-q", "--network", "none", "-t", name, context));
      await Bun.sleep(20);
    }
    expect(ids[1]).toBe(ids[0]!);
    expect(world.ok("images", "-q").split("\n")).toHaveLength(1);
    expect(world.ok("images", "-qf", "dangling=true")).toBe("");
  } finally {
    world.close();
  }
});
