/** Proxies of the environment: what goes through them, and what never does. */
import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Tls } from "../../src/registry/endpoint.ts";
import { Transport } from "../../src/registry/transport.ts";
import { makeAuthority } from "../helpers/authority.ts";
import { fakeRegistry } from "../helpers/fake-registry.ts";
import { hasTool, testIf } from "../helpers/requires.ts";

const NAMES = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"];
const before = NAMES.map((name) => [name, process.env[name]] as const);
const undo: (() => void)[] = [];
afterEach(() => {
  undo.splice(0).forEach((step) => step());
  for (const [name, value] of before) value === undefined ? delete process.env[name] : (process.env[name] = value);
});

/** Takes everything to `port` of loopback, whatever it is asked for; writes down the request lines, and the credentials that it sees. */
async function proxyTo(port: number): Promise<{ url: string; lines: string[] }> {
  const lines: string[] = [];
  const server: Server = createServer((client) => {
    client.on("error", () => {});
    client.once("data", (head) => {
      lines.push(...head.toString("latin1").split("\r\n").filter((line) => /^(CONNECT|GET) |^authorization/i.test(line)));
      const onwards = connect(port, "127.0.0.1", () => {
        if (lines[0]!.startsWith("CONNECT")) client.write("HTTP/1.1 200 OK\r\n\r\n");
        else onwards.write(head);
        client.pipe(onwards).pipe(client);
      });
      onwards.on("error", () => client.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  undo.push(() => server.close());
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}`, lines };
}

const set = (name: string, value: string): void => void (process.env[name] = value);
const transport = (tls: Partial<Tls> = {}): Transport => new Transport({ tls: { ca: null, cert: null, key: null, rejectUnauthorized: true, ...tls }, userAgent: "test", signal: null, backOffMs: 1 });

test("plain HTTP goes to the proxy, but not what NO_PROXY names", async () => {
  const server = fakeRegistry(() => new Response("here"));
  undo.push(() => server.stop());
  for (const name of ["HTTP_PROXY", "http_proxy"]) {
    const proxy = await proxyTo(Number(server.host.split(":")[1]));
    for (const other of NAMES) delete process.env[other];
    set(name, proxy.url);
    expect(await (await transport().send({ url: "http://registry.test/v2/" })).text()).toBe("here");
    expect(proxy.lines).toEqual(["GET http://registry.test/v2/ HTTP/1.1"]);
    set("NO_PROXY", "other.test,.test");
    await expect(transport().send({ url: "http://registry.test/v2/", once: true })).rejects.toThrow("no such host");
  }
});

test("this machine is never reached through one: a password on plain HTTP stays here", async () => {
  const server = fakeRegistry(() => new Response("here"));
  undo.push(() => server.stop());
  const proxy = await proxyTo(1);
  for (const name of NAMES) name.toLowerCase() === "no_proxy" ? delete process.env[name] : set(name, proxy.url);
  expect(await (await transport().send({ url: `http://${server.host}/v2/`, authorization: "Basic eA==" })).text()).toBe("here");
  expect(proxy.lines).toEqual([]);
});

testIf(hasTool("openssl"), "needs openssl")("TLS is spoken through it with the registry itself: the proxy sees a name and no credentials", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mdk-proxy-"));
  undo.push(() => rmSync(folder, { recursive: true }));
  makeAuthority(folder, ["registry.test"]);
  const file = (name: string): string => readFileSync(join(folder, name), "utf8");
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, tls: { cert: file("server.crt"), key: file("server.key") }, fetch: (request) => new Response(request.headers.get("authorization")) });
  undo.push(() => void server.stop(true));
  for (const name of ["HTTPS_PROXY", "https_proxy"]) {
    const proxy = await proxyTo(server.port!);
    for (const other of NAMES) delete process.env[other];
    set(name, proxy.url);
    expect(await (await transport({ ca: [file("ca.crt")] }).send({ url: "https://registry.test/v2/", authorization: "Basic eA==" })).text()).toBe("Basic eA==");
    expect(proxy.lines).toEqual(["CONNECT registry.test:443 HTTP/1.1"]);
    await expect(transport().send({ url: "https://registry.test/v2/", once: true })).rejects.toThrow("cannot be verified");
  }
});
