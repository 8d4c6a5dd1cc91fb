/** Classes of published holes in the start of a container and in exec: hostile images and requests against the built mdk. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { closeSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, readSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { check, cstr, libc } from "../../../src/sys/ffi.ts";
import { directory, file, type Entry } from "../../helpers/archive.ts";
import { baseLayer, openStage, type Stage } from "../../helpers/stage.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const able = isRoot && existsSync("dist/mdk");
const rootTest = testIf(able, "needs root and a built dist/mdk");

const c = libc({
  inotify_init1: { args: ["i32"], returns: "i32" },
  inotify_add_watch: { args: ["i32", "ptr", "u32"], returns: "i32" },
});

let stage: Stage;
let image = "";
/** A directory of the host that no container may reach. */
let canary = "";

beforeAll(async () => {
  if (!able) return;
  stage = openStage();
  image = await stage.image([baseLayer()]);
  canary = join(stage.folder, "canary");
  mkdirSync(canary);
  writeFileSync(join(canary, "file"), "untouched");
});
afterAll(async () => await stage?.end());

/** The base with one more layer. */
const imageWith = async (entries: readonly Entry[], config = {}): Promise<string> => await stage.image([baseLayer(), entries], config);
const link = (name: string, to: string): Entry => ({ name, type: "2", link: to });
const untouched = (): void => {
  expect(readdirSync(canary)).toEqual(["file"]);
  expect(readFileSync(join(canary, "file"), "utf8")).toBe("untouched");
};
const hashes = (): string[] =>
  [...readdirSync(stage.runRoot).filter((name) => name.startsWith("shim-")).map((name) => join(stage.runRoot, name)), "dist/mdk"].map((path) => Bun.SHA256.hash(readFileSync(path), "hex"));
const start = async (...args: readonly string[]): Promise<string> => {
  const { code, out, err } = await stage.mdk("run", "-d", ...args);
  if (code !== 0) throw new Error(err);
  return out.trim();
};

describe("overwriting the engine through /proc/self/exe (CVE-2019-5736)", () => {
  const WRITE_ALL = 'while :; do for p in /proc/[0-9]*; do case "$(readlink $p/exe)" in /bin/busybox|"") ;; *) (echo x >>$p/exe) && echo "wrote $p" ;; esac; done; done 2>/dev/null';

  rootTest("what is the engine's own file cannot be written while it is started, not even by a privileged container", async () => {
    const evil = await imageWith([file("bin/evil", "#!/proc/self/exe\n", { mode: 0o755 })]);
    await stage.mdk("run", "--rm", image);
    const before = hashes();
    for (const flags of [[], ["--privileged"]]) {
      const id = await start(...flags, evil, "sh", "-c", WRITE_ALL);
      for (let times = 0; times < 8; times++) {
        for (const way of [["exec", id], ["run", "--rm", ...flags, evil]]) expect((await stage.mdk(...way, "/bin/evil")).code).not.toBe(0);
      }
      expect((await stage.mdk("logs", id)).out).toBe("");
      await stage.mdk("rm", "-f", id);
    }
    expect(hashes()).toEqual(before);
  });
});

describe("leaked descriptors and a working directory outside the root (CVE-2024-21626)", () => {
  rootTest("no number below /proc/self/fd is a working directory of run, exec or an image", async () => {
    const id = await start(image, "sleep", "600");
    for (let number = 3; number <= 24; number++) {
      for (const way of [["run", "--rm", "-w", `/proc/self/fd/${number}`, image], ["exec", "-w", `/proc/self/fd/${number}`, id]]) {
        const { code, out } = await stage.mdk(...way, "ls");
        expect([way, code === 0, out]).toEqual([way, false, ""]);
      }
    }
    for (const place of ["/proc/self/fd/7", "/proc/self/fd/7/../../..", "/dev/fd/8"]) {
      const { code, err } = await stage.mdk("run", "--rm", await imageWith([file("x")], { WorkingDir: place }), "ls");
      expect([place, code === 0]).toEqual([place, place.endsWith("..")]); // that one is cleaned to "/proc"
      if (code !== 0) expect(err.trim().split("\n").length).toBeLessThan(3);
    }
  });
});

describe("a program sought through the engine's descriptors (CVE-2024-21626, attack 3)", () => {
  rootTest("no descriptor of a start or an exec leads to a program of the host, neither by a link nor by a #! line of the image", async () => {
    const program = join(stage.folder, "host", "busybox");
    mkdirSync(join(stage.folder, "host"));
    copyFileSync("/usr/bin/busybox", program);
    const numbers = Array.from({ length: 32 }, (_, index) => index + 3);
    // Below a directory's descriptor, with dots enough to climb to the host's root from anywhere.
    const place = (number: number): string => `/proc/self/fd/${number}/${"../".repeat(12)}${program.slice(1)}`;
    const evil = await imageWith(numbers.flatMap((number) => [
      link(`links/${number}/busybox`, place(number)), file(`scripts/${number}`, `#!${place(number)} true\n`, { mode: 0o755 }),
    ]));
    const id = await start(evil, "sleep", "600");
    const reached: string[] = [];
    for (const number of numbers) {
      for (const command of [`/links/${number}/busybox`, `/scripts/${number}`]) {
        for (const way of [["run", "--rm", evil], ["exec", id]]) {
          const { code } = await stage.mdk(...way, command);
          if (code !== 127 && code !== 126) reached.push(`${way[0]} ${command}: ${code}`);
        }
      }
    }
    expect(reached).toEqual([]);
  }, 60_000);
});

describe("devices of the host", () => {
  rootTest("where /dev/null is something else stdin is a pipe that has ended, never the host's /dev/null", async () => {
    const id = await start(image, "sh", "-c", "rm /dev/null; echo >/dev/null; sleep 600");
    const before = statSync("/dev/null").ctimeMs;
    const { code, out } = await stage.mdk("exec", id, "sh", "-c", "stat -L -c %F /proc/self/fd/0; cat; busybox chmod 666 /proc/self/fd/0");
    expect([code, out]).toEqual([0, "fifo\n"]);
    expect(statSync("/dev/null").ctimeMs).toBe(before);
  });

  rootTest("a device in the place of /etc/passwd is not opened: no rule of the container's denies that to the engine", async () => {
    const id = await start(image, "sh", "-c", "mknod /etc/node c 10 237; mv /etc/node /etc/passwd; sleep 600");
    const pid = (await stage.mdk("inspect", "-f", "{{.State.Pid}}", id)).out.trim();
    const path = `/proc/${pid}/root/etc/passwd`;
    while (!statSync(path).isCharacterDevice()) await Bun.sleep(5);
    const watch = c().inotify_init1(0o4000 | 0o2000000); // IN_NONBLOCK, IN_CLOEXEC
    try {
      check(c().inotify_add_watch(watch, cstr(path), 0x20), "inotify_add_watch"); // IN_OPEN
      expect((await stage.mdk("exec", id, "true")).code).toBe(0);
      expect(() => readSync(watch, Buffer.alloc(4096))).toThrow("EAGAIN");
    } finally {
      closeSync(watch);
    }
  });
});

describe("what the image puts where the engine mounts", () => {
  rootTest("/dev/console, /dev/pts and /dev/null as links are covered, and nothing is mounted through them (CVE-2025-52565)", async () => {
    const evil = await imageWith([directory("dev/"), link("dev/console", "../proc/sysrq-trigger"), directory("dev/pts/"), link("dev/pts/0", `${canary}/file`), link("dev/null", `${canary}/file`), link("dev/ptmx", `${canary}/file`)]);
    const { code, out } = await stage.mdk("run", "--rm", "-t", evil, "sh", "-c", "readlink /dev/console; stat -c %F /dev/console /dev/pts/0 /dev/null; echo x >/dev/null; cat /proc/self/mountinfo");
    expect([code, out.split("\r\n").slice(0, 3)]).toEqual([0, Array(3).fill("character special file")]);
    expect(out).not.toMatch(/ \/proc\/sysrq-trigger rw/);
    untouched();
  });

  rootTest("a /dev of the user's: links in it are not followed, and the host's own one works, kernel files masked", async () => {
    const dev = join(stage.folder, "dev");
    mkdirSync(dev);
    for (const name of ["console", "null"]) Bun.spawnSync(["ln", "-s", `${canary}/file`, join(dev, name)]);
    const { out, err } = await stage.mdk("run", "--rm", "-t", "-v", `${dev}:/dev`, image, "cat", "/proc/self/mountinfo");
    expect(out + err).not.toContain(`${canary} `);
    untouched();
    // A mask takes /dev/null: by a link there, every masked file would be this one (CVE-2025-31133).
    rmSync(join(dev, "null"));
    Bun.spawnSync(["ln", "-s", "/proc/keys", join(dev, "null")]);
    expect((await stage.mdk("run", "--rm", "-v", `${dev}:/dev`, image, "cat", "/proc/keys", "/proc/timer_list", "/proc/interrupts")).out).toBe("");
    const real = await stage.mdk("run", "--rm", "-v", "/dev:/dev", image, "sh", "-c", "cat /proc/timer_list /proc/keys 2>/dev/null; echo end");
    expect(real).toEqual({ code: 0, out: "end\n", err: "" });
  });

  rootTest("/proc, /dev and /sys as links are refused with a sentence (CVE-2019-19921, CVE-2023-27561, CVE-2026-41579)", async () => {
    for (const name of ["proc", "dev", "sys"]) {
      const evil = await imageWith([link(name, canary), directory("elsewhere/")]);
      const { code, err } = await stage.mdk("run", "--rm", evil);
      expect([name, code]).toEqual([name, 125]);
      expect(err).toContain(`/${name}`);
      untouched();
    }
  });

  rootTest("a target of -v that leads out by links stays within the root, missing parts are made there (CVE-2024-45310)", async () => {
    const source = join(stage.folder, "source");
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, "mark"), "mine");
    const evil = await imageWith([link("out", `/../../../..${canary}`), link("up", "../../../../../.."), directory("var/"), directory("run/"), link("var/run", "/run")]);
    for (const target of ["/out/made", "/out/a/b", `/up${canary}/x`, "/var/run/x"]) {
      const { code, out, err } = await stage.mdk("run", "--rm", "-v", `${source}:${target}`, evil, "cat", `${target}/mark`);
      expect([target, code, out, err]).toEqual([target, 0, "mine", ""]);
      untouched();
    }
    expect((await stage.mdk("run", "--rm", "-v", `${source}/mark:/out/file`, evil, "cat", "/out/file")).out).toBe("mine");
    untouched();
  });

  rootTest("hosts, hostname and resolv.conf as links, also dangling ones, are mounted within the root", async () => {
    const targets = [`/../../../..${canary}/file`, `../../../../..${canary}/new`, "/run/systemd/resolve/stub-resolv.conf", "../run/none/here"];
    for (const target of targets) {
      const evil = await imageWith([directory("etc/"), ...["hosts", "hostname", "resolv.conf"].map((name) => link(`etc/${name}`, name === "resolv.conf" ? target : `${target}-${name}`))]);
      const { code, out, err } = await stage.mdk("run", "--rm", "-h", "box", evil, "cat", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf");
      expect([target, code, err]).toEqual([target, 0, ""]);
      expect(out).toMatch(/^box\n127\.0\.0\.1\tlocalhost\n/);
      untouched();
    }
  });

  rootTest("a loop of links there is refused with a sentence", async () => {
    const evil = await imageWith([directory("etc/"), link("etc/hosts", "hosts")]);
    const { code, err } = await stage.mdk("run", "--rm", evil);
    expect([code, err]).toEqual([125, expect.stringContaining("/etc/hosts")]);
    expect(err).not.toMatch(/\n\s+at /);
  });

  rootTest("/proc cannot be covered, neither by -v nor by the image's VOLUME (CVE-2019-16884)", async () => {
    for (const target of ["/proc", "/proc/self", "/proc/sys/kernel", "/x/../proc/1"]) {
      expect(await stage.mdk("run", "--rm", "-v", `${canary}:${target}`, image)).toMatchObject({ code: 125, err: expect.stringContaining("inside /proc") });
    }
    for (const path of ["/proc", "/proc/self/attr", "/", "/x/.."]) {
      const evil = await imageWith([file("x")], { Volumes: { [path]: {} } });
      expect(await stage.mdk("run", "--rm", evil, "true")).toMatchObject({ code: 125, err: expect.stringMatching(/inside \/proc|destination can't be '\/'/) });
    }
  });
});

describe("links of an image under a user's mounts", () => {
  rootTest("that lead into /proc are refused, for -v, --tmpfs and the engine's own files", async () => {
    for (const target of ["/proc", "/proc/sys", "/proc/self/attr", "/proc/self"]) {
      const evil = await imageWith([link("data", target)]);
      for (const flags of [["-v", `${canary}:/data`], ["--tmpfs", "/data"]]) {
        const { code, err } = await stage.mdk("run", "--rm", ...flags, evil, "cat", "/proc/self/mountinfo");
        expect([target, flags, code, err]).toEqual([target, flags, 125, expect.stringMatching(/"\/data" cannot be mounted because it is inside \/proc|too many levels of symbolic links/)]);
      }
    }
    const evil = await imageWith([directory("etc/"), link("etc/hosts", "../proc/sys/kernel/hostname"), link("etc/hostname", "/proc/self/attr/exec")]);
    const { code, err } = await stage.mdk("run", "--rm", evil);
    expect([code, err]).toEqual([125, expect.stringContaining("inside /proc")]);
    untouched();
  });

  rootTest("and of a user's directory, or of the image, lead through no descriptor of the engine's to the folder of another mount: not for directories, files and devices", async () => {
    const shared = join(stage.folder, "shared");
    mkdirSync(shared);
    const source = join(stage.folder, "source-file");
    writeFileSync(source, "");
    const numbers = Array.from({ length: 45 }, (_, index) => index + 3);
    const evil = await imageWith(numbers.map((number) => link(`x${number}`, `/proc/self/fd/${number}`)));
    for (const number of numbers) {
      rmSync(join(shared, "x"), { force: true });
      symlinkSync(`/proc/self/fd/${number}`, join(shared, "x"));
      const codes = await Promise.all([
        ["-v", `${shared}:/shared/x/made`, image], ["-v", `${source}:/shared/x/made`, image], ["--device", "/dev/null:/shared/x/made", image],
        ["-v", `${source}:/x${number}/made`, evil], ["--device", `/dev/null:/x${number}/made`, evil],
      ].map(async (words) => (await stage.mdk("run", "--rm", "--network", "none", "-v", `${canary}:/canary`, "-v", `${shared}:/shared`, ...words)).code));
      expect([number, ...codes]).toEqual([number, 125, 125, 125, 125, 125]);
      untouched();
    }
  }, 60_000);

  rootTest("a file of /proc that may be covered is covered", async () => {
    writeFileSync(join(stage.folder, "meminfo"), "MemTotal: 1 kB\n");
    expect((await stage.mdk("run", "--rm", "-v", `${stage.folder}/meminfo:/proc/meminfo`, image, "cat", "/proc/meminfo")).out).toBe("MemTotal: 1 kB\n");
  });
});

describe("numbers for names of users (CVE-2024-40635)", () => {
  rootTest("that are out of range are refused and never fall back to a line of passwd of that name, nor to root", async () => {
    const id = await start(image, "sleep", "600");
    for (const user of ["4294967296", "2147483648:1", "-1", "99999999999", "1:4294967296", "4294967295", "0x0", " 0", "nobody-there"]) {
      for (const way of [["run", "--rm", "-u", user, image], ["exec", "-u", user, id]]) {
        const { code, out, err } = await stage.mdk(...way, "id");
        expect([way, code === 0, out]).toEqual([way, false, ""]);
        expect(err).toMatch(/range|no matching entries/);
      }
      const { code, out } = await stage.mdk("run", "--rm", await imageWith([file("x")], { User: user }), "id");
      expect([user, code === 0, out]).toEqual([user, false, ""]);
    }
  });
});

describe("the cgroup's release agent and mounts (CVE-2022-0492)", () => {
  rootTest("a default container can mount, remount, unshare and write none of them", async () => {
    const attempts = [
      "mount -t tmpfs none /tmp", "mount -t proc proc /tmp", "mount -t cgroup -o memory none /tmp", "mount -o remount,rw /sys", "mount -o remount,rw /proc/sys", "umount /proc/kcore", "umount /sys/firmware",
      "umount -l /etc/hosts", "unshare -U true", "unshare -m true", "unshare -r sh -c true", "mknod /tmp/d b 254 0 && cat /tmp/d", "echo /x >/sys/fs/cgroup/memory/release_agent",
      "echo a >/sys/fs/cgroup/devices/devices.allow", "mkdir /sys/fs/cgroup/pids/x", "echo 1 >/sys/fs/cgroup/cgroup.procs", "mkdir /sys/fs/cgroup/x", "hostname other", "echo b >/proc/sysrq-trigger",
      "echo x >/proc/sys/kernel/core_pattern", "dd if=/dev/mem bs=1 count=1", "cat /proc/kmsg",
    ];
    const script = `${attempts.map((attempt, index) => `(${attempt}) >/dev/null 2>&1 && echo "did ${index}"`).join("; ")}; echo end`;
    const { out } = await stage.mdk("run", "--rm", image, "sh", "-c", script);
    expect(out.trim().split("\n").map((line) => attempts[Number(line.replace("did ", ""))] ?? line)).toEqual(["end"]);
  });
});

describe("a look at the process that joins (CVE-2016-9962)", () => {
  // Its look at the others goes through the check that ptrace goes through (proc(5)); what it sees must not be the engine's.
  const LOOK = 'while :; do for p in /proc/[0-9]*; do case "$(readlink $p/exe)" in /bin/busybox|/probe|"") ;; *) echo "exe $p" ;; esac; for f in $p/fd/*; do t=$(readlink $f); case "$t" in *cgroup*|*mdk*|*pidfd*) echo "fd $f $t" ;; esac; done; done; done 2>/dev/null';

  rootTest("the descriptors and the program of an exec that has not begun are closed to the container", async () => {
    const id = await start(image, "sh", "-c", LOOK);
    for (let times = 0; times < 15; times++) expect((await stage.mdk("exec", id, "/probe", "fds")).code).toBe(3);
    const { out } = await stage.mdk("logs", id);
    await stage.mdk("rm", "-f", id);
    expect(out).toBe("");
  });
});
