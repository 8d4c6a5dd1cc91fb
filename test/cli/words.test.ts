/** What people read: templates, tables, times; and what they write: ports, detach keys, environment. */
import { describe, expect, test } from "bun:test";
import { ago, humanStatus } from "../../src/cli/output/human.ts";
import { parseDetachKeys } from "../../src/cli/container/joining.ts";
import { printable, table } from "../../src/cli/output/text.ts";
import { parseExposeFlag, parsePorts, parsePublish } from "../../src/spec/ports.ts";
import { shownPorts } from "../../src/cli/container/shown-ports.ts";

describe("ports", () => {
  test("are bindings by container port", () => {
    expect(parsePublish(["8080:80", "127.0.0.1:53:53/udp", "443"])).toEqual({
      "80/tcp": [{ HostIp: "", HostPort: "8080" }], "53/udp": [{ HostIp: "127.0.0.1", HostPort: "53" }], "443/tcp": [{ HostIp: "", HostPort: "" }],
    });
  });

  test("come in ranges", () => {
    expect(Object.keys(parsePublish(["8000-8002:80-82"]))).toEqual(["80/tcp", "81/tcp", "82/tcp"]);
    expect(parsePublish(["8000-8010:80"])).toEqual({ "80/tcp": [{ HostIp: "", HostPort: "8000-8010" }] });
    expect(parseExposeFlag("90-91/udp")).toEqual(["90/udp", "91/udp"]);
  });

  test("are on addresses of both families, in brackets or not, and on all of both where none is named", () => {
    const addressesOf = (text: string): readonly (readonly string[])[] => parsePorts({ config: {}, host: { PortBindings: parsePublish([text]), PublishAllPorts: false } }).map(({ hostAddresses }) => hostAddresses);
    const cases: [string, readonly string[]][] = [
      ["80:80", ["0.0.0.0", "::"]], ["[]:80:80", ["0.0.0.0", "::"]], ["0.0.0.0:80:80", ["0.0.0.0"]], ["[::]:80:80", ["::"]], ["[::1]:80:80", ["::1"]], ["::1:80:80", ["::1"]], ["[::1]::80", ["::1"]],
      ["[FD00:0::1]:80:80", ["fd00::1"]], ["[1.2.3.4]:80:80", ["1.2.3.4"]], ["[::ffff:1.2.3.4]:80:80", ["1.2.3.4"]], ["[::1]:80-82:80-82", ["::1"]],
    ];
    for (const [text, addresses] of cases) expect([text, addressesOf(text)]).toEqual([text, [addresses]]);
    expect(parsePublish(["[::1]:8080:80"])).toEqual({ "80/tcp": [{ HostIp: "::1", HostPort: "8080" }] });
    expect(() => parsePorts({ config: {}, host: { PortBindings: { "80/tcp": [{ HostIp: "x", HostPort: "80" }] }, PublishAllPorts: false } })).toThrow("invalid IP address: x");
  });

  test("are shown in ranges, as docker 28.2.2 shows these", () => {
    const at = (hostPort: number, containerPort = hostPort, protocol: "tcp" | "udp" = "tcp") => ({ protocol, containerPort, hostPort, hostAddress: "127.0.0.1", length: 1 });
    const published = [at(9000, 90), at(80), at(82), at(81), at(84), at(54, 54, "udp")];
    expect(shownPorts("100/tcp, 101/tcp, 102/tcp, 53/udp, 103/udp, 80/tcp", published)).toBe(
      "127.0.0.1:80-82->80-82/tcp, 53/udp, 103/udp, 127.0.0.1:54->54/udp, 127.0.0.1:84->84/tcp, 100-102/tcp, 127.0.0.1:9000->90/tcp",
    );
    expect(shownPorts("8000-8002/tcp, 8003/tcp", [])).toBe("8000-8003/tcp");
    expect(shownPorts("", [])).toBe("");
    expect(shownPorts("", [{ ...at(80), hostAddress: "0.0.0.0" }, { ...at(80), hostAddress: "::" }, { ...at(8080, 81), hostAddress: "::1" }])).toBe("0.0.0.0:80->80/tcp, [::]:80->80/tcp, [::1]:8080->81/tcp");
  });

  test("that are none are refused in Docker's words", () => {
    expect(() => parsePublish(["abc"])).toThrow("invalid containerPort: abc");
    expect(() => parsePublish(["x:80"])).toThrow("invalid hostPort: x");
    expect(() => parsePublish(["1-3:80-81"])).toThrow("invalid ranges specified for container and host Ports: 80-81 and 1-3");
    expect(() => parsePublish(["999.1.1.1:1:1"])).toThrow("invalid IP address: 999.1.1.1");
    for (const text of ["1:2", "x", "a.b", "fe80::1%eth0"]) expect(() => parsePublish([`[${text}]:80:80`])).toThrow(`invalid IP address: ${text}`);
    for (const [text, address] of [["1:2:3:4", "1:2"], ["[::1]:80", "[:"], ["[::1:80:80", "[::1"]] as const) expect(() => parsePublish([text])).toThrow(`invalid IP address: ${address}`);
    expect(() => parsePublish(["80/icmp"])).toThrow("invalid proto: icmp");
    expect(() => parsePublish(["70000:80"])).toThrow("invalid hostPort: 70000");
  });
});

describe("times", () => {
  const now = new Date("2026-01-02T00:00:00Z");
  const before = (seconds: number): number => now.getTime() - seconds * 1000;

  test("are told as Docker tells them", () => {
    const told = [0, 1, 59, 60, 119, 120, 3600, 7200, 86_400 * 3, 86_400 * 20, 86_400 * 70, 86_400 * 800].map((seconds) => ago(before(seconds), now));
    expect(told).toEqual([
      "Less than a second ago", "1 second ago", "59 seconds ago", "About a minute ago", "About a minute ago", "2 minutes ago", "About an hour ago",
      "2 hours ago", "3 days ago", "2 weeks ago", "2 months ago", "2 years ago",
    ]);
  });

  test("are part of a status", () => {
    const status = { pid: 0, code: 137, oom: false, started: null, finished: new Date(before(90)).toISOString(), unsettled: false };
    expect(humanStatus({ ...status, word: "exited" }, null, now)).toBe("Exited (137) About a minute ago");
    expect(humanStatus({ ...status, word: "created" }, null, now)).toBe("Created");
    const up = { ...status, started: new Date(before(5)).toISOString() };
    expect((["starting", "healthy", "unhealthy", null] as const).map((health) => humanStatus({ ...up, word: "running" }, health, now))).toEqual([
      "Up 5 seconds (health: starting)", "Up 5 seconds (healthy)", "Up 5 seconds (unhealthy)", "Up 5 seconds",
    ]);
    expect(humanStatus({ ...up, word: "paused" }, "healthy", now)).toBe("Up 5 seconds (Paused)");
    expect(humanStatus({ ...status, word: "restarting" }, null, now)).toBe("Restarting (137) About a minute ago");
  });
});

test("a table pads all columns but the last, to ten characters at least and three between, as Docker's tabwriter", () => {
  expect(table([["A", "BB"], ["long", "x"]])).toBe("A         BB\nlong      x");
  expect(table([["REPOSITORY", "TAG"], ["a", "b"]])).toBe("REPOSITORY   TAG\na            b");
});

test("escape sequences of others are shown, not sent", () => {
  expect(printable("a\x1b[2Jb\x9bc\n")).toBe("a\\x1b[2Jb\\x9bc\n");
});

test("detach keys are bytes", () => {
  expect([...parseDetachKeys(null)]).toEqual([16, 17]);
  expect([...parseDetachKeys("ctrl-a,b,ctrl-]")]).toEqual([1, 98, 29]);
  expect(parseDetachKeys("").length).toBe(0);
  expect(() => parseDetachKeys("ctrl-")).toThrow("invalid detach keys");
});
