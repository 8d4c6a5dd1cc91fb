/** A short name, from the command line to the program's output: docker.io stands in a namespace of the test; and tokens that expire. */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { archive, file } from "../../helpers/archive.ts";
import { makeAuthority } from "../../helpers/authority.ts";
import { fakeImage, fakeRegistry, serveImage } from "../../helpers/fake-registry.ts";
import { makeImage } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";
import { baseLayer, openStage, type Stage } from "../../helpers/stage.ts";

const able = isRoot && existsSync("dist/mdk") && ["docker-registry", "skopeo", "umoci", "openssl", "unshare", "ip"].every(hasTool);
const rootTest = testIf(able, "needs root, a built dist/mdk and docker-registry, skopeo, umoci, openssl, iproute2");

let stage: Stage;
beforeAll(() => {
  if (able) stage = openStage();
});
afterAll(async () => await stage?.end());

rootTest("`mdk run ubuntu` asks docker.io for library/ubuntu:latest, trusts the machine's authorities, gets a token, and runs", async () => {
  const keys = join(stage.folder, "keys");
  mkdirSync(keys);
  makeAuthority(keys, ["registry-1.docker.io", "auth.docker.io"]);
  writeFileSync(join(keys, "hosts"), "127.0.0.1 localhost registry-1.docker.io auth.docker.io\n");
  const image = makeImage(join(stage.folder, "image"), [archive(baseLayer())]);
  const inside = `ip link set lo up && mount --bind ${keys}/hosts /etc/hosts && mount --bind ${keys}/ca.crt /etc/ssl/certs/ca-certificates.crt && exec "$@"`;
  const serve = [process.execPath, "test/helpers/docker-io.ts", keys, image];
  const child = Bun.spawn(["unshare", "--net", "--mount", "sh", "-ec", inside, "sh", ...serve, ...stage.command("run", "--rm", "ubuntu", "sh", "-c", "echo here; cat /etc/hostname")], {
    stdin: "ignore", stdout: "pipe", stderr: "pipe", env: { PATH: process.env["PATH"], HOME: stage.folder },
  });
  const [out, errors, status] = [await new Response(child.stdout).text(), await new Response(child.stderr).text(), await child.exited];
  expect([status, out]).toEqual([0, expect.stringMatching(/^here\n[0-9a-f]{12}\ntokens for pulling: 1\n$/)]);
  expect(errors).toStartWith("Unable to find image 'ubuntu:latest' locally\nlatest: Pulling from library/ubuntu\n");
  expect(errors).toContain("Status: Downloaded newer image for ubuntu:latest\n");
  const { out: listed } = await stage.mdk("images", "--format", "{{.Repository}}:{{.Tag}}");
  expect(listed).toBe("ubuntu:latest\n");
});

rootTest("a token that expires while layers are fetched is fetched anew, once for all of them", async () => {
  const image = fakeImage([archive(baseLayer()), ...[1, 2, 3].map((index) => archive([file(`f${index}`, Buffer.alloc(300_000, index))]))], { config: { Cmd: ["/bin/true"] } });
  let issued = 0;
  const registry = fakeRegistry((path, request) => {
    if (path === "/token") return Response.json({ token: `token-${++issued}`, expires_in: 1 });
    const [, current] = /^Bearer token-(\d+)$/.exec(request.headers.get("authorization") ?? "") ?? [];
    // The first token is good for the manifest, the second for everything.
    if (current === undefined || (current === "1" && path.includes("/blobs/"))) {
      return new Response("{}", { status: 401, headers: { "www-authenticate": `Bearer realm="http://${request.headers.get("host")}/token",service="s",scope="repository:x:pull",error="invalid_token"` } });
    }
    return serveImage(image, path);
  });
  try {
    const child = Bun.spawn(stage.command("pull", "-q", `${registry.host}/x`), { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    expect([await new Response(child.stderr).text(), await child.exited]).toEqual(["", 0]);
    expect(issued).toBe(2);
    expect((await stage.mdk("run", "--rm", `${registry.host}/x`)).code).toBe(0);
  } finally {
    registry.stop();
  }
});
