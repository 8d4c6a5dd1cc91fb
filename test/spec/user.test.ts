/** Who a process runs as: Docker's rules, and files that lie. */
import { describe, expect, test } from "bun:test";
import { resolveUser } from "../../src/spec/user.ts";

const PASSWD = "root:x:0:0:root:/root:/bin/sh\n# a comment\nme:x:1000:100:Me,,,:/home/me:/bin/sh\n1234:x:7:7::/n:/bin/sh\nbroken\nneg:x:-1:0::/:\nbig:x:4294967296:0::/:\nempty:x:8:8:::\nrel:x:9:9::home:\n";
const GROUP = "root:x:0:\nwheel:x:10:root,me\nusers:x:100:\nsudo:x:27:me\nbad:x:zz:me\nmany:x:27:me,me\n";

describe("a user", () => {
  test("by name has the ids, home and memberships of the files, the primary group first", () => {
    expect(resolveUser("me", PASSWD, GROUP)).toEqual({ uid: 1000, gid: 100, additionalGids: [100, 10, 27], home: "/home/me" });
  });

  test("of nobody's asking is root with root's groups", () => {
    expect(resolveUser("", PASSWD, GROUP)).toEqual({ uid: 0, gid: 0, additionalGids: [0, 10], home: "/root" });
    expect(resolveUser("", null, null)).toEqual({ uid: 0, gid: 0, additionalGids: [0], home: "/" });
  });

  test("by number is found by number, and needs no entry", () => {
    expect(resolveUser("1000", PASSWD, GROUP)).toEqual({ uid: 1000, gid: 100, additionalGids: [100, 10, 27], home: "/home/me" });
    expect(resolveUser("4711", PASSWD, GROUP)).toEqual({ uid: 4711, gid: 0, additionalGids: [0], home: "/" });
  });

  test("with a group has that group and no other", () => {
    expect(resolveUser("me:sudo", PASSWD, GROUP)).toEqual({ uid: 1000, gid: 27, additionalGids: [27], home: "/home/me" });
    expect(resolveUser("1:1", PASSWD, GROUP)).toEqual({ uid: 1, gid: 1, additionalGids: [1], home: "/" });
    expect(resolveUser(":5", PASSWD, GROUP)).toEqual({ uid: 0, gid: 5, additionalGids: [5], home: "/root" });
    expect(resolveUser("me", PASSWD, GROUP, ["wheel", "99", "sudo"]).additionalGids).toEqual([100, 10, 27, 99]);
  });

  test("that is a number is never the user of that name", () => {
    expect(resolveUser("1234", PASSWD, GROUP).uid).toBe(1234);
  });

  test("that nobody knows is an error in Docker's words", () => {
    expect(() => resolveUser("ghost", PASSWD, GROUP)).toThrow("unable to find user ghost: no matching entries in passwd file");
    expect(() => resolveUser("me:ghosts", PASSWD, GROUP)).toThrow("unable to find group ghosts: no matching entries in group file");
    expect(() => resolveUser("ghost", null, null)).toThrow("unable to find user ghost");
    for (const name of ["neg", "big", "broken"]) expect(() => resolveUser(name, PASSWD, GROUP)).toThrow("unable to find user");
  });

  test("out of range is an error and never root, whatever the file says", () => {
    for (const id of ["4294967296", "2147483648", "2147483648:1", "-1", "+0", "99999999999", "1:-1", "1:4294967295"]) {
      const number = id.split(":")[0] as string;
      expect(() => resolveUser(id, `${number}:x:0:0::/root:\n`, GROUP)).toThrow(/^(uids and gids must be in range 0-2147483647)/);
    }
    expect(() => resolveUser("-1", "-1:x:0:0::/root:\n", null)).toThrow("uids and gids must be in range");
  });

  test("without a home of his own, or a relative one, has /", () => {
    expect(resolveUser("empty", PASSWD, GROUP).home).toBe("/");
    expect(resolveUser("rel", PASSWD, GROUP).home).toBe("/");
  });

  test("is found in bounded time in hostile files", () => {
    const lines = "a:x:1:1::/:\n".repeat(500_000);
    const groups = `g:x:5:${"u,".repeat(200_000)}me\n`.repeat(10);
    const from = Bun.nanoseconds();
    expect(() => resolveUser("me", lines, groups)).toThrow("unable to find user me");
    expect(resolveUser("me", PASSWD, groups).additionalGids).toEqual([100, 5]);
    expect(Bun.nanoseconds() - from).toBeLessThan(5e9);
  });
});
