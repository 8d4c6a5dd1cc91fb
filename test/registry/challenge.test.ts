/** Challenges, credentials and endpoints: what is believed of a registry, and what it is told. */
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseChallenges } from "../../src/registry/challenge.ts";
import { isLoopback, hostName, resolveEndpoint } from "../../src/registry/endpoint.ts";

test("a Bearer challenge is read with quoted commas and escapes", () => {
  const [challenge] = parseChallenges('Bearer realm="https://auth.example/token",service="a, b",scope="repository:x:pull,push",error="\\"q\\""');
  expect(challenge?.scheme).toBe("bearer");
  expect(Object.fromEntries(challenge!.parameters)).toEqual({ realm: "https://auth.example/token", service: "a, b", scope: "repository:x:pull,push", error: '"q"' });
});

test("several challenges in one header are told apart", () => {
  expect(parseChallenges('Basic realm="x", Bearer realm="y"').map(({ scheme, parameters }) => [scheme, parameters.get("realm")])).toEqual([["basic", "x"], ["bearer", "y"]]);
});

test("garbage and endless headers end the list and nothing else", () => {
  expect(parseChallenges("")).toEqual([]);
  expect(parseChallenges('realm="x"')).toEqual([]);
  expect(parseChallenges(`Bearer realm="${"\\".repeat(100_000)}`)[0]?.parameters.size).toBe(0);
});

test("plain HTTP is for this machine and for registries named insecure only", () => {
  const origins = (domain: string, insecure: string[] = []): readonly string[] =>
    resolveEndpoint(domain, { insecure, environment: {}, certificates: "/nonexistent" }).origins;
  for (const name of ["localhost", "127.0.0.1", "127.9.9.9", "[::1]"]) expect(isLoopback(hostName(`${name}:5000`))).toBe(true);
  for (const name of ["127.0.0.1.example.com", "localhost.example.com", "10.0.0.1", "127.example"]) expect(isLoopback(name)).toBe(false);
  expect(origins("docker.io")).toEqual(["https://registry-1.docker.io"]);
  expect(origins("localhost:5000")).toContain("http://localhost:5000");
  expect(origins("host:5000", ["host:5000"])).toContain("http://host:5000");
  expect(origins("host:5000", ["other"])).toEqual(["https://host:5000"]);
});

test("certs.d has authorities, and ourselves where a key is beside the certificate", () => {
  const folder = mkdtempSync(join(tmpdir(), "mdk-certs-"));
  try {
    const put = (name: string): void => writeFileSync(join(folder, "host:5000", name), name);
    mkdirSync(join(folder, "host:5000"));
    ["a.crt", "b.crt", "alone.cert", "client.cert", "client.key", "other.key"].forEach(put);
    const tls = (domain: string) => resolveEndpoint(domain, { insecure: [], environment: { SSL_CERT_FILE: join(folder, "host:5000/a.crt") }, certificates: folder }).tls;
    expect(tls("host:5000")).toEqual({ ca: ["a.crt", "a.crt", "b.crt"], cert: "client.cert", key: "client.key", rejectUnauthorized: true });
    expect(tls("host:5001")).toEqual({ ca: ["a.crt"], cert: null, key: null, rejectUnauthorized: true });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
