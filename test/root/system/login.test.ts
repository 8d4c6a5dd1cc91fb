/** login and logout as a user types them, beside Docker's own client, at a real registry with a password file. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { archive, directory, file } from "../../helpers/archive.ts";
import { World, type Result } from "../../helpers/mdk.ts";
import { makeImage, push, startRegistry, type Registry } from "../../helpers/registry.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";
import { Screen } from "../../helpers/terminal.ts";

const SECRET = "s3cret of mine";
const able = isRoot && hasTool("docker-registry") && hasTool("skopeo") && hasTool("umoci");
const rootTest = testIf(able, "needs root, docker-registry, skopeo and umoci");
const dockerTest = testIf(able && hasTool("docker"), "needs root, docker-registry, skopeo, umoci and docker");

const world = new World();
const folder = mkdtempSync(join(tmpdir(), "mdk-login-"));
let registry: Registry;
let home = "";

beforeAll(async () => {
  if (!able) return;
  const passwords = join(folder, "htpasswd");
  writeFileSync(passwords, `alice:${Bun.password.hashSync(SECRET, { algorithm: "bcrypt", cost: 4 })}\n`);
  registry = await startRegistry(`auth: { htpasswd: { realm: x, path: ${passwords} } }`);
  push(makeImage(folder, [archive([directory("./"), file("a")])]), `${registry.host}/private:1`, "--dest-creds", `alice:${SECRET}`);
});
beforeEach(() => void (home = mkdtempSync(join(folder, "home-"))));
afterEach(() => rmSync(home, { recursive: true }));
afterAll(async () => {
  await registry?.stop();
  world.close();
  rmSync(folder, { recursive: true, force: true });
});

const mdk = (args: readonly string[], stdin?: string): Result =>
  world.mdk(["--config", home, ...args], { ...(stdin === undefined ? {} : { stdin }), environment: { PATH: `${home}:${process.env["PATH"]}` } });
const config = (): unknown => JSON.parse(readFileSync(join(home, "config.json"), "utf8"));

rootTest("who logs in can pull, and who logs out cannot", () => {
  const name = `${registry.host}/private:1`;
  expect(mdk(["pull", "-q", name])).toMatchObject({ status: 1, stderr: expect.stringContaining("may require 'docker login'") as string });
  const done = mdk(["login", "-u", "alice", "--password-stdin", registry.host], `${SECRET}\r\n`);
  expect(done).toEqual({
    status: 0, stdout: "Login Succeeded\n",
    stderr: `\nWARNING! Your credentials are stored unencrypted in '${home}/config.json'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n\n`,
  });
  expect(statSync(join(home, "config.json")).mode & 0o777).toBe(0o600);
  expect(mdk(["pull", "-q", name]).status).toBe(0);
  expect(mdk(["login", registry.host])).toMatchObject({ status: 0, stdout: "Login Succeeded\n", stderr: expect.stringContaining("Authenticating with existing credentials... [Username: alice]") as string });
  world.ok("rmi", name);
  expect(mdk(["logout", `https://${registry.host}/v2/`])).toEqual({ status: 0, stdout: `Removing login credentials for ${registry.host}\n`, stderr: "" });
  expect(config()).toEqual({ auths: {} });
  expect(mdk(["pull", "-q", name]).status).toBe(1);
});

dockerTest("words, statuses and the file are those of Docker's client", () => {
  const theirs = join(home, "docker");
  const docker = (args: readonly string[], stdin?: string): Result => {
    const done = Bun.spawnSync(["docker", "--config", theirs, ...args], { stdin: stdin === undefined ? "ignore" : Buffer.from(stdin), env: { PATH: process.env["PATH"], DOCKER_HOST: "unix:///nonexistent", HOME: home }, timeout: 20_000 });
    const stderr = done.stderr.toString().replace(/^time=.*level=info.*\n/gm, "").replaceAll(theirs, home);
    return { status: done.exitCode ?? -1, stdout: done.stdout.toString(), stderr };
  };
  const calls: readonly (readonly [args: readonly string[], stdin?: string])[] = [
    [["login", "-u", "alice", "-p", SECRET, registry.host]], [["login", "-u", "alice", "--password-stdin", registry.host], `${SECRET}\n`],
    [["login", "-u", "alice", "--password-stdin", registry.host], "wrong\n"], [["login", "-u", "alice", registry.host]], [["login", "--password-stdin", registry.host], "x"],
    [["login", "-u", "a", "-p", "x", "--password-stdin", registry.host], "x"], [["logout", registry.host]], [["logout"]], [["login", "-u", "alice", "--password-stdin", `http://${registry.host}/x`], SECRET],
  ];
  for (const [args, stdin] of calls) {
    const ours = mdk(args, stdin);
    expect([args, { ...ours, stderr: ours.stderr.replace(/^mdk: /gm, "") }]).toEqual([args, docker(args, stdin)]);
  }
  expect(readFileSync(join(home, "config.json"), "utf8")).toBe(readFileSync(join(theirs, "config.json"), "utf8"));
});

rootTest("each uses what the other has stored", () => {
  mdk(["login", "-u", "alice", "--password-stdin", registry.host], SECRET);
  const inspect = Bun.spawnSync(["skopeo", "inspect", "--authfile", join(home, "config.json"), "--tls-verify=false", `docker://${registry.host}/private:1`]);
  expect([inspect.exitCode, inspect.stderr.toString()]).toEqual([0, ""]);
});

rootTest("no error and no trace says the password, nor what the file has of it", () => {
  const forms = [SECRET, Buffer.from(`alice:${SECRET}`).toString("base64")];
  const calls: readonly Result[] = [
    mdk(["-D", "login", "-u", "alice", "-p", SECRET, "127.0.0.1:1"]), mdk(["-D", "login", "-u", "bob", "--password-stdin", registry.host], SECRET),
    mdk(["-D", "login", "-u", "alice", "-p", SECRET, `alice:${SECRET}@${registry.host}`]), mdk(["-D", "login", "-u", "a:b", "-p", SECRET, registry.host]),
  ];
  writeFileSync(join(home, "config.json"), `{"auths":{"${registry.host}":{"auth":${forms[1]!}}}}`);
  for (const done of [...calls, mdk(["-D", "pull", `${registry.host}/private:1`]), mdk(["-D", "login", registry.host])]) {
    expect(done.status).toBe(1);
    for (const form of forms) expect(done.stdout + done.stderr).not.toContain(form);
  }
});

rootTest("a helper keeps it: nothing of it is in the file, and pulls ask for it", () => {
  const helper = join(home, "docker-credential-box");
  writeFileSync(helper, `#!/bin/sh\ncase $1 in store) cat > ${home}/box;; get) cat >/dev/null; cat ${home}/box 2>/dev/null || { echo credentials not found in native keychain; exit 1; };; erase) rm ${home}/box;; list) echo '{}';; esac\n`);
  chmodSync(helper, 0o755);
  writeFileSync(join(home, "config.json"), JSON.stringify({ credsStore: "box" }));
  expect(mdk(["login", "-u", "alice", "--password-stdin", registry.host], SECRET)).toEqual({ status: 0, stdout: "Login Succeeded\n", stderr: "" });
  expect(config()).toEqual({ credsStore: "box", auths: { [registry.host]: {} } });
  expect(mdk(["pull", "-q", `${registry.host}/private:1`]).status).toBe(0);
  world.ok("rmi", `${registry.host}/private:1`);
  expect(mdk(["logout", registry.host]).status).toBe(0);
  expect(existsSync(join(home, "box"))).toBe(false);
  rmSync(helper);
  expect(mdk(["pull", `${registry.host}/private:1`])).toMatchObject({ status: 1, stderr: expect.stringContaining("the credentials are not known: docker-credential-box: executable file not found in $PATH") as string });
});

test("what a token service gives is kept and used, and not the password", () => {
  // A server of its own process: a command is waited for without the event loop.
  const server = Bun.spawn([process.execPath, join(import.meta.dir, "../../helpers/token-registry.ts")], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  return (async () => {
    try {
      const { value } = await server.stdout.getReader().read();
      const host = new TextDecoder().decode(value).trim();
      expect(mdk(["login", "-u", "alice", "--password-stdin", host], SECRET)).toEqual({ status: 0, stdout: "Login Succeeded\n", stderr: "" });
      expect(config()).toEqual({ auths: { [host]: { auth: Buffer.from("alice:").toString("base64"), identitytoken: "refresh-1" } } });
      expect(mdk(["pull", "-q", `${host}/box`])).toMatchObject({ status: 0 });
      world.ok("rmi", `${host}/box`);
    } finally {
      server.kill();
      await server.exited;
    }
  })();
});

rootTest("on a terminal it asks, shows nothing of the password, and leaves the terminal as it was", async () => {
  const screen = new Screen(world.words("--config", home, "login", registry.host));
  await screen.expect("Username: ");
  screen.type("alice\r");
  await screen.expect("Password: ");
  expect(screen.cooked()).toBe(false);
  screen.type(`nonsense\x15${SECRET}ä\x7f\r`);
  await screen.expect("Login Succeeded");
  expect(await screen.ended()).toBe(0);
  expect(screen.text).not.toContain(SECRET);
  const given = new Screen(world.words("--config", home, "login", "-u", "alice", registry.host));
  await given.expect("Password: ");
  given.type("half\x03");
  await given.expect("context canceled");
  expect(given.cooked()).toBe(true);
  expect(await given.ended()).toBe(130);
});
