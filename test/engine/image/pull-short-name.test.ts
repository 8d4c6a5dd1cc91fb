/** A short name is docker.io's: the whole way, with TLS and tokens, to a registry that stands in for it in a namespace. */
import { expect } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { archive, directory, file } from "../../helpers/archive.ts";
import { makeAuthority } from "../../helpers/authority.ts";
import { makeImage } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && ["docker-registry", "skopeo", "umoci", "openssl", "unshare", "ip"].every(hasTool);

testIf(able, "needs root and docker-registry, skopeo, umoci, openssl, iproute2")("ubuntu is docker.io/library/ubuntu:latest", async () => {
  const folder = mkdtempSync(join(tmpdir(), "mdk-short-"));
  try {
    makeAuthority(folder, ["registry-1.docker.io", "auth.docker.io"]);
    writeFileSync(join(folder, "hosts"), "127.0.0.1 localhost registry-1.docker.io auth.docker.io\n");
    const image = makeImage(join(folder, "image"), [archive([directory("./"), file("a")])]);
    const inside = `ip link set lo up && mount --bind ${folder}/hosts /etc/hosts && exec "$@"`;
    const command = [process.execPath, "src/main.ts", "--root", join(folder, "root"), "--run-root", join(folder, "run"), "pull", "ubuntu"];
    const child = Bun.spawn(["unshare", "--net", "--mount", "sh", "-ec", inside, "sh", process.execPath, "test/helpers/docker-io.ts", folder, image, ...command], {
      stdin: "ignore", stdout: "pipe", stderr: "pipe", env: { ...process.env, HOME: folder, SSL_CERT_FILE: join(folder, "ca.crt"), DOCKER_CONFIG: folder },
    });
    const [out, errors, status] = [await new Response(child.stdout).text(), await new Response(child.stderr).text(), await child.exited];
    expect([errors, status]).toEqual(["", 0]);
    expect(out).toStartWith("Using default tag: latest\nlatest: Pulling from library/ubuntu\n");
    expect(out).toContain("Status: Downloaded newer image for ubuntu:latest\ndocker.io/library/ubuntu:latest\n");
    expect(out).toEndWith("tokens for pulling: 1\n");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
