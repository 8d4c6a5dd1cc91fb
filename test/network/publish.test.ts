/** Ports that are held on loopback; no root is needed for it. */
import { expect, test } from "bun:test";
import { createServer, type Server } from "node:net";
import { closeHeldPorts, HELD_MAX, holdPorts } from "../../src/network/publish.ts";
import type { PortRange } from "../../src/spec/network.ts";

const tcp = (hostPort: number, length = 1): PortRange => ({ protocol: "tcp", hostAddress: "127.0.0.1", hostPort, containerPort: 80, length });

const listenOn = (port: number): Promise<Server | undefined> =>
  new Promise((done) => {
    const server: Server = createServer().on("error", () => done(undefined)).listen(port, "127.0.0.1", () => done(server));
  });

/** Below the ports that the kernel chooses from: those are other tests' at any moment. */
async function listenBehindFree(count: number): Promise<{ server: Server; port: number }> {
  for (let tries = 0; tries < 100; tries++) {
    const port = 12_000 + Math.floor(Math.random() * 18_000);
    const servers = await Promise.all(Array.from({ length: count + 1 }, (_, index) => listenOn(port - count + index)));
    const [server, isFree] = [servers.pop(), servers.every((one) => one !== undefined)];
    await Promise.all(servers.map((one) => one && new Promise((done) => one.close(done))));
    if (server && isFree) return { server, port };
    server?.close();
  }
  throw new Error(`no ${count + 1} free ports in a row`);
}

test("free ports are chosen by the kernel, told, and free again when released", () => {
  for (const wanted of [tcp(0), { ...tcp(0), protocol: "udp" as const }]) {
    const held = holdPorts(wanted, { room: HELD_MAX, served: false, endpoint: "a" });
    expect(held.range.hostPort).toBeGreaterThan(1023);
    expect(held.descriptors).toHaveLength(1);
    closeHeldPorts(held);
    const again = holdPorts(held.range, { room: HELD_MAX, served: false, endpoint: "a" });
    expect(again.range).toEqual(held.range);
    closeHeldPorts(again);
  }
});

test("a port that something listens on is refused in Docker's words, and what was bound before is released", async () => {
  const { server, port } = await listenBehindFree(3);
  const taken = `driver failed programming external connectivity on endpoint web (0123): Bind for 127.0.0.1:${port} failed: port is already allocated`;
  expect(() => holdPorts(tcp(port - 2, 3), { room: HELD_MAX, served: false, endpoint: "web (0123)" })).toThrow(taken);
  // A range that is only looked at.
  expect(() => holdPorts(tcp(port - 2, 4), { room: 3, served: false, endpoint: "web (0123)" })).toThrow(taken);
  const held = holdPorts(tcp(port - 2, 2), { room: HELD_MAX, served: false, endpoint: "x" });
  expect(held.descriptors).toHaveLength(2);
  closeHeldPorts(held);
  server.close();
});

test("a range longer than the room is looked at and not held, a chosen port without room neither", () => {
  const { range } = holdPorts(tcp(0), { room: 0, served: false, endpoint: "a" });
  expect(range.hostPort).toBeGreaterThan(1023);
  const first = holdPorts(range, { room: 0, served: false, endpoint: "a" });
  expect([first.descriptors, first.range]).toEqual([[], range]);
  });

test("an address that the host does not have is told", () => {
  expect(() => holdPorts({ ...tcp(0), hostAddress: "192.0.2.77" }, { room: HELD_MAX, served: false, endpoint: "web (0)" })).toThrow(/listen tcp4 192\.0\.2\.77:0: bind: cannot assign requested address/);
  expect(() => holdPorts({ ...tcp(0), hostAddress: "2001:db8::77" }, { room: HELD_MAX, served: false, endpoint: "web (0)" })).toThrow(/listen tcp6 \[2001:db8::77\]:0: bind: cannot assign requested address/);
});

test("a port is held in one family of IP, and each says whose it is", () => {
  const [ipv6, ipv4] = ["::", "0.0.0.0"].map((hostAddress) => ({ ...tcp(0), hostAddress }));
  const six = holdPorts(ipv6!, { room: HELD_MAX, served: false, endpoint: "a" });
  const four = holdPorts({ ...ipv4!, hostPort: six.range.hostPort }, { room: HELD_MAX, served: false, endpoint: "a" });
  expect([six.range.hostAddress, four.range.hostPort]).toEqual(["::", six.range.hostPort]);
  for (const held of [six, four]) closeHeldPorts(held);
  const listener = Bun.listen({ hostname: "::1", port: 0, socket: { data() {} } });
  expect(() => holdPorts({ ...tcp(listener.port), hostAddress: "::1" }, { room: HELD_MAX, served: false, endpoint: "web (0)" })).toThrow(`Bind for ::1:${listener.port} failed: port is already allocated`);
  listener.stop();
});
