/** Templates of -f and --format: against what Go itself answered (go.json), and what Docker's command line adds. */
import { expect, test } from "bun:test";
import { CONTAINER_SHAPE, IMAGE_SHAPE, NETWORK_SHAPE, VOLUME_SHAPE } from "../../../src/api/json/shape.ts";
import type { Shape } from "../../../src/cli/template/value.ts";
import { MdkError } from "../../../src/error.ts";
import { compileTemplate } from "../../../src/cli/template/template.ts";
import docker from "./docker.json";
import go from "./go.json";

/** The Go types that the data of go.json had. */
const SHAPE: Shape = {
  types: { "": "*main.Root", State: "*main.State" }, maps: new Set(["Labels", "Networks", "Ports"]),
  nils: { Binds: "slice", Volumes: "map", PidsLimit: "pointer" }, names: {}, members: { State: "Status Running Pid Health:pointer" },
};

function render(work: () => string): string {
  try {
    return work();
  } catch (error) {
    if (error instanceof MdkError) return `ERR ${error.message}`;
    throw error;
  }
}

test("text/template: what Go prints, and what Go says of what is none", () => {
  expect(go.cases.length).toBeGreaterThan(200);
  for (const [template = "", answer = ""] of go.cases) {
    expect([template, render(() => compileTemplate(template).document(go.data, SHAPE))]).toEqual([template, answer]);
  }
});

/** What go1.26.8's fmt says. */
test("a width or precision that no output is meant to have ends the format, as Go's does", () => {
  const print = (template: string): string => render(() => compileTemplate(template).document({}, SHAPE));
  for (const format of ["%1000000000d|", "%-99999999999d", "%.1000000000d", "%9999999999999[1]d b", "%1000001"]) {
    expect(print(`{{printf "a${format}" 1}}`)).toBe("a%!(NOVERB)%!(EXTRA int=1)");
  }
  expect(print('{{len (printf "%1000001d|" 1)}} {{len (printf "%.1000001d" 1)}}')).toBe("1000002 1000001");
  expect(print('{{pad "x" 9007199254740991 1}}')).toContain("error calling pad: strings: Repeat output length overflow");
});

/** A container's inspect as far as these templates look at it. */
const CONTAINER = {
  Id: "23c943e8dacb", Name: "/c1", State: { Status: "running", Running: true, Paused: false, Pid: 23599, ExitCode: 0, Error: "" },
  HostConfig: { Binds: ["/tmp:/host:ro"], LogConfig: { Type: "json-file", Config: {} }, CapAdd: null, NanoCpus: 0, PidsLimit: null, PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "8080" }] } },
  Config: { Cmd: ["sleep", "1000"], Env: ["A=1"], Entrypoint: null, Volumes: null, Labels: {} },
  NetworkSettings: { Networks: { bridge: { IPAMConfig: null, IPAddress: "172.17.0.2" } } },
};

/** `docker inspect -f` of docker 28.2.2 on such a container. */
const INSPECTED: readonly (readonly [template: string, answer: string])[] = [
  ["{{.Name}}\\t", "/c1\\t"],
  ["{{.ID}} {{.Id}} {{.HostConfig.NanoCPUs}} {{.HostConfig.NanoCpus}}", "23c943e8dacb 23c943e8dacb 0 0"],
  ["{{.State}} {{.State.Health}}", "{running true false 23599 0  <nil>} <nil>"],
  ["{{json .State.Health}}{{json .Config.Volumes}}{{json .HostConfig.LogConfig}}", 'nullnull{"Type":"json-file","Config":{}}'],
  ["{{.HostConfig.CapAdd}} {{.HostConfig.PidsLimit}} {{.Config.Volumes}} {{.Config.Entrypoint}} {{.HostConfig.LogConfig}}", "[] <nil> map[] [] {json-file map[]}"],
  ["{{.HostConfig.PortBindings}}", "map[80/tcp:[{ 8080}]]"],
  ['{{json "<a>&"}} {{json .Config.Cmd}}', '"<a>&" ["sleep","1000"]'],
  ['{{join .HostConfig.Binds ","}}{{join .HostConfig.CapAdd ","}}', "/tmp:/host:ro"],
  ["{{.Config.Labels.foo}} {{.NetworkSettings.Networks.foo.IPAddress}}", "<no value> <no value>"],
  ['{{(index .NetworkSettings.Networks "foo").IPAddress}}', 'ERR template: :1:35: executing "" at <"foo">: nil data; no entry for key "IPAddress"'],
  // Docker's types have no such thing, so it tries the document as it is.
  ['{{index .State "Pid"}} {{len .State}} {{eq .State.Pid "x"}}', "23599 6 false"],
  ["{{range $k, $v := .State}}{{$k}}={{$v}} {{end}}", "Error= ExitCode=0 Paused=false Pid=23599 Running=true Status=running "],
  ["{{.NoSuch}}", 'ERR template: :1:2: executing "" at <.NoSuch>: map has no entry for key "NoSuch"'],
  ["{{.State.Health.Status}}", 'ERR template: :1:8: executing "" at <.State.Health.Status>: map has no entry for key "Health"'],
  ["{{upper .State.Pid}}", 'ERR template: :1:14: executing "" at <.State.Pid>: wrong type for value; expected string; got json.Number'],
  ["{{join .Config.Cmd 1}}", 'ERR template: :1:14: executing "" at <.Config.Cmd>: wrong type for value; expected []string; got []interface {}'],
  ['{{join .Config.Labels ","}}', 'ERR template: :1:14: executing "" at <.Config.Labels>: wrong type for value; expected []string; got map[string]interface {}'],
  ['{{truncate "éa" 2}}|{{truncate "éa" 3}}|{{truncate "abc" 9}}|{{pad .Name 1 2}}|', "é|éa|abc| /c1  |"],
  ['{{truncate "abc" -1}}', 'ERR template: :1:2: executing "" at <truncate "abc" -1>: error calling truncate: runtime error: slice bounds out of range [:-1]'],
  ['{{pad "x" -1 1}}', 'ERR template: :1:2: executing "" at <pad "x" -1 1>: error calling pad: strings: negative Repeat count'],
  ['{{printf "%T %v" .State.Pid .HostConfig.CapAdd}}', "int []"],
];

test("inspect: Docker's types first, the document itself where they lack something", () => {
  for (const [template, answer] of INSPECTED) {
    expect([template, render(() => compileTemplate(template).document(CONTAINER, CONTAINER_SHAPE, { lenient: true }))]).toEqual([template, answer]);
  }
});

test("inspect: each member of Docker's types, those too that the JSON leaves out", () => {
  const shapes: Readonly<Record<string, Shape>> = { container: CONTAINER_SHAPE, image: IMAGE_SHAPE, network: NETWORK_SHAPE, volume: VOLUME_SHAPE };
  for (const { kind, document, cases } of docker.objects) {
    expect(cases.length).toBeGreaterThan(40);
    const answers = cases.map(([template = ""]) => [template, render(() => compileTemplate(template).document(document, shapes[kind]!, { lenient: true })).replace("ERR ", "ERR template parsing error: ")]);
    expect(answers).toEqual(cases);
  }
});

test("durations and times print as Go's, and are numbers and texts to functions and JSON", () => {
  const health = { Config: { Healthcheck: { Interval: 90e9, Timeout: 1_500_000_000, StartPeriod: 250e6, StartInterval: 1500, Retries: 3 } }, State: { Health: { Log: [{ Start: "2026-01-02T03:04:05.600+02:00" }] } } };
  const inspect = (template: string): string => render(() => compileTemplate(template).document(health, CONTAINER_SHAPE, { lenient: true }));
  expect(inspect("{{with .Config.Healthcheck}}{{.Interval}} {{.Timeout}} {{.StartPeriod}} {{.StartInterval}} {{json .Interval}} {{gt .Interval 5}} {{printf \"%d %s\" .Timeout .Timeout}}{{end}}")).toBe("1m30s 1.5s 250ms 1.5µs 90000000000 true 1500000000 1.5s");
  expect(inspect("{{range .State.Health.Log}}{{.Start}} {{json .Start}}{{end}}")).toBe('2026-01-02 03:04:05.6 +0200 +0200 "2026-01-02T03:04:05.600+02:00"');
});

test("members and labels with the names of Object.prototype are members and labels", () => {
  const document = JSON.parse('{"constructor":{"toString":{"a":1}},"Config":{"Labels":{"__proto__":"x","constructor":"y"}}}');
  const render = (template: string): string => compileTemplate(template).document(document, CONTAINER_SHAPE, { lenient: true });
  expect(render('{{.constructor.toString}} {{index .Config.Labels "__proto__"}} {{.Config.Labels.constructor}} {{json .Config.Labels}}')).toBe('{1} x y {"__proto__":"x","constructor":"y"}');
  expect(() => render("{{.Config.valueOf}}")).toThrow('map has no entry for key "valueOf"');
  expect(() => render("{{.Config.Labels.valueOf.x}}{{.hasOwnProperty}}")).toThrow('no entry for key');
});

test("rows of a list: members take nothing, methods one string, and errors name Docker's type", () => {
  const row = (template: string): string => render(() => compileTemplate(template).row({ ID: "1", Names: "n", Ports: "a->b" }, "*formatter.ContainerContext", { Label: (name) => `<${name}>` }));
  expect(row('{{.Names}} {{.Label "a"}} {{json .Ports}}')).toBe('n <a> "a->b"');
  expect(row("{{json .}}")).toBe('{"ID":"1","Names":"n","Ports":"a-\\u003eb"}');
  expect(row("{{.ID 1}}")).toBe('ERR template: :1:2: executing "" at <.ID>: wrong number of args for ID: want 0 got 1');
  expect(row("{{.Label}}")).toBe('ERR template: :1:2: executing "" at <.Label>: wrong number of args for Label: want 1 got 0');
  expect(row("{{.X}}")).toBe('ERR template: :1:2: executing "" at <.X>: can\'t evaluate field X in type *formatter.ContainerContext');
});

test("heads of a table are not changed by functions, and a label's is its last part", () => {
  expect(compileTemplate('{{lower .ID}}|{{truncate .ID 3}}|{{.Label "com.example.build-date"}}').heads({ ID: "CONTAINER ID" })).toBe("CONTAINER ID|CONTAINER ID|build date");
});

test("what values print is neutralised, the template's own text is not", () => {
  const neutralize = (text: string): string => text.replaceAll("\x1b", "\\x1b");
  expect(compileTemplate("\x1b[1m{{.ID}}\x1b[m", { neutralize }).row({ ID: "a\x1b]0;b" }, "", {})).toBe("\x1b[1ma\\x1b]0;b\x1b[m");
});

test("templates and parentheses without end are refused, not a stack that is full", () => {
  expect(() => compileTemplate('{{define "a"}}{{template "a" .}}{{end}}{{template "a" .}}').document({}, SHAPE)).toThrow("exceeded maximum template depth");
  expect(() => compileTemplate(`{{${"(".repeat(5000)}1${")".repeat(5000)}}}`)).toThrow("max expression depth exceeded");
});
