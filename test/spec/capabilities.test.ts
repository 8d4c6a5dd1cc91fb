/** Docker's rules for --cap-add, --cap-drop and --privileged, on hosts that have everything and on hosts that do not. */
import { describe, expect, test } from "bun:test";
import { capabilityMask, capabilityNames, chooseCapabilities, DEFAULT_CAPABILITIES } from "../../src/spec/capabilities.ts";

const ALL = (1n << 41n) - 1n;
const choose = (add: string[], drop: string[], privileged = false, available = ALL): string[] => chooseCapabilities({ add, drop, privileged }, available);

describe("capabilities", () => {
  test("are Docker's 14 where nothing is asked for", () => {
    expect(choose([], []).toSorted()).toEqual(DEFAULT_CAPABILITIES.toSorted());
    expect(capabilityMask(DEFAULT_CAPABILITIES)).toBe(0xa80425fbn);
  });

  test("are written with or without CAP_, in any case", () => {
    for (const name of ["net_admin", "CAP_NET_ADMIN", "NET_ADMIN", "cap_net_admin"]) expect(choose([name], [])).toContain("CAP_NET_ADMIN");
    expect(choose([], ["MKNOD", "cap_net_raw"])).toHaveLength(12);
  });

  test("ALL gives or takes everything, and names make exceptions", () => {
    expect(choose([], ["ALL"])).toEqual([]);
    expect(choose(["chown"], ["all"])).toEqual(["CAP_CHOWN"]);
    expect(choose(["ALL"], [])).toHaveLength(41);
    expect(choose(["ALL"], ["SYS_ADMIN"])).not.toContain("CAP_SYS_ADMIN");
    expect(choose([], [], true)).toHaveLength(41);
  });

  test("that the host lacks are left out silently by default, and missed loudly by name", () => {
    const without = ALL & ~capabilityMask(["CAP_MKNOD", "CAP_SYS_ADMIN"]);
    expect(choose([], [], false, without)).toHaveLength(13);
    expect(choose(["ALL"], [], false, without)).toHaveLength(39);
    expect(choose([], [], true, without)).toHaveLength(39);
    expect(() => choose(["sys_admin"], [], false, without)).toThrow("cannot add capability CAP_SYS_ADMIN: it is not in the bounding set of this process");
    expect(() => choose(["MKNOD"], [], false, without)).toThrow("CAP_MKNOD");
  });

  test("that nobody knows are refused", () => {
    expect(() => choose(["chwon"], [])).toThrow('unknown capability: "CAP_CHWON"');
    expect(() => choose([], ["CAP_"])).toThrow("unknown capability");
    expect(capabilityNames(1n << 60n)).toEqual([]);
  });
});
