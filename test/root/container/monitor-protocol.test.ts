/** Monitors that were started by another mdk: what needs them says so, all else works. */
import { expect, test } from "bun:test";
import { closeSync, constants, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseTold, PROTOCOL } from "../../../src/runtime/protocol.ts";
import { connectUnix, receiveWithDescriptors, sendWithDescriptors } from "../../../src/sys/socket.ts";
import { busybox, useBusyboxWorld, world } from "../../helpers/busybox-world.ts";
import { until } from "../../helpers/mdk.ts";

useBusyboxWorld();

/** As if the container's monitor spoke another version; null: one from before there were versions. */
function pretend(id: string, protocol: number | null): void {
  const path = join(world.runRoot, id, "state.json");
  const state = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  expect(state["protocol"]).toBe(PROTOCOL);
  writeFileSync(path, JSON.stringify({ ...state, protocol: protocol ?? undefined }));
}

for (const [kind, protocol] of [["a newer", PROTOCOL + 1], ["an older", null]] as const) {
  test(`a monitor of ${kind} mdk: attach says what is wrong; logs, exec, wait, stop and rm work`, async () => {
    const id = world.ok("run", "-d", "--name", "foreign", busybox, "sh", "-c", "echo up; trap 'exit 4' TERM; while :; do sleep 0.05; done");
    await until(() => world.mdk(["logs", "foreign"]).stdout === "up\n", "it is up");
    pretend(id, protocol);
    const attached = world.mdk(["attach", "foreign"]);
    expect(attached.status).toBe(1);
    expect(attached.stderr).toStartWith(`mdk: container ${id} was started by ${kind} mdk, whose monitor speaks version ${protocol ?? 0} of the attach protocol; this mdk speaks version ${PROTOCOL}\n`);
    expect(world.ok("exec", "foreign", "echo", "inside")).toBe("inside");
    const following = world.spawn(["logs", "-f", "foreign"], "ignore");
    const waiting = world.spawn(["wait", "foreign"], "ignore");
    await Bun.sleep(100);
    expect(world.ok("stop", "foreign")).toBe("foreign");
    expect(await new Response(waiting.stdout).text()).toBe("4\n");
    expect(await new Response(following.stdout).text()).toBe("up\n");
    world.ok("start", "foreign");
    pretend(id, protocol);
    world.ok("rm", "-f", "foreign");
  });
}

test("a newer client is told the version first; what it says beyond it is ignored, the rest works", async () => {
  const id = world.ok("run", "-d", "--name", "today", busybox, "sh", "-c", "sleep 0.3; echo later; exit 5");
  const directory = openSync(join(world.runRoot, id), constants.O_RDONLY | constants.O_DIRECTORY);
  const socket = connectUnix(directory, "attach", 2000);
  closeSync(directory);
  const next = (): Uint8Array => receiveWithDescriptors(socket, 40_000, 0).bytes;
  sendWithDescriptors(socket, Buffer.from("zwhat is to come"), []);
  sendWithDescriptors(socket, Buffer.from([0x61, 2, 99, 99]), []); // attach, with two fields more
  expect(parseTold(next())).toEqual({ kind: "hello", protocol: PROTOCOL });
  expect(Buffer.from(next()).toString()).toBe("olater\n");
  expect(parseTold(next())).toEqual({ kind: "exited", code: 5 });
  closeSync(socket);
  world.ok("rm", "-f", "today");
});
