/** `commit --change`: the instructions' grammar and sentences. The same lines went through Docker 20.10; where its newer parser says it better, that is written. */
import { describe, expect, test } from "bun:test";
import type { ContainerDefaults } from "../../../src/image/config.ts";
import { applyChanges } from "../../../src/engine/image/changes.ts";

const BASE: ContainerDefaults = {
  User: "", WorkingDir: "/w", StopSignal: "", Env: ["PATH=/bin", "X=1"], Entrypoint: ["/e"], Cmd: ["c"], Shell: null, OnBuild: null, ExposedPorts: ["1/tcp"], Volumes: [], Labels: { a: "b" }, Healthcheck: null,
};

describe("a change", () => {
  for (const [lines, expected] of [
    [["CMD [\"a\",\"b c\"]"], { Cmd: ["a", "b c"] }],
    [["cmd echo $X \"y\""], { Cmd: ["/bin/sh", "-c", "echo $X \"y\""] }],
    [["CMD [a]"], { Cmd: ["/bin/sh", "-c", "[a]"] }],
    [["CMD"], { Cmd: [] }],
    [["ENTRYPOINT x y"], { Entrypoint: ["/bin/sh", "-c", "x y"], Cmd: null }],
    [["CMD z", "ENTRYPOINT [\"x\"]"], { Entrypoint: ["x"], Cmd: ["/bin/sh", "-c", "z"] }],
    [["ENTRYPOINT []"], { Entrypoint: null, Cmd: null }],
    [["ENV A=b C=\"$PATH:x\" D='$PATH' E=a\\ b"], { Env: ["PATH=/bin", "X=1", "A=b", "C=/bin:x", "D=$PATH", "E=a b"] }],
    [["ENV X some words \"in quotes\""], { Env: ["PATH=/bin", "X=some words in quotes"] }],
    [["ENV PATH=${PATH}:${NO:-/sbin}${X:+/x}", "ENV Y=$PATH"], { Env: ["PATH=/bin:/sbin/x", "X=1", "Y=/bin:/sbin/x"] }],
    [["ENV X=2 Y=$X"], { Env: ["PATH=/bin", "X=2", "Y=1"] }],
    [["EXPOSE 80 90-91/udp $X"], { ExposedPorts: ["1/tcp", "80/tcp", "90/udp", "91/udp"] }],
    [["EXPOSE 3-4 1-5 2/TCP", "EXPOSE 4-7"], { ExposedPorts: ["1/tcp", "2/tcp", "3/tcp", "4/tcp", "5/tcp", "6/tcp", "7/tcp"] }],
    [["LABEL a=c \"d e\"=\"f\\\"g\" h="], { Labels: { a: "c", "d e": "f\"g", h: "" } }],
    [["ONBUILD RUN x", "ONBUILD ENV A=$X"], { OnBuild: ["RUN x", "ENV A=$X"] }],
    [["USER u:g"], { User: "u:g" }],
    [["VOLUME /a /b", "VOLUME [\"/a\", \"/c d\"]"], { Volumes: ["/a", "/b", "/c d"] }],
    [["WORKDIR rel/../x", "WORKDIR y"], { WorkingDir: "/w/x/y" }],
    [["# nothing\nUSER \\\n u\n\n"], { User: "u" }],
    [["HEALTHCHECK none"], { Healthcheck: { Test: ["NONE"], Interval: 0, Timeout: 0, StartPeriod: 0, StartInterval: 0, Retries: 0 } }],
    [["HEALTHCHECK --interval=1m --retries=2 CMD test -e /x"], { Healthcheck: { Test: ["CMD-SHELL", "test -e /x"], Interval: 60e9, Timeout: 0, StartPeriod: 0, StartInterval: 0, Retries: 2 } }],
    [["HEALTHCHECK CMD [\"a\",\"b\"]"], { Healthcheck: { Test: ["CMD", "a", "b"], Interval: 0, Timeout: 0, StartPeriod: 0, StartInterval: 0, Retries: 0 } }],
    [[], {}],
  ] as const satisfies readonly (readonly [readonly string[], Partial<ContainerDefaults>])[]) {
    test(JSON.stringify(lines), () => expect(applyChanges(BASE, lines)).toEqual({ ...BASE, ...expected } as ContainerDefaults));
  }
});

describe("no change", () => {
  for (const [line, sentence] of [
    ["RUN x", "run is not a valid change command"], ["junk", "junk is not a valid change command"], ["STOPSIGNAL 9", "stopsignal is not a valid change command"],
    ["", "file with no instructions"], ["# x", "file with no instructions"], ["ENV", "ENV requires at least one argument"], ["ENV A", "ENV must have two arguments"],
    ["ENV A=b C", "Syntax error - can't find = in \"C\". Must be of the form: name=value"], ["ENV =b", "ENV names can not be blank"], ["LABEL x", "LABEL must have two arguments"],
    ["EXPOSE abc", "invalid containerPort: abc"], ["EXPOSE", "EXPOSE requires at least one argument"], ["USER", "USER requires exactly one argument"], ["WORKDIR", "WORKDIR requires exactly one argument"],
    ["VOLUME", "VOLUME requires at least one argument"], ["VOLUME [\"\"]", "VOLUME specified can not be an empty string"], ["ONBUILD", "ONBUILD requires at least one argument"],
    ["ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"], ["ONBUILD onbuild RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
    ["HEALTHCHECK", "HEALTHCHECK requires at least one argument"], ["HEALTHCHECK NONE x", "HEALTHCHECK NONE takes no arguments"],
    ["HEALTHCHECK RUN x", "Unknown type \"RUN\" in HEALTHCHECK (try CMD)"], ["HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"], ["HEALTHCHECK --interval=1us CMD x", "Interval \"interval\" cannot be less than 1ms"],
    ["HEALTHCHECK --retries=-1 CMD x", "--retries cannot be negative (-1)"], ["HEALTHCHECK --no=1 CMD x", "unknown flag: --no"], ["toString x", "tostring is not a valid change command"],
  ] as const) {
    test(JSON.stringify(line), () => expect(() => applyChanges(BASE, [line])).toThrow(sentence));
  }
});

test("all ports, as often as somebody likes, take no time to speak of", () => {
  const began = performance.now();
  const { ExposedPorts } = applyChanges(BASE, [...Array.from({ length: 20 }, () => "EXPOSE 1-65535"), `EXPOSE${" 1-65535/udp".repeat(5000)}`, ...Array.from({ length: 5000 }, (_, at) => `EXPOSE ${at + 1}/sctp`)]);
  expect(ExposedPorts).toHaveLength(2 * 65_535 + 5000);
  expect(performance.now() - began).toBeLessThan(10_000);
});
