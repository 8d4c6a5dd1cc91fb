/** Limits that a kernel lacks. */
import { expect, test } from "bun:test";
import { decodeHostConfig } from "../../src/spec/decode.ts";
import { discardUnsupported, type LimitSupport } from "../../src/spec/support.ts";

const NOTHING: LimitSupport = { weight: false, idleWeight: false, swappiness: false, oomKillDisable: false, realtime: false };
const ALL: LimitSupport = { weight: true, idleWeight: false, swappiness: true, oomKillDisable: true, realtime: true };
const asked = decodeHostConfig({ Memory: 64 << 20, BlkioWeight: 300, BlkioWeightDevice: [{ Path: "/dev/x", Weight: 20 }], MemorySwappiness: 0, OomKillDisable: true });

test("what the kernel lacks is taken out of the request, with Docker's warnings", () => {
  const { host, warnings } = discardUnsupported(asked, NOTHING);
  expect(host).toEqual(decodeHostConfig({ Memory: 64 << 20 }));
  expect(warnings).toEqual([
    "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
    "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.",
    "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.",
    "Your kernel does not support OomKillDisable. OomKillDisable discarded.",
  ]);
});

test("what it has stays; a killer that is not switched off is no matter", () => {
  expect(discardUnsupported(asked, ALL)).toEqual({ host: asked, warnings: [] });
  expect(discardUnsupported(decodeHostConfig({ OomKillDisable: false }), NOTHING).warnings).toEqual([]);
  expect(discardUnsupported(asked, { ...ALL, idleWeight: true }).warnings).toEqual(["No disk has the bfq scheduler: the Block I/O weight has no effect now."]);
});

test("real-time is refused where there is none", () => {
  for (const request of [{ CpuRealtimePeriod: 1000 }, { CpuRealtimeRuntime: 1000 }]) {
    expect(() => discardUnsupported(decodeHostConfig(request), NOTHING)).toThrow("kernel does not support CPU real-time scheduler");
    expect(discardUnsupported(decodeHostConfig(request), ALL).warnings).toEqual([]);
  }
});
