/** Versions as distributions write them. */
import { expect, test } from "bun:test";
import { isKernel, kernelRelease } from "../../src/sys/kernel.ts";

test("a release is compared by its first two numbers, whatever follows them", () => {
  for (const release of ["6.7.0", "6.12.117+deb12-cloud-amd64", "6.7-rc1", "7.0.1", "10.0"]) expect([release, isKernel(6, 7, release)]).toEqual([release, true]);
  for (const release of ["6.1.0-56-cloud-amd64", "5.10.0-33-amd64", "4.18.0-553.el8", "6.6.99"]) expect([release, isKernel(6, 7, release)]).toEqual([release, false]);
  expect(kernelRelease()).toBe(Bun.spawnSync(["uname", "-r"]).stdout.toString().trim());
});
