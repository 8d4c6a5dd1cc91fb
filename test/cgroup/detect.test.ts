/** Hierarchies found in /proc's texts of different hosts. */
import { expect, test } from "bun:test";
import { locate, parseMemberships, parseMounts } from "../../src/cgroup/detect.ts";

const V2 = `21 1 8:1 / / rw - ext4 /dev/sda1 rw
30 21 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
`;
const HYBRID = `21 1 8:1 / / rw - ext4 /dev/sda1 rw
31 21 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:3 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/uni\\040fied rw - cgroup2 cgroup2 rw
`;
const MEMBERSHIPS = "9:name=systemd:/\n4:memory:/docker/abc\n3:hugetlb:/\n1:cpu,cpuacct:/a:b\n0::/user.slice\n";

const detect = (memberships: string, mounts: string, controllers = "") =>
  locate(parseMemberships(memberships), parseMounts(mounts), () => controllers);

test("pure v2 is one hierarchy with the controllers of its root", () => {
  expect(detect("0::/init.scope\n", V2, "cpu memory pids\n")).toEqual({
    mode: "v2",
    hierarchies: [{ kind: "v2", controllers: ["cpu", "memory", "pids"], mountpoint: "/sys/fs/cgroup", path: "/init.scope", readOnly: false }],
  });
});

test("hybrid: each line keeps its own path, mounts are found by controllers, an unmounted hierarchy does not count", () => {
  const { mode, hierarchies } = detect(MEMBERSHIPS, HYBRID, "\n");
  expect(mode).toBe("hybrid");
  expect(hierarchies).toEqual([
    { kind: "v1", controllers: ["name=systemd"], mountpoint: "/sys/fs/cgroup/systemd", path: "/", readOnly: false },
    { kind: "v1", controllers: ["memory"], mountpoint: "/sys/fs/cgroup/memory", path: "/docker/abc", readOnly: false },
    { kind: "v1", controllers: ["cpu", "cpuacct"], mountpoint: "/sys/fs/cgroup/cpu,cpuacct", path: "/a:b", readOnly: false },
    { kind: "v2", controllers: [], mountpoint: "/sys/fs/cgroup/uni fied", path: "/user.slice", readOnly: false },
  ]);
});

test("without v2 it is v1, without mounts it is none", () => {
  expect(detect("4:memory:/\n", HYBRID).mode).toBe("v1");
  expect(detect(MEMBERSHIPS, "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n").mode).toBe("none");
});

test("a hierarchy that another mount hides does not count", () => {
  const over = "60 31 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n61 60 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
  const { mode, hierarchies } = detect(MEMBERSHIPS, HYBRID + over, "hugetlb\n");
  expect(mode).toBe("v2");
  expect(hierarchies.map(({ mountpoint }) => mountpoint)).toEqual(["/sys/fs/cgroup"]);
});

test("a v2 hierarchy beside name=systemd alone is v2", () => {
  expect(detect("1:name=systemd:/\n0::/\n", HYBRID, "cpu\n").mode).toBe("v2");
});
