/** Each instruction, beside the image that it is to make: config, history, tree. What BuildKit makes of the same is compared in test/compare/build.test.ts. */
import { describe, expect } from "bun:test";
import { existsSync } from "node:fs";
import { builds, useBuildStage } from "../../helpers/build-stage.ts";
import { isRoot, testIf } from "../../helpers/requires.ts";

const rootTest = testIf(isRoot && existsSync("dist/mdk"), "needs root and a built dist/mdk");

useBuildStage();

const historyOf = async (name = "made:1"): Promise<string[]> => (await builds.saved(name)).config.history.map(({ created_by = "" }) => created_by);

describe("FROM", () => {
  rootTest("scratch: no layer but its own, PATH and the root as the working directory", async () => {
    builds.fill("echo a > a");
    const { config, layers } = await builds.image("FROM scratch\nCOPY a /\nENV A=1\n");
    expect([layers.length, config.config]).toEqual([1, { Env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=1"], WorkingDir: "/" }]);
  });

  rootTest("a stage, with its variables and arguments; what the target does not need is not run", async () => {
    const { config } = await builds.image("FROM base:1 AS a\nARG X=arg\nENV Y=env\nFROM base:1 AS never\nRUN false\nFROM a\nENV Z=$X-$Y\n");
    expect(config.config["Env"]).toEqual(["PATH=/bin", "Y=env", "Z=arg-env"]);
  });

  rootTest("a platform: that of the base is the image's", async () => {
    const { config } = await builds.image("FROM --platform=linux/arm64 scratch\nCOPY Dockerfile /\n");
    expect([config.architecture, config.os]).toEqual(["arm64", "linux"]);
    expect(await builds.refused("FROM --platform=linux/none/of/these base:1\n")).toContain("failed to parse platform linux/none/of/these");
  });
});

describe("RUN", () => {
  rootTest("its forms, what it runs in, and as whom", async () => {
    const said = await builds.added(`FROM base:1
RUN echo "$0 $HOME" > /shell
RUN ["sh", "-c", "echo $0 > /exec", "zero"]
RUN <<EOF
echo one > /here
echo two >> /here
EOF
RUN <<EOF sh -e
echo no > /given; false && true
echo by > /given
EOF
RUN <<FIRST cat - > /piped
text of \${HOME}
FIRST
RUN cat <<ONE <<TWO > /both
1
ONE
2
TWO
RUN mkdir -m 777 /w
USER user:staff
WORKDIR /w
RUN id -u > u; id -g > g; pwd > p
`);
    expect(said.map((line) => line.split(" ").slice(0, 5).join(" "))).toEqual([
      "/both f 644 0:0 2", "/exec f 644 0:0 5", "/given f 644 0:0 3", "/here f 644 0:0 8", "/piped f 644 0:0 14", "/shell f 644 0:0 14", "/w d 777 0:0", "/w/g f 644 1000:50 3", "/w/p f 644 1000:50 3", "/w/u f 644 1000:50 5",
    ]);
  });

  rootTest("a heredoc with #! is a program", async () => {
    expect((await builds.ok("run", "--rm", "made:1", "cat", "/here"))).toBe("one\ntwo\n");
    expect(await builds.built("FROM base:1\nRUN <<EOF\n#!/bin/awk -f\nBEGIN { print 6 * 7 }\nEOF\n")).toMatch(/^#\d+ [0-9.]+ 42$/m);
  });

  rootTest("its output, with and without a newline, and its status", async () => {
    const said = await builds.refused("FROM base:1\nRUN echo out; echo err >&2; printf rest; exit 7\n");
    expect(said).toMatch(/^#\d+ \[2\/2\] RUN echo out; echo err >&2; printf rest; exit 7$/m);
    for (const line of [/^#\d+ [0-9.]+ out$/m, /^#\d+ [0-9.]+ err$/m, /^#\d+ [0-9.]+ rest$/m, /^#\d+ ERROR: process "\/bin\/sh -c echo out; .*" did not complete successfully: exit code: 7$/m]) expect(said).toMatch(line);
    expect(said).toEndWith('mdk: failed to solve: process "/bin/sh -c echo out; echo err >&2; printf rest; exit 7" did not complete successfully: exit code: 7\n');
    expect(said).toContain("Dockerfile:2\n--------------------\n   1 |     FROM base:1\n   2 | >>> RUN echo out;");
  });

  rootTest("a program that is not there, one that is killed", async () => {
    expect(await builds.refused('FROM base:1\nRUN ["/none"]\n')).toContain('process "/none" did not complete successfully: ');
    expect(await builds.refused("FROM base:1\nRUN sh -c 'kill -9 $$' || exit $?\n")).toContain("exit code: 137");
  });

  rootTest("--network: none has the loopback only, default has an address", async () => {
    const said = await builds.built("FROM base:1\nRUN --network=none ip -o link | wc -l\nRUN ip -o link | wc -l\nRUN --network=host readlink /proc/self/ns/net\n", ["--allow", "network.host"]);
    expect([...said.matchAll(/^#[0-9]+ [0-9]\.[0-9]{3} (\d)$/gm)].map(([, count]) => count)).toEqual(["1", "2"]);
    const [, inside] = /(net:\[\d+\])/.exec(said) ?? [];
    expect((await builds.stage.inside(["readlink", "/proc/self/ns/net"])).out.trim()).toBe(inside!);
  });

  rootTest("what it finds on the way leaves nothing in a layer: names, mounts, scripts", async () => {
    const { layers } = await builds.image("FROM base:1 AS a\nFROM scratch\nCOPY --from=a /bin /bin\nRUN <<E\ntrue\nE\nRUN --mount=type=tmpfs,target=/a/b/c --mount=type=secret,id=s,target=/etc/deep/s true\n", ["--secret", "id=s,env=PATH"]);
    expect(layers.map((entries) => entries.length)).toEqual([layers[0]!.length]);
    const { layers: more } = await builds.image("FROM base:1\nRUN ln -s run/real /way; mkdir -p /run/real\nRUN --mount=type=tmpfs,target=/way/x/y true\nRUN --mount=type=tmpfs,target=/t echo x > /x; mkdir -p /etc/kept\n");
    expect(more.slice(1).map((entries) => entries.map(({ name }) => name))).toEqual([["", "run", "run/real", "way"], ["", "etc", "etc/kept", "x"]]);
  });

  rootTest("limits and hosts of the command", async () => {
    const said = await builds.built("FROM base:1\nRUN cat /etc/hosts; df -k /dev/shm | tail -1; sh -c 'ulimit -n'\n", ["--add-host", "there:192.0.2.7", "--shm-size", "8m", "--ulimit", "nofile=99:99"]);
    expect(said).toMatch(/192\.0\.2\.7\tthere/);
    expect(said).toMatch(/ 8192 /);
    expect(said).toMatch(/ 99$/m);
  });
});

describe("what is said of the image", () => {
  rootTest("all of it", async () => {
    const { config } = await builds.image(`FROM base:1
MAINTAINER Some Body
LABEL a=1 b="two words"
EXPOSE 80 53/udp
VOLUME /v /w
USER 7:8
STOPSIGNAL SIGUSR1
SHELL ["/bin/sh", "-ec"]
HEALTHCHECK --interval=5s --retries=2 CMD true
ENTRYPOINT ["cat"]
CMD echo x
ONBUILD RUN true
`, ["--label", "b=3"]);
    expect(config.author).toBe("Some Body");
    expect(config.config).toEqual({
      Labels: { a: "1", b: "3" }, ExposedPorts: { "53/udp": {}, "80/tcp": {} }, Volumes: { "/v": {}, "/w": {} }, User: "7:8", StopSignal: "SIGUSR1", Shell: ["/bin/sh", "-ec"],
      Healthcheck: { Test: ["CMD-SHELL", "true"], Interval: 5_000_000_000, Retries: 2 }, Entrypoint: ["cat"], Cmd: ["/bin/sh", "-ec", "echo x"], OnBuild: ["RUN true"], Env: ["PATH=/bin"],
    });
  });

  rootTest("triggers run in who builds on it, once: not in who builds on that", async () => {
    await builds.built("FROM base:1\nONBUILD ARG WHO=nobody\nONBUILD RUN echo $WHO > /who\nONBUILD COPY mine /\n", ["-t", "trigger:1"]);
    builds.fill("echo m > mine");
    await builds.built("FROM trigger:1\n", ["-t", "made:1", "--build-arg", "WHO=me"]);
    expect(await builds.ok("run", "--rm", "made:1", "cat", "/who", "/mine")).toBe("me\nm\n");
    expect(await historyOf()).toContain("RUN |1 WHO=me /bin/sh -c echo $WHO > /who # buildkit");
    builds.fill("true");
    const { config } = await builds.image("FROM made:1\n");
    expect(config.config["OnBuild"]).toBeUndefined();
  });

  rootTest("ARG: defaults, what is given, before FROM, predefined; proxies are in no history", async () => {
    const said = await builds.built('ARG TAG=none\nARG OUT=outer\nFROM base:$TAG\nRUN echo "1:$OUT:"\nARG OUT\nARG IN=inner\nRUN echo "2:$OUT:$IN:$http_proxy"\nARG TARGETPLATFORM\nRUN echo "3:$TARGETPLATFORM"\n', [
      "-t", "made:1", "--build-arg", "TAG=1", "--build-arg", "IN=given", "--build-arg", "http_proxy=http://proxy.invalid",
    ]);
    for (const line of [/1::$/m, /2:outer:given:http:\/\/proxy.invalid$/m, /3:linux\/(amd64|arm64)$/m]) expect(said).toMatch(line);
    expect((await historyOf()).join("\n")).not.toContain("proxy.invalid");
  });

  rootTest("WORKDIR is made for the user, and said", async () => {
    expect(await builds.added("FROM base:1\nUSER user\nWORKDIR /a/b\nWORKDIR /tmp\nWORKDIR ..\n")).toEqual(["/a d 755 1000:1000", "/a/b d 755 1000:1000"]);
    expect((await historyOf()).slice(-3)).toEqual(["WORKDIR /a/b # buildkit", "WORKDIR /tmp # buildkit", "WORKDIR /"]);
  });
});

describe("COPY and ADD", () => {
  rootTest("from the context, a stage, an image, a named context, a heredoc", async () => {
    builds.fill("echo c > c; mkdir -p ../named; echo n > ../named/n; chmod 640 c");
    const lines = await builds.added("FROM base:1 AS s\nRUN echo s > /s; chown 7:8 /s\nFROM base:1\nCOPY c /1\nCOPY --from=s /s /2\nCOPY --from=base:1 /etc/group /3\nCOPY --from=named n /4\nCOPY <<EOF /5\ntext $HOME\nEOF\n", ["--build-context", `named=${builds.stage.folder}/named`]);
    expect(lines.map((line) => line.split(" ").slice(0, 5).join(" "))).toEqual(["/1 f 640 0:0 2", "/2 f 644 7:8 2", "/3 f 644 0:0 60", "/4 f 644 0:0 2", "/5 f 644 0:0 6"]);
    expect(await builds.refused("FROM base:1\nCOPY --from=nowhere:1 x /\n")).toContain("nowhere:1");
  });

  rootTest("--link stands for itself: the same layer on another base, and in the place of a link", async () => {
    builds.fill("echo c > c");
    const first = await builds.image("FROM base:1\nCOPY --link c /d/c\n");
    const second = await builds.image("FROM base:1\nRUN echo x > /other\nCOPY --link c /d/c\n");
    expect(second.config.rootfs.diff_ids.at(-1)).toBe(first.config.rootfs.diff_ids.at(-1)!);
    expect(await builds.built("FROM scratch\nCOPY --link c /d/c\n")).toContain("CACHED");
  });

  rootTest("SOURCE_DATE_EPOCH: the same image twice, whatever the clock says", async () => {
    builds.fill("echo c > c");
    const text = "FROM base:1\nWORKDIR /w\nCOPY c .\nRUN date > /etc/x; touch /etc/group; date +%Y > /x; rm /etc/x\nLABEL a=1\n";
    const ids: string[] = [];
    for (const round of [1, 2]) {
      await Bun.sleep(round * 550);
      builds.fill("echo c > c");
      ids.push((await builds.build(text, ["-q", "--no-cache", "--build-arg", "SOURCE_DATE_EPOCH=1000000000"])).out);
    }
    expect(ids[0]).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(ids[1]).toBe(ids[0]!);
  });
});
