/** Go templates of -f and --format. */
import { expect, test } from "bun:test";
import { renderTemplate } from "../../../src/cli/output/template.ts";

const DATA = {
  Name: "/web", Id: "0123456789abcdef", Count: 3, None: null, Unset: { Binds: null, Volumes: null, PidsLimit: null }, Empty: [], Running: true,
  Config: { Env: ["A=1", "B=2"], Labels: { "com.example/a": "x", b: "" } },
  NetworkSettings: { Networks: { bridge: { IPAddress: "172.20.0.2" } }, Ports: { "80/tcp": [{ HostIp: "0.0.0.0", HostPort: "8080" }], "90/tcp": null } },
  Mounts: [{ Source: "/a", Destination: "/b" }, { Source: "/c", Destination: "/d" }],
};

const CASES: readonly (readonly [template: string, output: string])[] = [
  ["{{.Name}} {{.Count}} {{.Running}} {{.None}}", "/web 3 true <no value>"],
  ["{{.Unset.Binds}} {{.Unset.Volumes}} {{.Unset.PidsLimit}} {{json .Unset.Binds}}", "[] map[] <nil> null"],
  ["{{.Config.Env}} {{.Config.Labels}}", "[A=1 B=2] map[b: com.example/a:x]"],
  ["{{json .Config.Env}} {{json .Empty}} {{json .None}}", '["A=1","B=2"] [] null'],
  ['{{index .Config.Labels "com.example/a"}}{{index .Config.Labels "missing"}}', "x"],
  ["{{len .Config.Env}} {{len .Name}}", "2 4"],
  ["{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", "172.20.0.2"],
  ["{{range $name, $net := .NetworkSettings.Networks}}{{$name}}={{$net.IPAddress}} {{$.Name}}{{end}}", "bridge=172.20.0.2 /web"],
  ['{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', "8080"],
  ["{{range $p, $conf := .NetworkSettings.Ports}}{{$p}} -> {{if $conf}}{{(index $conf 0).HostPort}}{{else}}none{{end}};{{end}}", "80/tcp -> 8080;90/tcp -> none;"],
  ["{{range .Mounts}}{{.Source}}:{{.Destination}} {{end}}", "/a:/b /c:/d "],
  ["{{range .Empty}}x{{else}}nothing{{end}}", "nothing"],
  ["{{range $i, $e := .Config.Env}}{{if $i}},{{end}}{{$e}}{{end}}", "A=1,B=2"],
  ["{{if .Running}}up{{else}}down{{end}}", "up"],
  ['{{if eq .Count 1}}one{{else if eq .Count 2}}two{{else if eq .Count 3}}three{{else}}many{{end}}!', "three!"],
  ['{{if eq .Count 1}}one{{else if eq .Count 2}}two{{else}}many{{end}}!', "many!"],
  ["{{with .Config}}{{len .Env}}{{end}}{{with .None}}x{{else}}-{{end}}", "2-"],
  ['{{join .Config.Env ","}} {{upper .Name}} {{.Name | lower | printf "%s|%q"}}', 'A=1,B=2 /WEB /web|%!q(MISSING)'],
  ['{{printf "%-6s|%5d|%.3s" .Name .Count "x"}}', "/web  |    3|x"],
  ["{{truncate .Id 4}} {{title \"abc\"}} {{split \"a:b\" \":\"}}", "0123 Abc [a b]"],
  ["a {{- .Count -}} b{{/* a comment */}}", "a3b"],
  ["{{.Name}}\\t{{.Count}}\\n", "/web\t3\n"],
  ['{{and .None "else"}} {{and .Running .None "else"}} {{or .None .Empty}}', "<no value> <no value> []"],
  ['{{and .Running (gt .Count 2)}} {{or .None "else"}} {{not .Running}} {{ne .Name "x"}}', "true else false true"],
  ["{{println .Name}}{{print .Count .Count}}", "/web\n3 3"],
  ['{{$x := .Count}}{{$x}}{{"}}"}}', "3}}"],
  ["{{slice .Id 0 4}}", "0123"],
  ["{{json .}}", JSON.stringify(DATA)],
];

test("templates give what Go gives", () => {
  for (const [template, output] of CASES) expect([template, renderTemplate(template, DATA)]).toEqual([template, output]);
});

test("methods take one argument of the row", () => {
  expect(renderTemplate('{{.Name}} {{.Label "a"}}', { Name: "n" }, { Label: (name) => `<${name}>` })).toBe("n <a>");
});

test("what cannot be parsed or is not there is refused", () => {
  expect(() => renderTemplate("{{.NoSuch}}", DATA)).toThrow('map has no entry for key "NoSuch"');
  for (const bad of ["{{", "{{.Name", "{{if .Name}}", "{{end}}", "{{else}}", "{{nonsense .Name}}", "{{.Name .Count}}", "{{(.Name}}", "{{}}", "{{$missing}}", "{{index .Config.Env 7}}", "{{range .Name}}{{end}}"]) {
    expect(() => renderTemplate(bad, DATA)).toThrow(/template/);
  }
});
