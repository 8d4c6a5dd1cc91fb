/** An authority, a certificate of it for some names, and tokens that a docker-registry which trusts it believes. */
import { createPrivateKey, createSign, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./registry.ts";

/** Writes ca.crt, ca.key, server.crt and server.key into the folder. */
export function makeAuthority(folder: string, names: readonly string[]): void {
  const path = (name: string): string => join(folder, name);
  run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=mdk test authority", "-keyout", path("ca.key"), "-out", path("ca.crt"));
  run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=registry", "-keyout", path("server.key"), "-out", path("server.csr"));
  writeFileSync(path("names"), `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}`);
  run("openssl", "x509", "-req", "-days", "30", "-in", path("server.csr"), "-CA", path("ca.crt"), "-CAkey", path("ca.key"), "-CAcreateserial", "-extfile", path("names"), "-out", path("server.crt"));
}

/** A token as distribution's "token" authentication wants it: signed by a key whose certificate it carries. */
export function token(keys: string, scope: string | null, { expired }: { readonly expired: boolean }): string {
  const [type, name, actions] = scope?.split(":") ?? [];
  const now = Math.trunc(Date.now() / 1000) - (expired ? 7200 : 0);
  const certificate = new X509Certificate(readFileSync(join(keys, "ca.crt"))).raw.toString("base64");
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const head = encode({ typ: "JWT", alg: "RS256", x5c: [certificate] });
  const body = encode({
    iss: "mdk-test", sub: "user", aud: "mdk-test", exp: now + 3600, nbf: now - 60, iat: now, jti: String(Math.random()),
    access: name === undefined ? [] : [{ type, name, actions: actions?.split(",") }],
  });
  const signature = createSign("RSA-SHA256").update(`${head}.${body}`).sign(createPrivateKey(readFileSync(join(keys, "ca.key")))).toString("base64url");
  return `${head}.${body}.${signature}`;
}
