/** The plan of a build: what stages stand on and take from, which are needed, what is refused; and the variables of a stage. */
import { describe, expect, test } from "bun:test";
import { globalScope, predefinedArguments, proxyEnvironment, stageScope, withArguments, withEnvironment, type StageScope } from "../../../src/build/graph/scope.ts";
import { planBuild, type BuildPlan, type PlanOptions } from "../../../src/build/graph/plan.ts";
import { expandInstruction } from "../../../src/build/language/expand/instruction.ts";
import { parseDockerfile } from "../../../src/build/language/parse.ts";
import { exposedPorts, parseExposed } from "../../../src/build/language/expand/ports.ts";

const AMD64 = { os: "linux", architecture: "amd64", variant: "" };
const ARM64 = { os: "linux", architecture: "arm64", variant: "" };

function plan(text: string, options: Partial<PlanOptions> = {}): BuildPlan {
  return planBuild(parseDockerfile(text), { buildArguments: new Map(), target: null, platforms: { build: AMD64, target: AMD64 }, contexts: [], ...options });
}

const bases = ({ stages }: BuildPlan): unknown[] => stages.map(({ base }) => (base.kind === "stage" ? base.index : base.kind === "image" ? base.reference : base.kind === "context" ? `context ${base.name}` : "scratch"));

describe("a stage stands on", () => {
  test("an image, a stage further up, nothing", () => {
    expect(bases(plan("FROM alpine AS a\nFROM a\nFROM ghcr.io/x/y@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\nFROM scratch\n"))).toEqual([
      "docker.io/library/alpine:latest", 0, "ghcr.io/x/y@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "scratch",
    ]);
  });

  test("an image whose name a stage further down has", () => {
    expect(bases(plan("FROM alpine\nFROM busybox AS alpine\nFROM alpine\n"))).toEqual(["docker.io/library/alpine:latest", "docker.io/library/busybox:latest", 1]);
  });

  test("what arguments say, given ones before defaults", () => {
    const text = "ARG V=1\nARG N=a$V\nFROM $N:${V}-$TARGETARCH\n";
    expect(bases(plan(text, { platforms: { build: AMD64, target: ARM64 } }))).toEqual(["docker.io/library/a1:1-arm64"]);
    expect(bases(plan(text, { buildArguments: new Map([["V", "2"], ["TARGETARCH", "x"]]) }))).toEqual(["docker.io/library/a2:2-x"]);
  });

  test("a named context, by an image's name or its own", () => {
    const made = plan("FROM alpine AS base\nRUN x\nFROM docker.io/library/alpine:latest\nCOPY --from=other a b\nFROM base\n", { contexts: ["base", "alpine", "other"] });
    expect(bases(made)).toEqual(["context base", "context alpine", 0]);
    expect(made.stages[0]!.steps).toEqual([]);
    expect(made.stages[1]!.steps[0]!.sources).toEqual([{ kind: "context", name: "other" }]);
  });

  test("a platform of its own", () => {
    const { stages } = plan("FROM --platform=$BUILDPLATFORM a\nFROM --platform=linux/arm/v6 b\nFROM c\n", { platforms: { build: ARM64, target: AMD64 } });
    expect(stages.map(({ platform }) => platform)).toEqual([ARM64, { os: "linux", architecture: "arm", variant: "v6" }, null]);
  });
});

describe("needed is", () => {
  const text = "FROM a AS one\nFROM b AS two\nCOPY --from=one x y\nFROM c AS three\nFROM two AS four\nRUN --mount=from=three,target=/t --mount=type=cache,target=/c ls\nFROM d AS five\nCOPY --from=1 x y\n";

  test("what the target takes from and stands on, in the order of the file", () => {
    expect(plan(text).needed).toEqual([0, 1, 4]);
    expect(plan(text, { target: "FOUR" }).needed).toEqual([0, 1, 2, 3]);
    expect(plan(text, { target: "three" })).toMatchObject({ needed: [2], target: 2 });
  });

  test("what its base's ONBUILD takes from as well", () => {
    const made = plan("FROM a AS tools\nFROM b AS unused\nFROM c AS base\nONBUILD COPY --from=tools x y\nONBUILD RUN z\nFROM base\nUSER u\n");
    expect(made.needed).toEqual([0, 2, 3]);
    expect(made.stages[3]!.steps.map(({ instruction, isTrigger }) => [instruction.kind, isTrigger])).toEqual([["copy", true], ["run", true], ["user", false]]);
  });

  test("what an image's ONBUILD takes from", () => {
    const made = plan("FROM a AS tools\nFROM b\n", { triggersOf: (base) => (base.kind === "image" && base.written === "b" ? ["COPY --from=tools x y"] : []) });
    expect(made.needed).toEqual([0, 1]);
  });
});

describe("refused is", () => {
  const cases: readonly [text: string, message: string, options?: Partial<PlanOptions>][] = [
    ["FROM a AS one\nCOPY --from=one x y\n", "circular dependency detected on stage: one"],
    ["FROM a AS one\nCOPY --from=three x y\nFROM b AS two\nCOPY --from=one x y\nFROM c AS three\nCOPY --from=two x y\n", "circular dependency detected on stage: one"],
    ["FROM scratch AS one\nONBUILD COPY --from=two / /\nFROM one AS two\n", "circular dependency detected on stage: two"],
    ["FROM scratch AS one\nONBUILD RUN --mount=from=two,target=/m ls\nFROM one AS two\n", "circular dependency detected on stage: two"],
    ["FROM a AS one\n", "circular dependency detected on stage: one", { triggersOf: () => ["COPY --from=0 / /"] }],
    ["FROM a AS one\nCOPY --from=two x y\nFROM b AS two\nFROM one\n", 'cannot copy from stage "two", it needs to be defined before current stage "one"'],
    ["FROM a AS one\nRUN --mount=from=two,target=/x ls\nFROM b AS two\nFROM one\n", 'cannot mount from stage "two", stage needs to be defined before current command'],
    ["FROM a\nCOPY --from=3 x y\n", "invalid stage index 3"],
    ["FROM a AS one\n", 'target stage "onw" could not be found (did you mean one?)', { target: "onw" }],
    ["ARG A\nFROM $A\n", "base name ($A) should not be blank"],
    ["FROM --platform=$BUILDPLATFROM a\n", "empty platform value from expression $BUILDPLATFROM (did you mean BUILDPLATFORM?)"],
    ["FROM --platform=foo a\n", 'failed to parse platform foo: "foo": unknown operating system or architecture: invalid argument'],
    ["FROM Alpine\n", 'failed to parse stage name "Alpine": invalid reference format: repository name (library/Alpine) must be lowercase'],
    ["FROM a\nCOPY --from=A::b x y\n", 'failed to parse stage name "A::b"'],
    ["FROM a\nRUN --mount=type=cache,target=/x,sharing=lokked ls\n", 'unsupported sharing value "lokked" (did you mean locked?)'],
  ];
  for (const [text, message, options] of cases) test(message, () => expect(() => plan(text, options)).toThrow(message));

  test("nothing of a stage that nobody needs, but for circles and names", () => {
    expect(plan("FROM a\nRUN --mount=type=bund ls\nFROM b\n").needed).toEqual([1]);
  });

  test("a way of ten thousand stages is no matter of the stack", () => {
    const text = `FROM a AS s0\n${Array.from({ length: 10_000 }, (_, at) => `FROM a AS s${at + 1}\nCOPY --from=s${at} x y\n`).join("")}`;
    expect(plan(text).needed).toHaveLength(10_001);
  });
});

/** The scope at the end of the first stage of a Dockerfile. */
function scopeOf(text: string, given: Readonly<Record<string, string>> = {}, environment: readonly string[] = []): StageScope {
  const { arguments: globals, stages: [stage] } = parseDockerfile(text);
  const buildArguments = new Map(Object.entries(given));
  const scope = globalScope(globals, predefinedArguments({ build: AMD64, target: ARM64 }, "", buildArguments), buildArguments, "\\");
  return stage!.instructions.reduce((before, written) => {
    const instruction = expandInstruction(written, { lookup: (name) => before.variables.get(name), escape: "\\" });
    if (instruction.kind === "arg") return withArguments(before, instruction, { globals: scope, buildArguments, escape: "\\" });
    return instruction.kind === "env" ? withEnvironment(before, instruction.pairs) : before;
  }, stageScope(environment));
}

describe("variables", () => {
  test("of the global scope are a stage's once it declares them", () => {
    const { variables } = scopeOf("ARG A=1\nARG B=2\nFROM a\nARG A\n");
    expect([variables.get("A"), variables.get("B")]).toEqual(["1", undefined]);
  });

  test("that are predefined are so too", () => {
    const { variables } = scopeOf("FROM a\nARG TARGETPLATFORM BUILDARCH TARGETVARIANT TARGETSTAGE\n");
    expect(["TARGETPLATFORM", "BUILDARCH", "TARGETVARIANT", "TARGETSTAGE", "TARGETARCH"].map((name) => variables.get(name))).toEqual(["linux/arm64", "amd64", "", "default", undefined]);
  });

  test("given with --build-arg go before defaults, and defaults of a stage before the global scope", () => {
    const text = "ARG A=global\nFROM a\nARG A=stage\nARG B=$A-b\n";
    const declared = (...given: Parameters<typeof scopeOf>): unknown => [...scopeOf(...given).declared.entries()];
    expect(declared(text)).toEqual([["A", "stage"], ["B", "stage-b"]]);
    expect(declared(text, { A: "given" })).toEqual([["A", "given"], ["B", "given-b"]]);
    expect(declared("FROM a\nARG A\n")).toEqual([["A", null]]);
  });

  test("set by ENV hide arguments, and only they go into the image", () => {
    const { variables, environment } = scopeOf("FROM a\nARG A=1\nENV A=2 B=$A C=$X\n", {}, ["X=x", "PATH=/bin"]);
    expect([variables.get("A"), [...environment.entries()]]).toEqual(["2", [["X", "x"], ["PATH", "/bin"], ["A", "2"], ["B", "1"], ["C", "x"]]]);
  });

  test("always have a path", () => {
    expect(stageScope(["A=b=c", "D"]).environment.get("PATH")).toBe("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    expect([stageScope(["A=b=c", "D"]).variables.get("A"), stageScope(["D"]).variables.get("D")]).toEqual(["b=c", ""]);
  });

  test("of proxies reach a RUN in both cases of letters", () => {
    expect([...proxyEnvironment(new Map([["HTTP_PROXY", "p"], ["no_proxy", "n"], ["A", "b"]]))]).toEqual([["HTTP_PROXY", "p"], ["http_proxy", "p"], ["NO_PROXY", "n"], ["no_proxy", "n"]]);
  });
});

test("thousands of ENV and ARG, and of stages on each other, take no time to speak of", () => {
  const began = performance.now();
  const many = (line: (at: number) => string): string => Array.from({ length: 5000 }, (_, at) => line(at)).join("");
  const { variables } = scopeOf(`FROM a\n${many((at) => `ENV E${at}=$A${at - 1}\nARG A${at}=${at}\n`)}`);
  expect([variables.get("E4999"), variables.get("A7"), [...variables.keys()].length]).toEqual(["4998", "7", 10_001]);
  expect(performance.now() - began).toBeLessThan(1000);
});

test("ports are those of a range, in lower case", () => {
  expect(exposedPorts([parseExposed("80-82/UDP")])).toEqual(["80/udp", "81/udp", "82/udp"]);
  expect(exposedPorts(["5-6/udp", "4-7/udp", "5-6/udp", "5"].map(parseExposed))).toEqual(["5/udp", "6/udp", "4/udp", "7/udp", "5/tcp"]);
  expect(exposedPorts(["1-65535", "0-65535"].map(parseExposed))).toHaveLength(65_536);
  expect(exposedPorts([parseExposed("127.0.0.1:8080:80")])).toEqual(["80/tcp"]);
});
