/** RUN --mount: each type with its keys; what is in them is in no layer, and a secret is nowhere at all. */
import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { builds, useBuildStage } from "../../helpers/build-stage.ts";
import { treeLines } from "../../helpers/image-archive.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && existsSync("dist/mdk"), "needs root and a built dist/mdk");
const sshTest = testIf(isRoot && existsSync("dist/mdk") && hasTool("ssh-agent"), "needs root, a built dist/mdk and ssh-agent");

useBuildStage();

/** What steps printed. */
const outputOf = (said: string): string[] => [...said.matchAll(/^#\d+ \d+\.\d{3} (.*)$/gm)].map(([, line]) => line!);
const run = async (words: string, flags: readonly string[] = [], environment: Readonly<Record<string, string>> = {}): Promise<string[]> => outputOf(await builds.built(`FROM base:1\n${words}\n`, ["--no-cache", ...flags], { environment }));

describe("bind", () => {
  rootTest("of the context, without what is ignored; read-only, or written and thrown away", async () => {
    builds.fill("echo a > a; mkdir d; echo b > d/b; echo hidden > no; echo no > .dockerignore");
    expect((await run("RUN --mount=target=/c ls /c; echo x > /c/x || echo refused")).filter((line) => !line.includes("Read-only"))).toEqual(["Dockerfile", "a", "d", "refused"]);
    expect(await run("RUN --mount=target=/c,rw echo x > /c/x; cat /c/x; rm /c/a; ls /c")).toEqual(["x", "Dockerfile", "d", "x"]);
    expect(existsSync(join(builds.context, "x"))).toBe(false);
    expect(existsSync(join(builds.context, "a"))).toBe(true);
    expect(await run("RUN --mount=source=d,target=/c ls /c\nRUN --mount=source=d/b,target=/f cat /f")).toEqual(["b", "b"]);
    expect(await builds.refused("FROM base:1\nRUN --mount=source=none,target=/c true\n")).toContain("none");
  });

  rootTest("from a stage and an image, with its owners", async () => {
    builds.fill("true");
    const said = await builds.built("FROM base:1 AS s\nRUN mkdir /o; echo x > /o/x; chown 7:8 /o/x\nFROM base:1\nRUN --mount=from=s,source=/o,target=/c stat -c %u:%g /c/x; echo y > /c/x || echo refused\nRUN --mount=from=s,source=/o,target=/c,rw echo y > /c/x; cat /c/x\nRUN --mount=from=s,source=/o,target=/c cat /c/x\nRUN --mount=from=base:1,target=/c ls /c/etc\n");
    expect(outputOf(said).filter((line) => !line.includes("Read-only"))).toEqual(["7:8", "refused", "y", "x", "group", "passwd"]);
  });
});

describe("cache", () => {
  rootTest("stays between steps and builds, by its id or its target, and is in no layer", async () => {
    expect(await run("RUN --mount=type=cache,target=/c echo one >> /c/f\nRUN --mount=type=cache,target=/c cat /c/f\nRUN --mount=type=cache,id=/c,target=/d cat /d/f\nRUN --mount=type=cache,id=x,target=/c ls /c | wc -l")).toEqual(["one", "one", "0"]);
    expect(await run("RUN --mount=type=cache,target=/c cat /c/f")).toEqual(["one"]);
    const image = await builds.image("FROM base:1\nRUN --mount=type=cache,target=/c echo two >> /c/f\n");
    expect(treeLines(image.layers).filter((line) => /^\/c\b/.test(line))).toEqual([]);
  });

  rootTest("mode, owner, where it begins, read-only", async () => {
    expect(await run("RUN --mount=type=cache,target=/c,id=m,mode=0750,uid=7,gid=8 stat -c '%a %u:%g' /c\nRUN --mount=type=cache,target=/c,id=ro,ro touch /c/x 2>/dev/null || echo refused")).toEqual(["750 7:8", "refused"]);
    expect(outputOf(await builds.built("FROM base:1 AS s\nRUN mkdir /seed; echo seed > /seed/s\nFROM base:1\nRUN --mount=type=cache,target=/c,id=seeded,from=s,source=/seed cat /c/s\n"))).toEqual(["seed"]);
  });

  rootTest("a link in it leads nowhere out of it", async () => {
    await builds.built("FROM base:1\nRUN --mount=type=cache,target=/c,id=linked ln -s / /c/out; ln -s ../../.. /c/up; mkdir /c/in; touch /c/in/x\n");
    expect(await run("RUN --mount=type=cache,target=/c,id=linked,source=in ls /c\nRUN --mount=type=cache,target=/c,id=linked,source=out ls /c\nRUN --mount=type=cache,target=/c,id=linked,source=up/../../in ls /c")).toEqual(["x", "in", "out", "up", "x"]);
  });

  rootTest("shared, private, locked: how many at once", async () => {
    const words = (sharing: string): string => ["a", "b"].map((name) => `FROM base:1 AS ${name}\nRUN --mount=type=cache,target=/c,id=${sharing},sharing=${sharing} ls /c; touch /c/${name}; sleep 0.3; ls /c; rm /c/${name}; touch /${name}\n`).join("") + "FROM base:1\nCOPY --from=a /a /\nCOPY --from=b /b /\n";
    const seen = async (sharing: string): Promise<string> => outputOf(await builds.built(words(sharing), ["--no-cache"])).sort().join(" ");
    expect(await seen("locked")).toBe("a b");
    expect(await seen("private")).toBe("a b");
    expect(await seen("shared")).not.toBe("a b");
  });
});

rootTest("tmpfs: of a size, empty, in no layer", async () => {
  const lines = await run("RUN --mount=type=tmpfs,target=/t,size=4194304 ls -A /t | wc -l; df -k /t | tail -1; dd if=/dev/zero of=/t/x bs=1M count=9 2>/dev/null || echo full");
  expect([lines[0], lines[1]!.split(/ +/)[1], lines[2]]).toEqual(["0", "4096", "full"]);
});

describe("secret", () => {
  const SECRET = `of-nobody-${crypto.randomUUID()}`;
  rootTest("a file and a variable, in its place, with owner and mode; nowhere in the store, not in what is kept nor in what is said", async () => {
    const path = join(builds.stage.folder, "secret-file");
    writeFileSync(path, SECRET);
    const lines = await run(`RUN --mount=type=secret,id=f wc -c < /run/secrets/f; stat -c '%a %u:%g' /run/secrets/f
RUN --mount=type=secret,id=f,target=/deep/er/s,mode=0444,uid=7,gid=8 stat -c '%a %u:%g' /deep/er/s; sha256sum < /deep/er/s > /dev/null
RUN --mount=type=secret,id=e,env=S echo "\${#S}"
RUN --mount=type=secret,id=none,target=/n test -e /n || echo none
RUN --mount=type=secret,id=f echo x > /run/secrets/f || echo refused`, ["--secret", `id=f,src=${path}`, "--secret", "id=e,env=TOKEN", "-t", "secret:1"], { TOKEN: SECRET });
    expect(lines.filter((line) => !line.includes("Read-only"))).toEqual([String(SECRET.length), "400 0:0", "444 7:8", String(SECRET.length), "none", "refused"]);
    expect(builds.filesWith(SECRET)).toEqual([]);
    const { config, layers } = await builds.saved("secret:1");
    expect(JSON.stringify(config)).not.toContain(SECRET);
    expect(layers.slice(1).flat().map(({ name }) => name)).toEqual([]);
  });

  rootTest("one that fails shows nothing of it, and one that is required is missed", async () => {
    const said = await builds.refused("FROM base:1\nRUN --mount=type=secret,id=e,env=S test -z \"$S\"\n", ["--secret", "id=e,env=TOKEN"], { environment: { TOKEN: SECRET } });
    expect(said).not.toContain(SECRET);
    expect(builds.filesWith(SECRET)).toEqual([]);
    expect(await builds.refused("FROM base:1\nRUN --mount=type=secret,id=nope,required true\n")).toContain("secret nope: not found");
    expect(await builds.refused("FROM base:1\nRUN --mount=type=secret,id=nope true\n", ["--secret", "id=nope,src=/none"])).toContain("failed to read secret nope");
  });
});

describe("ssh", () => {
  /** The host's ssh-add with what it is linked to: the step has a real client. */
  const CLIENT = "mkdir c; for f in $(command -v ssh-add) $(ldd $(command -v ssh-add) | grep -o '/[^ ]*'); do mkdir -p c$(dirname $f); cp -L $f c$f; done";
  sshTest("a real agent answers in the step, and is gone with it", async () => {
    const socket = join(builds.stage.folder, "agent.sock");
    const agent = Bun.spawn(["ssh-agent", "-D", "-a", socket], { stdin: "ignore", stdout: "ignore" });
    try {
      while (!existsSync(socket)) await Bun.sleep(20);
      const key = join(builds.stage.folder, "key");
      expect(Bun.spawnSync(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]).exitCode).toBe(0);
      expect(Bun.spawnSync(["ssh-add", "-q", key], { env: { ...process.env, SSH_AUTH_SOCK: socket } }).exitCode).toBe(0);
      builds.fill(`${CLIENT}; printf '#!/bin/sh\\necho word\\n' > c/askpass; chmod 755 c/askpass`);
      const words = 'COPY c /\nRUN --mount=type=ssh echo $SSH_AUTH_SOCK; /usr/bin/ssh-add -l\nRUN test -z "$SSH_AUTH_SOCK" && echo gone';
      const lines = await run(words, ["--ssh", "default"], { SSH_AUTH_SOCK: socket });
      expect(lines[0]).toBe("/run/buildkit/ssh_agent.0");
      expect(lines[1]).toMatch(/^256 SHA256:\S+ .*\(ED25519\)$/);
      expect(lines[2]).toBe("gone");
      expect(await run("RUN --mount=type=ssh,id=mine,target=/s test -S /s && echo there", ["--ssh", `mine=${socket}`])).toEqual(["there"]);
      const others = 'COPY c /\nUSER 1000\nRUN --mount=type=ssh,uid=1000,gid=7,mode=0620,target=/s stat -c "%u:%g %a" /s; /usr/bin/ssh-add -l; /usr/bin/ssh-add -l >/dev/null && echo again\nUSER 1001\nRUN --mount=type=ssh,uid=1000,target=/s ! /usr/bin/ssh-add -l 2>/dev/null && echo refused';
      expect(await run(others, ["--ssh", `default=${socket}`])).toEqual(["1000:7 620", lines[1]!, "again", "refused"]);
      expect(readdirSync(builds.stage.runRoot).filter((name) => name.startsWith("secret-"))).toEqual([]);
      // What would change the user's agent is refused: the key is still there, and it is not locked.
      const hostile = await run("COPY c /\nRUN --mount=type=ssh /usr/bin/ssh-add -D; SSH_ASKPASS=/askpass SSH_ASKPASS_REQUIRE=force DISPLAY=:0 /usr/bin/ssh-add -x; echo tried", ["--ssh", `default=${socket}`]);
      expect(hostile.join(" ")).toMatch(/Failed to remove all identities.*Failed to lock agent.*tried/s);
      expect(Bun.spawnSync(["ssh-add", "-l"], { env: { ...process.env, SSH_AUTH_SOCK: socket } }).stdout.toString().trim()).toBe(lines[1]!);
      expect(await builds.refused("FROM base:1\nRUN --mount=type=ssh,required true\n")).toContain('no SSH key "default" forwarded from the client');
    } finally {
      agent.kill();
      await agent.exited;
    }
  });

  sshTest("keys in files: each kind signs what ssh-keygen verifies, and no agent is there", async () => {
    const folder = join(builds.stage.folder, "keys");
    const sh = (script: string): string => Bun.spawnSync(["sh", "-euc", `cd ${folder}; ${script}`]).stdout.toString();
    mkdirSync(folder);
    const kinds = [["ed25519", "ssh-ed25519"], ["rsa", "ssh-rsa"], ["ecdsa -b 256", "ecdsa-sha2-nistp256"], ["ecdsa -b 384", "ecdsa-sha2-nistp384"], ["ecdsa -b 521", "ecdsa-sha2-nistp521"]] as const;
    const names = kinds.flatMap(([kind], at) => ["OpenSSH", "PEM"].map((form) => {
      if (form === "PEM" && kind === "ed25519") return null; // ssh-keygen has no other form of it
      sh(`ssh-keygen -q -t ${kind} ${form === "PEM" ? "-m PEM" : ""} -N "" -C of-${at} -f k${at}${form}`);
      return `k${at}${form}`;
    })).filter((name) => name !== null);
    const flag = `default=${names.map((name) => join(folder, name)).join(",")}`;
    const CLIENTS = CLIENT.replaceAll("ssh-add", "ssh-keygen");
    builds.fill(`${CLIENT}; ${CLIENTS.replace("mkdir c; ", "")}; cp ${folder}/*.pub c/`);
    const said = await run(`COPY c /\nRUN --mount=type=ssh /usr/bin/ssh-add -L; echo root:x:0:0::/:/bin/sh > /etc/passwd\nRUN --mount=type=ssh for k in ${names.join(" ")}; do echo text > /t; /usr/bin/ssh-keygen -q -Y sign -n file -f /$k.pub /t && /usr/bin/ssh-keygen -Y check-novalidate -n file -s /t.sig < /t; rm /t.sig; done`, ["--ssh", flag]);
    expect(said.slice(0, names.length).map((line) => line.split(" ").slice(0, 2))).toEqual(names.map((name) => readFileSync(join(folder, `${name}.pub`), "utf8").split(" ").slice(0, 2)));
    expect(said.filter((line) => line.startsWith('Good "file" signature with')).length).toBe(names.length);
    sh('ssh-keygen -q -t ed25519 -N secret -f locked; ssh-keygen -q -t rsa -m PEM -N secret -f lockedPEM; echo nothing > none');
    for (const [name, message] of [["locked", "it has a passphrase"], ["lockedPEM", "it has a passphrase"], ["none", "failed to read the SSH key"], ["k0OpenSSH.pub", "failed to read the SSH key"]]) {
      expect(await builds.refused("FROM base:1\nRUN --mount=type=ssh true\n", ["--ssh", `default=${join(folder, name!)}`])).toContain(message!);
    }
    expect(await builds.refused("FROM base:1\n", ["--ssh", `default=${folder}`])).toContain("is no socket of an SSH agent, and no file with a key");
  });
});
