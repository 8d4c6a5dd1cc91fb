/** `mdk diff` and `mdk commit`: what a container has changed, as lines and as an image; beside Debian's docker where it is there. */
import { expect } from "bun:test";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packLayer } from "../../../src/layer/pack.ts";
import { mountLayers } from "../../../src/layer/overlay.ts";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { startDockerd } from "../../helpers/dockerd.ts";
import { imageLayout } from "../../helpers/fixtures.ts";
import { alive, until } from "../../helpers/mdk.ts";
import { run } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && existsSync("dist/mdk"), "needs root and a built dist/mdk");
const dockerTest = testIf(isRoot && existsSync("dist/mdk") && hasTool("dockerd") && hasTool("skopeo"), "needs root, a built dist/mdk, dockerd and skopeo");

useBusyboxWorld();

const CHANGE = `echo x >/etc/new; rm /etc/group; rm -r /root; mkdir /root; echo y >/root/y; mkdir -p /srv/a/b; ln /etc/new /srv/hard; ln -s / /srv/root; mkfifo /srv/pipe; mknod /srv/null c 1 3
chown 7:8 /etc/passwd; chmod 4711 /bin/busybox; : >>/etc/shadow; printf x >"$(printf '/srv/new\\nline')"; rm /etc/new.none 2>/dev/null || true`;

interface Inspected {
  readonly RootFS: { readonly Layers: readonly string[] };
  readonly Config: Readonly<Record<string, unknown>>;
  readonly RepoTags: readonly string[];
  readonly RepoDigests: readonly string[];
  readonly Author: string;
  readonly Comment: string;
}

function inspectImage(name: string): Inspected {
  return (JSON.parse(world.ok("image", "inspect", name)) as Inspected[])[0]!;
}

/** An export's entries by a stranger's eye, sorted; what is a container's own is left out. */
function exported(container: string): string[] {
  const listing = run("sh", "-c", `"$@" | TZ=UTC tar --numeric-owner --full-time --quoting-style=escape -tvf -`, "sh", ...world.words("export", container));
  // A directory's time is that of its copy in the upper where something was made in it; it is kept to the second.
  return listing.trim().split("\n").filter((line) => !/ (\.dockerenv|dev|etc\/(hosts|hostname|resolv\.conf))\/?$/.test(line)).sort();
}

rootTest("a container of the committed image has the files of the container it was made of", () => {
  world.ok("run", "--name", "first", busybox, "sh", "-c", CHANGE);
  const id = world.ok("commit", "-m", "a message", "-a", "somebody", "first", "example/committed:1.0");
  expect(id).toMatch(/^sha256:[0-9a-f]{64}$/);
  world.ok("create", "--name", "second", "example/committed:1.0");
  expect(exported("second")).toEqual(exported("first"));
  expect(world.ok("diff", "second")).toBe("");
  expect(world.ok("run", "--rm", "example/committed:1.0", "cat", "/etc/new", "/srv/hard")).toBe("x\nx");
  const { RootFS, RepoTags, RepoDigests, Author, Comment, Config } = inspectImage("example/committed:1.0");
  expect([RootFS.Layers.length, RepoTags, RepoDigests, Author, Comment]).toEqual([2, ["example/committed:1.0"], [], "somebody", "a message"]);
  expect(Config["Cmd"]).toEqual(["sh", "-c", CHANGE]);
  expect(world.ok("image", "inspect", "-f", "{{.Parent}}", "example/committed:1.0")).toBe(world.ok("image", "inspect", "-f", "{{.Id}}", busybox));
  expect(world.ok("history", "-q", "--no-trunc", "example/committed:1.0").split("\n").slice(0, 2)).toEqual([id, world.ok("image", "inspect", "-f", "{{.Id}}", busybox)]);
  // The same once more is the same layer; nothing that no image has is left.
  world.ok("commit", "first");
  expect(readdirSync(join(world.root, "layers")).length).toBe(3);
  expect(readdirSync(join(world.root, "tmp"))).toEqual(["pull.lock"]);
  world.removeAll();
  world.ok("rmi", "example/committed:1.0");
  expect(world.ok("images", "-q").split("\n").length).toBe(2);
});

rootTest("a container that has changed nothing gives an image without a layer of its own", () => {
  world.ok("create", "--name", "idle", busybox);
  world.ok("commit", "-c", "ENV A=b", "idle", "idle");
  expect(inspectImage("idle").RootFS.Layers).toEqual(inspectImage(busybox).RootFS.Layers);
  expect(world.ok("run", "--rm", "idle", "sh", "-c", "echo $A")).toBe("b");
  const config = readFileSync(join(world.root, "blobs/sha256", world.ok("images", "-q", "--no-trunc", "idle").slice(7)), "utf8");
  expect(JSON.parse(config).history.at(-1)).toMatchObject({ empty_layer: true });
  world.removeAll();
  world.ok("rmi", "idle");
});

rootTest("changes go into the config that the next container has", () => {
  world.ok("create", "--name", "changed", "-e", "A=1", "-p", "80:80", "--label", "l=1", busybox, "sleep", "1");
  const changes = ["ENTRYPOINT [\"/bin/echo\"]", "CMD [\"hi\"]", "ENV B=$A", "EXPOSE 90/udp", "LABEL m=2", "USER 7", "VOLUME /v", "WORKDIR /tmp/x", "ONBUILD RUN y"];
  world.ok("commit", ...changes.flatMap((change) => ["--change", change]), "changed", "changed");
  expect(inspectImage("changed").Config).toMatchObject({
    Entrypoint: ["/bin/echo"], Cmd: ["hi"], ExposedPorts: { "80/tcp": {}, "90/udp": {} }, Labels: { l: "1", m: "2" }, User: "7", Volumes: { "/v": {} }, WorkingDir: "/tmp/x", OnBuild: ["RUN y"],
  });
  expect(inspectImage("changed").Config["Env"]).toEqual(expect.arrayContaining(["A=1", "B=1"]));
  world.removeAll();
  world.ok("rmi", "changed");
});

rootTest("a running container stands still while it is committed, runs on afterwards, and not with --pause=false", async () => {
  // Two files that are never apart by more than one, unless they are read while it goes on.
  world.ok("run", "-d", "--name", "busy", busybox, "sh", "-c", "i=0; while :; do i=$((i+1)); echo $i >/t; mv /t /a; echo $i >/t; mv /t /b; done");
  await until(() => world.mdk(["exec", "busy", "test", "-e", "/b"]).status === 0, "it writes");
  world.ok("commit", "busy", "busy");
  const [a, b] = world.ok("run", "--rm", "busy", "cat", "/a", "/b").split("\n").map(Number) as [number, number];
  expect(a - b).toBeOneOf([0, 1]);
  const before = world.ok("exec", "busy", "cat", "/a");
  await until(() => world.ok("exec", "busy", "cat", "/a") !== before, "it runs on");
  world.ok("commit", "--pause=false", "busy", "busy2");
  expect(world.inspect("busy", ".State.Status")).toBe("running");
  world.removeAll();
  world.ok("rmi", "busy", "busy2");
});

rootTest("what cannot be is refused in Docker's words, and nothing is left", () => {
  world.ok("create", "--name", "plain", busybox);
  const images = world.ok("images", "-aq");
  const refusals: readonly (readonly [readonly string[], string])[] = [
    [["commit", "nobody"], "No such container: nobody"], [["diff", "nobody"], "No such container: nobody"],
    [["commit", "plain", "UPPER"], "invalid reference format: repository name (library/UPPER) must be lowercase"],
    [["commit", "plain", `x@sha256:${"0".repeat(64)}`], "refusing to create a tag with a digest reference"],
    [["commit", "-c", "RUN x", "plain"], "run is not a valid change command"],
  ];
  for (const [args, sentence] of refusals) expect(world.mdk(args)).toEqual({ status: 1, stdout: "", stderr: `mdk: ${sentence}\n` });
  world.ok("run", "--name", "marked", busybox, "touch", "/tmp/.wh.x");
  expect(world.mdk(["commit", "marked"]).stderr).toContain("an image layer cannot hold /tmp/.wh.x");
  expect(world.ok("images", "-aq")).toBe(images);
  expect(readdirSync(join(world.root, "tmp"))).toEqual(["pull.lock"]);
});

rootTest("a commit that is killed leaves a container that can go on, and nothing that the next command does not remove", async () => {
  world.ok("run", "-d", "--name", "cut", busybox, "sh", "-c", "dd if=/dev/zero of=/big bs=1M count=300 2>/dev/null; : >/done; while :; do date >/tick; sleep 0.01; done");
  await until(() => world.mdk(["exec", "cut", "test", "-e", "/done"]).status === 0, "it has written");
  const committing = world.spawn(["commit", "cut"], "ignore");
  await until(() => readdirSync(join(world.root, "tmp")).some((name) => /^[0-9a-f]{32}-/.test(name)), "it packs");
  committing.kill("SIGKILL");
  await committing.exited;
  const pid = world.pid("cut");
  expect(alive(pid)).toBe(true);
  // Thawed by what outlives the command.
  await until(() => world.mdk(["exec", "cut", "true"]).status === 0, "it runs again");
  world.ok("commit", "cut");
  expect(readdirSync(join(world.root, "tmp"))).toEqual(["pull.lock"]);
});

dockerTest("docker's diff of the same changes has the same lines, and docker loads the committed layer by its diff id", () => {
  const peer = startDockerd();
  try {
    const at = (name: string): string => join(world.folder, name);
    run("skopeo", "copy", "--quiet", `oci:${imageLayout("busybox")}:latest`, `docker-archive:${at("busybox.tar")}:busybox:latest`);
    expect(peer.docker("load", "-q", "-i", at("busybox.tar")).status).toBe(0);
    expect(peer.docker("run", "--name", "first", "busybox", "sh", "-c", CHANGE).stderr).toBe("");
    world.ok("run", "--name", "first", busybox, "sh", "-c", CHANGE);
    const mine = world.ok("diff", "first").split("\n");
    expect(mine.toSorted()).toEqual(peer.docker("diff", "first").stdout.trim().split("\n").toSorted());
    expect(mine).toEqual(world.ok("container", "diff", "first").split("\n"));
    for (const [index, line] of mine.entries()) expect(mine.slice(0, index).some((other) => other.slice(2).startsWith(`${line.slice(2)}/`))).toBe(false);

    const id = world.ok("commit", "first").slice(7);
    mkdirSync(at("archive"));
    run("tar", "-C", at("archive"), "-xf", at("busybox.tar"));
    const [{ Layers }] = JSON.parse(readFileSync(join(at("archive"), "manifest.json"), "utf8")) as [{ Layers: string[] }];
    const [own, below] = ["UpperDir", "LowerDir"].map((name) => world.ok("image", "inspect", "-f", `{{.GraphDriver.Data.${name}}}`, id)) as [string, string];
    expect(`sha256:${packed(own, below, at("layer.tar"))}`).toBe(inspectImage(id).RootFS.Layers[1]!);
    run("sh", "-c", `cp "$1" "$2/config.json"; mv "$3" "$2/own.tar"`, "sh", join(world.root, "blobs/sha256", id), at("archive"), at("layer.tar"));
    writeFileSync(join(at("archive"), "manifest.json"), JSON.stringify([{ Config: "config.json", RepoTags: ["from-mdk:1"], Layers: [...Layers, "own.tar"] }]));
    run("sh", "-ec", `cd "$1"; tar -cf ../ours.tar manifest.json config.json own.tar $2; rm -r "$1"`, "sh", at("archive"), Layers[0]!);
    expect(peer.docker("load", "-i", at("ours.tar")).stdout).toContain("from-mdk:1");
    expect(peer.docker("run", "--rm", "from-mdk:1", "sh", "-c", `cat /etc/new; ls /root /srv; stat -c '%a %u %g %h' /bin/busybox /etc/passwd /srv/hard; [ -e /etc/group ] || echo gone`))
      .toEqual({ status: 0, stdout: "x\n/root:\ny\n\n/srv:\na\nhard\nnew?line\nnull\npipe\nroot\n4711 0 0 1\n644 7 8 1\n644 0 0 2\ngone\n", stderr: "" });
  } finally {
    peer.stop();
  }
}, 120_000);

/** Packs a layer's directory into a file and returns its digest. */
function packed(layer: string, below: string, into: string): string {
  const parts: Uint8Array[] = [];
  const empty = join(world.folder, "empty");
  mkdirSync(empty);
  const [upper, lower] = [openSync(layer, "r"), mountLayers([below], empty)];
  packLayer(upper, lower, (bytes) => parts.push(Buffer.from(bytes)));
  closeSync(upper);
  closeSync(lower);
  writeFileSync(into, Buffer.concat(parts));
  return new Bun.CryptoHasher("sha256").update(Buffer.concat(parts)).digest("hex");
}
