/** What is kept for which registry: config.json as Docker writes it, and helpers that are shell scripts here. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configPath } from "../../src/registry/config-file.ts";
import { getKept } from "../../src/registry/credential-helper.ts";
import { askCredentials, domainOf, eraseCredentials, findCredentials, serverOf, storeCredentials, type Wallet } from "../../src/registry/credentials.ts";
import { isRoot } from "../helpers/requires.ts";

const SECRET = "s3cret-of-mine";
let folder = "";
let path = "";
let wallet: Wallet;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mdk-credentials-"));
  path = join(folder, "config.json");
  wallet = { path, environment: { PATH: `${folder}:/usr/bin:/bin`, KEPT: join(folder, "kept") } };
});
afterEach(() => rmSync(folder, { recursive: true }));

const write = (document: unknown): void => writeFileSync(path, JSON.stringify(document));
const read = (): Record<string, unknown> => JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
const basic = (text: string): string => Buffer.from(text).toString("base64");

/** A helper of these lines of shell; what it is called with lies in the file `calls`. */
function helper(name: string, script: string): void {
  const file = join(folder, `docker-credential-${name}`);
  writeFileSync(file, `#!/bin/sh\necho "$1" >> ${folder}/calls\n${script}\n`);
  chmodSync(file, 0o755);
}

const calls = (): string[] => (existsSync(join(folder, "calls")) ? readFileSync(join(folder, "calls"), "utf8").trim().split("\n") : []);

/** One that keeps things: a file a server, whose name is the server's without what names cannot have. */
const KEEPER = `
mkdir -p "$KEPT"; in=$(cat); file="$KEPT/$(printf %s "$in" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/' | tr / _)"
case $1 in
store) printf %s "$in" > "$file";;
get) [ -e "$file" ] && cat "$file" || { echo "credentials not found in native keychain"; exit 1; };;
erase) [ -e "$file" ] || { echo "credentials not found in native keychain"; exit 1; }; rm "$file";;
list) printf '{'; sep=; for f in "$KEPT"/*; do [ -e "$f" ] || continue; printf '%s"%s":"u"' "$sep" "$(basename "$f" | tr _ /)"; sep=,; done; printf '}';;
esac`;

test("they are those of docker login", async () => {
  write({ auths: { "https://index.docker.io/v1/": { auth: basic("user:pass:word") }, "host:5000": { identitytoken: "T" }, bad: { auth: "!!" }, "https://other/v2/": { auth: basic("u:p") } } });
  expect(await findCredentials(wallet, "docker.io")).toEqual({ kind: "password", username: "user", password: "pass:word" });
  expect(await findCredentials(wallet, "host:5000")).toEqual({ kind: "identity", token: "T" });
  expect(await findCredentials(wallet, "other")).toEqual({ kind: "password", username: "u", password: "p" });
  for (const domain of ["bad", "constructor", "host", "host:5001", "other:443", "index.docker.io.evil", "xhost:5000"]) expect([domain, await findCredentials(wallet, domain)]).toEqual([domain, null]);
  rmSync(path);
  expect(await findCredentials(wallet, "docker.io")).toBeNull();
  writeFileSync(path, "");
  expect(await findCredentials(wallet, "docker.io")).toBeNull();
});

test("a registry has one key, however it is called", () => {
  expect(["", "docker.io", "index.docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"].map((word) => serverOf(domainOf(word)))).toEqual(Array(5).fill("https://index.docker.io/v1/"));
  expect(["host:5000", "https://host:5000", "http://host:5000/v2/x"].map((word) => serverOf(domainOf(word)))).toEqual(Array(3).fill("host:5000"));
  expect(configPath({ DOCKER_CONFIG: "/x" })).toBe("/x/config.json");
  expect(configPath({ DOCKER_CONFIG: "", HOME: "/h" })).toBe("/h/.docker/config.json");
});

test("a broken file is told without what is in it", async () => {
  writeFileSync(path, `{"auths": {"host": {"auth": ${SECRET}}}}`);
  const error = await findCredentials(wallet, "host").then(() => null, (thrown: unknown) => thrown as Error);
  expect(error?.message).toContain("is not valid JSON");
  expect(Bun.inspect(error) + String((error as Error).cause)).not.toContain(SECRET);
  await expect(storeCredentials(wallet, "host", "u", { kind: "password", username: "u", password: "p" })).rejects.toThrow("is not valid JSON");
  expect(readFileSync(path, "utf8")).toContain(SECRET);
});

test("what is stored is found, at 0600, beside everything else in the file", async () => {
  write({ psFormat: "x", auths: { z: { auth: basic("a:b") } }, HttpHeaders: { A: "b" } });
  chmodSync(path, 0o644);
  const owner = isRoot ? 65534 : statSync(path).uid;
  if (isRoot) chownSync(path, owner, owner);
  expect(await storeCredentials(wallet, "host:5000", "alice", { kind: "password", username: "alice", password: SECRET })).toBe(true);
  expect(await storeCredentials(wallet, "docker.io", "alice", { kind: "identity", token: "T" })).toBe(false);
  expect(read()).toEqual({
    psFormat: "x", HttpHeaders: { A: "b" },
    auths: { "host:5000": { auth: basic(`alice:${SECRET}`) }, "https://index.docker.io/v1/": { auth: basic("alice:"), identitytoken: "T" }, z: { auth: basic("a:b") } },
  });
  expect([statSync(path).mode & 0o777, statSync(path).uid]).toEqual([0o600, owner]);
  expect(readdirSync(folder)).toEqual(["config.json"]);
  expect(await findCredentials(wallet, "docker.io")).toEqual({ kind: "identity", token: "T" });
  expect(await eraseCredentials(wallet, "host:5000")).toEqual([]);
  expect(Object.keys(read()["auths"] as object)).toEqual(["https://index.docker.io/v1/", "z"]);
});

test("the file is made with its directory; a link stays a link; nothing to forget makes nothing", async () => {
  const deep: Wallet = { ...wallet, path: join(folder, "a/.docker/config.json") };
  expect(await eraseCredentials(deep, "host")).toEqual([]);
  expect(existsSync(join(folder, "a"))).toBe(false);
  await storeCredentials(deep, "host", "u", { kind: "password", username: "u", password: "p" });
  expect([statSync(join(folder, "a/.docker")).mode & 0o777, statSync(deep.path).mode & 0o777]).toEqual([0o700, 0o600]);
  symlinkSync(deep.path, path);
  await storeCredentials(wallet, "host2", "u", { kind: "password", username: "u", password: "p" });
  expect(Object.keys((JSON.parse(readFileSync(deep.path, "utf8")) as { auths: object }).auths)).toEqual(["host", "host2"]);
});

test("many that log in at once lose nobody's entry", async () => {
  const one = `import { changeAuths } from "${join(import.meta.dir, "../../src/registry/config-file.ts")}"; changeAuths("${path}", (auths) => void auths.set(process.argv[1], {}));`;
  const all = [...Array(6).keys()].map((index) => Bun.spawn([process.execPath, "-e", one, `host${index}`], { stdio: ["ignore", "inherit", "inherit"] }).exited);
  expect(await Promise.all(all)).toEqual(Array(6).fill(0));
  expect(Object.keys(read()["auths"] as object)).toEqual([...Array(6).keys()].map((index) => `host${index}`));
  expect(readdirSync(folder)).toEqual(["config.json"]);
});

test("a helper keeps what the file then does not have", async () => {
  helper("keep", KEEPER);
  write({ credsStore: "keep", credHelpers: { plain: "" }, auths: { host: { auth: basic("old:old") } } });
  expect(await findCredentials(wallet, "host")).toBeNull();
  expect(await storeCredentials(wallet, "host", "alice", { kind: "password", username: "alice", password: SECRET })).toBe(false);
  expect(read()["auths"]).toEqual({ host: {} });
  expect(readFileSync(join(folder, "kept/host"), "utf8")).toBe(`{"ServerURL":"host","Username":"alice","Secret":"${SECRET}"}`);
  expect(await findCredentials(wallet, "host")).toEqual({ kind: "password", username: "alice", password: SECRET });
  expect(await findCredentials(wallet, "host:5000")).toBeNull();
  await storeCredentials(wallet, "docker.io", "alice", { kind: "identity", token: "T" });
  expect(await findCredentials(wallet, "docker.io")).toEqual({ kind: "identity", token: "T" });
  // A registry of which credHelpers says that it is none.
  expect(await storeCredentials(wallet, "plain", "u", { kind: "password", username: "u", password: "p" })).toBe(true);
  expect(await eraseCredentials(wallet, "host")).toEqual([]);
  expect(await eraseCredentials(wallet, "host")).toEqual([]);
  expect(await findCredentials(wallet, "host")).toBeNull();
});

test("a helper of one registry is asked for that one only, once, and under other spellings of it too", async () => {
  helper("one", `${KEEPER}`);
  write({ credHelpers: { "https://host:5000": "one" }, auths: { other: { auth: basic("a:b") } } });
  await Bun.write(join(folder, "kept/https:__host:5000"), JSON.stringify({ Username: "u", Secret: "p" }));
  const ask = askCredentials(wallet, "host:5000");
  expect(calls()).toEqual([]);
  expect(await ask()).toEqual({ kind: "password", username: "u", password: "p" });
  expect(await ask()).toEqual({ kind: "password", username: "u", password: "p" });
  expect(calls()).toEqual(["get", "list", "get"]);
  expect(await findCredentials(wallet, "other")).toEqual({ kind: "password", username: "a", password: "b" });
  expect(calls().length).toBe(3);
});

test("a helper that misbehaves is told by its name, and its secrets are not", async () => {
  const environment = wallet.environment;
  const told = async (name: string, script: string | null, timeoutMs = 5_000): Promise<string> => {
    if (script !== null) helper(name, script);
    const error = await getKept({ name, environment, timeoutMs }, "host").then(() => null, (thrown: unknown) => thrown as Error);
    expect(Bun.inspect(error) + String(error?.cause)).not.toContain(SECRET);
    return error?.message ?? "nothing";
  };
  expect(await told("gone", null)).toBe("docker-credential-gone: executable file not found in $PATH");
  expect(await told("locked", "echo 'the keychain is locked'; exit 3")).toBe("docker-credential-locked get: exit status 3: the keychain is locked");
  expect(await told("leaky", `echo '{"Username":"u","Secret":"${SECRET}"}'; exit 1`)).toBe("docker-credential-leaky get: exit status 1");
  expect(await told("words", `echo '{"Secret": ${SECRET}'`)).toBe("docker-credential-words get: the answer is no JSON object");
  expect(await told("endless", "yes")).toContain("answers with more than 1048576 bytes");
  expect(await told("slow", "sleep 2 2>&- & exec sleep 1000", 200)).toBe("docker-credential-slow get: no answer within 0.2 s");
  expect(await told("empty", "echo '{}'")).toBe("nothing");
  for (const name of ["../x", "a/b", "", "-x", "a b", "a\0b", ".."]) expect(await told(name, null)).toContain("is no name of a credential helper");
  writeFileSync(join(folder, "docker-credential-noexec"), "#!/bin/sh\n");
  expect(await told("noexec", null)).toContain("not found in $PATH");
});

test("directories of PATH that are not absolute are not looked into", async () => {
  helper("here", "echo '{}'");
  await expect(getKept({ name: "here", environment: { PATH: "::.:relative" } }, "host")).rejects.toThrow("not found in $PATH");
});

test("what a helper refuses to forget is told, and the file forgets all the same", async () => {
  helper("stuck", "echo 'no keychain here'; exit 1");
  write({ credsStore: "stuck", auths: { host: {} } });
  expect(await eraseCredentials(wallet, "host")).toEqual(["host: docker-credential-stuck erase: exit status 1: no keychain here"]);
  expect(read()["auths"]).toEqual({});
  helper("echoing", `cat; exit 1`);
  write({ credsStore: "echoing" });
  const error = await storeCredentials(wallet, "host", "u", { kind: "password", username: "u", password: SECRET }).then(() => null, (thrown: unknown) => thrown as Error);
  expect(error?.message).toBe("docker-credential-echoing store: exit status 1");
});
