/** `mdk doctor`: right about this host, and about hosts that lack something; what it says of `run` is tried with `run`. */
import { afterAll, beforeAll, expect } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MDK } from "../../helpers/mdk.ts";
import { hasMusl, openMuslRoot } from "../../helpers/musl-root.ts";
import { hasTool, isRoot, testIf } from "../../helpers/requires.ts";
import { baseLayer, openStage, type Ended, type Stage } from "../../helpers/stage.ts";

const able = isRoot && existsSync(MDK) && ["capsh", "setpriv", "unshare", "ip"].every(hasTool);
const rootTest = testIf(able, "needs root, a built dist/mdk, capsh, setpriv, iproute2");

interface Finding { readonly Name: string; readonly Verdict: string; readonly Found: string; readonly Chosen: string | null; readonly Mend: string | null }
interface Report { readonly works: boolean; readonly code: number; readonly not: Readonly<Record<string, string>>; readonly of: (name: string) => Finding | undefined }

let stage: Stage;
let image: string;
beforeAll(async () => {
  if (!able) return;
  stage = openStage();
  image = await stage.image([baseLayer()]);
});
afterAll(async () => await stage?.end());

/** `not`: the verdicts that are not "ok", by name. */
function report({ out, code }: Ended): Report {
  const { Works, Findings } = JSON.parse(out) as { Works: boolean; Findings: Finding[] };
  const not = Object.fromEntries(Findings.filter(({ Verdict }) => Verdict !== "ok").map(({ Name, Verdict }) => [Name, Verdict]));
  for (const { Verdict, Mend } of Findings) expect(Verdict === "ok").toBe(Mend === null);
  return { works: Works, code, not, of: (name) => Findings.find(({ Name }) => Name === name) };
}

/** doctor and run, each started by these words; the mended run too. */
async function beside(before: readonly string[], extra: readonly string[] = []): Promise<{ readonly doctor: Report; readonly run: Ended }> {
  const start = (...args: readonly string[]): Promise<Ended> => stage.inside([...before, ...stage.command(...args)]);
  return { doctor: report(await start("doctor", "--json")), run: await start("run", "--rm", ...extra, image, "echo", "works") };
}

const without = (...capabilities: readonly string[]): string[] => ["capsh", `--drop=${capabilities.join(",")}`, "--shell=/usr/bin/env", "--"];

rootTest("on this host all is there, run works, and the tables say the same as the JSON", async () => {
  const { doctor, run } = await beside([]);
  expect([doctor.not, doctor.works, doctor.code]).toEqual([{}, true, 0]);
  expect(run).toMatchObject({ code: 0, out: "works\n" });
  expect(doctor.of("kernel")?.Found).toContain(readFileSync("/proc/sys/kernel/osrelease", "utf8").trim());
  expect(doctor.of("storage")?.Found).toContain(stage.root);
  const { out, code } = await stage.mdk("doctor");
  expect(code).toBe(0);
  expect(out).toMatch(/^ok +kernel +Linux /);
  expect(out).toEndWith("\nmdk run works on this host.\n");
});

rootTest("it leaves nothing behind: no store, no directory, no link, no cgroup", async () => {
  const [root, runRoot] = [join(stage.folder, "none"), join(stage.folder, "none-run")];
  const links = async (): Promise<string[]> => [...(await stage.inside(["ip", "-o", "link"])).out.matchAll(/^\d+: ([^:@]+)/gm)].map(([, name = ""]) => name);
  const there = await links();
  const before = readdirSync(stage.folder);
  expect((await stage.inside([MDK, "--root", root, "--run-root", runRoot, "doctor"])).code).toBe(0);
  expect(readdirSync(stage.folder)).toEqual(before);
  expect(await links()).toEqual(there);
  expect((await stage.inside(["find", "/sys/fs/cgroup", "-maxdepth", "2", "-name", "*-doctor-*"])).out).toBe("");
});

rootTest("without CAP_NET_ADMIN: run fails, and with --network host, which it names, works", async () => {
  const { doctor, run } = await beside(without("cap_net_admin"));
  expect([doctor.not, doctor.works, doctor.code]).toEqual([{ network: "missing", firewall: "missing" }, false, 1]);
  expect(doctor.of("network")?.Mend).toContain("--network host");
  expect(run.code).toBe(125);
  expect((await beside(without("cap_net_admin"), ["--network", "host"])).run).toMatchObject({ code: 0, out: "works\n" });
});

rootTest("without CAP_SYS_ADMIN, and without each other one that it calls needed: run fails", async () => {
  for (const capability of ["CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_MKNOD", "CAP_SETGID", "CAP_SETPCAP"]) {
    const { doctor, run } = await beside(without(capability.toLowerCase()));
    expect([capability, doctor.of("capabilities")?.Verdict, doctor.of("capabilities")?.Found, doctor.code]).toEqual([capability, "missing", `without ${capability}`, 1]);
    expect([capability, run.code]).toEqual([capability, 125]);
  }
});

rootTest("without others of Docker's 14: a warning, and run works", async () => {
  const { doctor, run } = await beside(without("cap_net_raw", "cap_audit_write"));
  expect([doctor.not, doctor.works, doctor.code]).toEqual([{ capabilities: "warning" }, true, 0]);
  expect(doctor.of("capabilities")?.Found).toBe("without CAP_NET_RAW, CAP_AUDIT_WRITE");
  expect(run).toMatchObject({ code: 0, out: "works\n" });
});

rootTest("as another user it says so, and what to do", async () => {
  const asked = report(await stage.inside(["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups", MDK, "--root", stage.root, "doctor", "--json"]));
  expect(asked.code).toBe(1);
  expect(asked.of("user")).toMatchObject({ Verdict: "missing", Found: "user 1000", Mend: expect.stringContaining("sudo mdk") });
});

rootTest("a data root that cannot be used: below a file, read-only", async () => {
  const file = join(stage.folder, "file");
  writeFileSync(file, "");
  for (const [setup, root, said] of [
    ["true", `${file}/below`, "not a directory"],
    ["mount -t tmpfs -o ro none /mnt", "/mnt/mdk", "read-only file system"],
  ] as const) {
    const asked = report(await apart(setup, [MDK, "--root", root, "--run-root", stage.runRoot, "doctor", "--json"]));
    expect([root, asked.not, asked.code]).toEqual([root, { storage: "missing" }, 1]);
    expect(asked.of("storage")?.Found).toContain(said);
    expect(asked.of("storage")?.Mend).toContain("--root");
  }
});

/** Runs words in a mount namespace of their own, after a script. */
const apart = (setup: string, words: readonly string[]): Promise<Ended> =>
  stage.inside(["unshare", "--mount", "--propagation", "private", "sh", "-ec", `${setup}; exec "$@"`, "sh", ...words]);

rootTest("a data root on overlay gets a file system of mdk's own: doctor says so without making it, and run does it", async () => {
  const overlay = "mount -t tmpfs none /mnt; mkdir /mnt/l /mnt/u /mnt/w /mnt/m; mount -t overlay none -o lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w /mnt/m";
  const own = [MDK, "--root", "/mnt/m/mdk", "--run-root", stage.runRoot];
  const asked = report(await apart(overlay, [...own, "doctor", "--json"]));
  expect([asked.not, asked.code]).toEqual([{}, 0]);
  expect(asked.of("storage")).toMatchObject({ Found: "/mnt/m/mdk on overlay, which cannot hold containers", Chosen: expect.stringContaining("loop device") });
  const { out } = await apart(`${overlay}; ${own.join(" ")} doctor >/dev/null; ls -A /mnt/m; ${own.join(" ")} images -q 2>/dev/null`, ["stat", "-f", "-c", "%T", "/mnt/m/mdk"]);
  expect(out).toBe("ext2/ext3\n");
});

rootTest("cgroups that are read-only, or not mounted, are reached all the same: doctor says what run does", async () => {
  for (const setup of ["for m in $(grep -o ' /sys/fs/cgroup[^ ]*' /proc/mounts); do mount -o remount,bind,ro $m; done", "umount -R /sys/fs/cgroup"]) {
    const asked = report(await apart(setup, stage.command("doctor", "--json")));
    const ran = await apart(setup, stage.command("run", "--rm", "--memory", "64M", image, "echo", "works"));
    expect([setup, asked.works, asked.not, ran.out]).toEqual([setup, true, {}, "works\n"]);
  }
});

testIf(able && hasMusl, "needs root, musl")("in a chroot, whose root is no mount point, run works too", async () => {
  const musl = await openMuslRoot(join(stage.folder, "musl"), stage.host);
  try {
    const asked = report(await musl.bare("/usr/bin/mdk", "doctor", "--json"));
    expect(asked).toMatchObject({ code: 0, not: {} });
    expect(asked.of("root")?.Found).toBe("/ is no mount point, as in a chroot");
    expect(report(await musl.run("/usr/bin/mdk", "doctor", "--json"))).toMatchObject({ code: 0, not: {} });
  } finally {
    await musl.end();
  }
});
