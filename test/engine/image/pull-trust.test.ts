/** Whom a pull trusts and as whom it comes: certificates, and the login of a real docker-registry by password and by token. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createContext, type Context } from "../../../src/engine/context.ts";
import { summarizeImages } from "../../../src/engine/image/list.ts";
import { pull, type PullOptions } from "../../../src/engine/image/pull.ts";
import { archive, directory, file } from "../../helpers/archive.ts";
import { makeAuthority, token } from "../../helpers/authority.ts";
import { fakeImage, serveImage } from "../../helpers/fake-registry.ts";
import { makeImage, push, startRegistry } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && ["docker-registry", "skopeo", "umoci", "openssl"].every(hasTool);
const rootTest = testIf(able, "needs root and docker-registry, skopeo, umoci, openssl");

let keys = "";
let folder = "";
let context: Context;

beforeAll(() => {
  keys = mkdtempSync(join(tmpdir(), "mdk-keys-"));
  if (!able) return;
  makeAuthority(keys, [host(), "localhost"]);
});
afterAll(() => rmSync(keys, { recursive: true, force: true }));

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mdk-trust-"));
  context = createContext({ root: join(folder, "root"), runRoot: join(folder, "run"), environment: { HOME: folder }, now: () => new Date() });
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A name of this machine that is not loopback's, as far as a reference can tell. */
function host(): string {
  return "registry.localhost";
}

describe("certificates", () => {
  const image = fakeImage([archive([directory("./"), file("a")])]);

  /** Serves the image by TLS and pulls it from there. */
  async function pullByTls(options: (name: string) => PullOptions, environment: Record<string, string> = {}): Promise<void> {
    const server = Bun.serve({
      hostname: "127.0.0.1", port: 0, tls: { cert: readFileSync(join(keys, "server.crt"), "utf8"), key: readFileSync(join(keys, "server.key"), "utf8") },
      fetch: (request) => serveImage(image, new URL(request.url).pathname) ?? new Response("{}", { status: 404 }),
    });
    const name = `${host()}:${server.port}`;
    const own = createContext({ ...context, environment: { HOME: folder, ...environment } });
    try {
      await pull(own, `${name}/x`, { certificates: join(folder, "certs.d"), ...options(name) });
    } finally {
      server.stop(true);
    }
  }

  rootTest("of an authority that nobody named are refused, and the error says what to do", async () => {
    await expect(pullByTls(() => ({}))).rejects.toThrow(/certificate of registry\.localhost:\d+ cannot be verified/);
    expect(summarizeImages(context)).toEqual([]);
  });

  rootTest("of an authority in certs.d, or in SSL_CERT_FILE, are trusted", async () => {
    await pullByTls((name) => {
      mkdirSync(join(folder, "certs.d", name), { recursive: true });
      writeFileSync(join(folder, "certs.d", name, "ca.crt"), readFileSync(join(keys, "ca.crt")));
      return {};
    });
    await pullByTls(() => ({}), { SSL_CERT_FILE: join(keys, "ca.crt") });
    expect(summarizeImages(context)).toHaveLength(2);
  });

  rootTest("do not matter to a registry that was named insecure, which may also speak plain HTTP", async () => {
    await pullByTls((name) => ({ insecureRegistries: [name] }));
    const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request) => serveImage(image, new URL(request.url).pathname) ?? new Response("{}", { status: 404 }) });
    const name = `${host()}:${server.port}`;
    try {
      await expect(pull(context, `${name}/x`)).rejects.toThrow(name);
      await pull(context, `${name}/x`, { insecureRegistries: [name] });
      expect(summarizeImages(context)).toHaveLength(2);
    } finally {
      server.stop(true);
    }
  });
});

describe("a real registry that asks who comes", () => {
  const layers = [archive([directory("./"), file("a")])];
  const login = (name: string, password: string): string => {
    const path = join(folder, "config.json");
    writeFileSync(path, JSON.stringify({ auths: { [name]: { auth: Buffer.from(`user:${password}`).toString("base64") } } }));
    return path;
  };

  rootTest("by a password file", async () => {
    const file = join(folder, "htpasswd");
    writeFileSync(file, `user:${Bun.password.hashSync("secret", { algorithm: "bcrypt", cost: 4 })}\n`);
    const registry = await startRegistry(`auth: { htpasswd: { realm: x, path: ${file} } }`);
    try {
      push(makeImage(folder, layers), `${registry.host}/private:1`, "--dest-creds", "user:secret");
      await expect(pull(context, `${registry.host}/private:1`)).rejects.toThrow("pull access denied for");
      await expect(pull(context, `${registry.host}/private:1`, { configFile: login(registry.host, "wrong") })).rejects.toThrow("pull access denied for");
      await pull(context, `${registry.host}/private:1`, { configFile: login(registry.host, "secret") });
      expect(summarizeImages(context)).toHaveLength(1);
    } finally {
      await registry.stop();
    }
  });

  rootTest("by tokens of a service, of which the first has expired", async () => {
    let issued = 0;
    const service = Bun.serve({
      hostname: "127.0.0.1", port: 0,
      fetch: (request) => {
        const scope = new URL(request.url).searchParams.get("scope");
        const pushing = request.headers.get("authorization") === null && scope?.includes("push") === true;
        return Response.json({ token: token(keys, scope, { expired: !pushing && issued++ === 0 }) });
      },
    });
    const registry = await startRegistry(`auth: { token: { realm: "http://127.0.0.1:${service.port}/token", service: mdk-test, issuer: mdk-test, rootcertbundle: ${keys}/ca.crt } }`);
    try {
      // Not push(): that would wait for skopeo, which waits for the token service, which is this process.
      const skopeo = Bun.spawn(["skopeo", "copy", "--quiet", "--dest-tls-verify=false", `oci:${makeImage(folder, layers)}`, `docker://${registry.host}/library/private:1`]);
      expect(await skopeo.exited).toBe(0);
      issued = 0;
      // The registry refuses the expired token; a 401 with a token that was just fetched is not asked for again and again.
      await expect(pull(context, `${registry.host}/library/private:1`)).rejects.toThrow("pull access denied");
      await pull(context, `${registry.host}/library/private:1`);
      expect(issued).toBe(2);
      expect(summarizeImages(context)).toHaveLength(1);
    } finally {
      await registry.stop();
      service.stop(true);
    }
  });
});
