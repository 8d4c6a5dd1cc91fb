/**
 * Stands in as docker.io, in the network and mount namespace it is started in: a docker-registry with TLS and tokens on
 * registry-1.docker.io:443, its token service on auth.docker.io:444. Pushes an image as library/ubuntu, runs the command
 * and ends with its status. Arguments: folder of the keys, OCI layout, command …
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { token } from "./authority.ts";

const [keys = "", image = "", ...command] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "mdk-docker-io-"));
let scopes = 0;
const tls = { cert: readFileSync(join(keys, "server.crt"), "utf8"), key: readFileSync(join(keys, "server.key"), "utf8") };
Bun.serve({
  hostname: "127.0.0.1", port: 444, tls,
  fetch: (request) => {
    const scope = new URL(request.url).searchParams.get("scope");
    if (scope === "repository:library/ubuntu:pull") scopes++;
    return Response.json({ token: token(keys, scope, { expired: false }) });
  },
});
writeFileSync(join(folder, "config.yml"), `version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: ${folder}/storage } }
http: { addr: 127.0.0.1:443, tls: { certificate: ${keys}/server.crt, key: ${keys}/server.key } }
auth: { token: { realm: "https://auth.docker.io:444/token", service: mdk-test, issuer: mdk-test, rootcertbundle: ${keys}/ca.crt } }
`);
const registry = Bun.spawn(["docker-registry", "serve", join(folder, "config.yml")], { stdin: "ignore", stdout: "ignore", stderr: "ignore", env: { ...process.env, OTEL_TRACES_EXPORTER: "none" } });
try {
  let pushed = 1;
  for (let tries = 0; tries < 50 && pushed !== 0; tries++) {
    await Bun.sleep(100);
    pushed = await Bun.spawn(["skopeo", "copy", "--quiet", "--dest-tls-verify=false", `oci:${image}`, "docker://docker.io/library/ubuntu:latest"], { stdin: "ignore", stderr: "ignore" }).exited;
  }
  if (pushed !== 0) throw new Error("skopeo cannot push to the registry");
  const before = scopes;
  const status = await Bun.spawn(command, { stdin: "ignore", stdout: "inherit", stderr: "inherit" }).exited;
  console.log(`tokens for pulling: ${scopes - before}`);
  process.exitCode = status;
} finally {
  registry.kill();
  await registry.exited;
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
