/** What a container is told of names, beside Debian's docker in the same run: the same questions, the same answers but for how long they may be kept. */
import { expect } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addNames } from "../../src/runtime/names.ts";
import { startDockerd } from "../helpers/dockerd.ts";
import { hasTool, isRoot, testIf } from "../helpers/requires.ts";
import { createResolverWorld } from "../helpers/resolver-world.ts";
import { closeContainers } from "../helpers/shim-container.ts";

const QUESTIONS = ["web", "both", "both +tcp", "short", "WEB.net1", "web.", "web AAAA", "web MX", "-x 172.30.0.2"];

/** Code, flags and records, in an order of their own; without id and TTL. */
function answers(pid: number): Record<string, string[]> {
  return Object.fromEntries(QUESTIONS.map((question) => {
    const { stdout } = Bun.spawnSync(["nsenter", `--net=/proc/${pid}/ns/net`, "dig", "@127.0.0.11", "+tries=1", "+noedns", "+noall", "+comments", "+answer", ...question.split(" ")]);
    const lines = stdout.toString().split("\n").filter((line) => /status:|flags:|\sIN\s/.test(line));
    return [question, lines.map((line) => line.replace(/, id: \d+/, "").replace(/\s+\d+\s+IN\s+/, " IN ")).sort()];
  }));
}

testIf(isRoot && hasTool("dockerd") && hasTool("dig"), "needs root, dockerd and dig")("names are told as Docker tells them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mdk-compare-"));
  const world = createResolverWorld();
  const peer = startDockerd();
  const docker = (...args: readonly string[]): string => {
    const { status, stdout, stderr } = peer.docker(...args);
    expect([status, status === 0 ? "" : stderr]).toEqual([0, ""]);
    return stdout.trim();
  };
  try {
    mkdirSync(`${folder}/root/bin`, { recursive: true });
    copyFileSync("/bin/busybox", `${folder}/root/bin/busybox`);
    symlinkSync("busybox", `${folder}/root/bin/sleep`);
    expect(Bun.spawnSync(["tar", "-C", `${folder}/root`, "-cf", `${folder}/root.tar`, "."]).exitCode).toBe(0);
    docker("import", `${folder}/root.tar`, "sleeper");
    docker("network", "create", "--subnet", "172.30.0.0/16", "net1");
    docker("run", "-d", "--name", "web", "--network", "net1", "--network-alias", "both", "sleeper", "sleep", "1000");
    docker("run", "-d", "--name", "db", "--network", "net1", "--network-alias", "both", "--link", "web:short", "sleeper", "sleep", "1000");
    const theirs = answers(Number(docker("inspect", "-f", "{{.State.Pid}}", "db")));
    for (const [name, address] of [["web", "172.30.0.2"], ["db", "172.30.0.3"]] as const) {
      addNames(world.runRoot, { network: "net1", endpoint: name, names: [name, `${name}.net1`, "both"], addresses: [address], reverse: `${name}.net1` });
    }
    const ours = answers(world.start({ networks: ["net1"], links: new Map([["short", "web"]]), upstream: [] }).init);
    expect(ours).toEqual(theirs);
    expect(theirs["web"]).toHaveLength(3);
  } finally {
    closeContainers();
    peer.stop();
    await world.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
