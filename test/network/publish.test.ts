/** Ports that are held on loopback; no root is needed for it. */
import { expect, test } from "bun:test";
import { closeSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { holdPorts, releasePorts, type PublishedPort } from "../../src/network/publish.ts";

const tcp = (hostPort: number): PublishedPort => ({ protocol: "tcp", hostAddress: "127.0.0.1", hostPort, containerPort: 80 });

test("free ports are chosen by the kernel, told, and free again when released", () => {
  const held = holdPorts([tcp(0), { ...tcp(0), protocol: "udp" }], "a");
  expect(held.ports.every(({ hostPort }) => hostPort > 1023)).toBe(true);
  expect(held.descriptors).toHaveLength(2);
  expect(held.listeners).toEqual([held.descriptors[0] as number]);
  releasePorts(held);
  const again = holdPorts(held.ports, "a");
  expect(again.ports).toEqual(held.ports);
  releasePorts(again);
});

test("a port that something listens on is refused in Docker's words, and what was bound before is released", async () => {
  const server = await new Promise<Server>((done) => {
    const listening: Server = createServer().listen(0, "127.0.0.1", () => done(listening));
  });
  const { port } = server.address() as { port: number };
  const first = holdPorts([tcp(0)], "x");
  const free = first.ports[0] as PublishedPort;
  releasePorts(first);
  expect(() => holdPorts([free, tcp(port)], "web (0123)")).toThrow(
    `driver failed programming external connectivity on endpoint web (0123): Bind for 127.0.0.1:${port} failed: port is already allocated`,
  );
  const held = holdPorts([free], "x");
  for (const fd of held.descriptors) closeSync(fd);
  server.close();
});

test("an address that the host does not have is told", () => {
  expect(() => holdPorts([{ ...tcp(0), hostAddress: "192.0.2.77" }], "web (0)")).toThrow(/listen tcp4 192\.0\.2\.77:0: bind: cannot assign requested address/);
  expect(() => holdPorts([{ ...tcp(0), hostAddress: "::1" }], "web (0)")).toThrow("::1 is not an IPv4 address");
});
