/** certs.d of mdk and of Docker, and the configuration where it lies by default: in an /etc of the test's own. */
import { afterAll, beforeAll, beforeEach, expect } from "bun:test";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeAuthority } from "../../helpers/authority.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";
import { openStage, type Ended, type Stage } from "../../helpers/stage.ts";

const able = isRoot && existsSync("dist/mdk") && ["openssl", "unshare", "ip"].every(hasTool);
const rootTest = testIf(able, "needs root, a built dist/mdk, openssl and iproute2");
const REGISTRY = "registry.test:5443";

let stage: Stage;
let keys = "";
let overlay = "";

beforeAll(() => {
  if (!able) return;
  stage = openStage();
  keys = mkdtempSync(join(stage.folder, "keys-"));
  makeAuthority(keys, ["registry.test"]);
});
beforeEach(() => void (overlay = able ? mkdtempSync(join(stage.folder, "etc-")) : ""));
afterAll(async () => await stage?.end());

/** `prepare` writes into the /etc that the command has; registry.test is there, at a port of the namespace's loopback. */
async function pulled(prepare: string): Promise<Ended> {
  const script = `ip link set lo up; mount -t tmpfs none ${overlay}; mkdir ${overlay}/u ${overlay}/w
    mount -t overlay none -o lowerdir=/etc,upperdir=${overlay}/u,workdir=${overlay}/w /etc; rm -rf /etc/mdk /etc/docker
    echo '127.0.0.1 localhost registry.test' >/etc/hosts; echo 'nameserver 127.0.0.1' >/etc/resolv.conf
    ${prepare}
    "$1" test/helpers/named-registry.ts ${keys} >${overlay}/ready & server=$!
    for i in $(seq 600); do [ -s ${overlay}/ready ] && break; sleep 0.05; done
    shift; status=0; "$@" || status=$?; kill $server; exit $status`;
  const child = Bun.spawn(["unshare", "--net", "--mount", "sh", "-ec", script, "sh", process.execPath, ...stage.command("pull", "-q", `${REGISTRY}/x`)], {
    stdin: "ignore", stdout: "pipe", stderr: "pipe", env: { PATH: process.env["PATH"], HOME: stage.folder },
  });
  const [out, err, code] = [await new Response(child.stdout).text(), await new Response(child.stderr).text(), await child.exited];
  return { code, out, err };
}

rootTest("an authority in either folder is trusted for its registry, and for no other", async () => {
  for (const folder of ["/etc/mdk/certs.d", "/etc/docker/certs.d"]) {
    const put = (host: string): string => `mkdir -p ${folder}/${host}; cp ${keys}/ca.crt ${folder}/${host}/ca.crt`;
    expect([folder, await pulled(put("other.test:5443"))]).toMatchObject([folder, { code: 1, err: expect.stringContaining("cannot be verified") as string }]);
    expect([folder, await pulled(put(REGISTRY))]).toEqual([folder, { code: 0, out: `${REGISTRY}/x:latest\n`, err: "" }]);
    await stage.mdk("rmi", `${REGISTRY}/x`);
  }
});

rootTest("/etc/mdk/daemon.json is read where nobody names a file", async () => {
  const put = (name: string): string => {
    writeFileSync(join(keys, "daemon.json"), JSON.stringify({ "insecure-registries": [name] }, null, 2));
    return `mkdir /etc/mdk; cp ${keys}/daemon.json /etc/mdk/daemon.json`;
  };
  expect(await pulled(put("other.test"))).toMatchObject({ code: 1 });
  expect(await pulled(put(REGISTRY))).toMatchObject({ code: 0, err: "" });
  expect(await pulled(put("a/b"))).toEqual({ code: 1, out: "", err: 'mdk: /etc/mdk/daemon.json:3:5: insecure-registries: insecure registry "a/b" is not valid: HOST, HOST:PORT or a subnet is expected\n' });
});
