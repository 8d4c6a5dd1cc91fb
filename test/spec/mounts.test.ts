/** -v, --mount, --tmpfs and HostConfig.Mounts as words: what they come to, and Docker's sentences for those that are none. */
import { expect, test } from "bun:test";
import { messageOf } from "../../src/error.ts";
import { parseMount } from "../../src/spec/mount-flag.ts";
import { resolveMounts } from "../../src/spec/mount-words.ts";
import { decodeMounts, resolveAsked } from "../../src/spec/mounts-asked.ts";

function said(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return messageOf(error);
  }
}
const bind = (text: string, driver = ""): unknown => said(() => resolveMounts({ Binds: [text], Tmpfs: {}, VolumeDriver: driver })[0]);
const flag = (text: string): unknown => said(() => parseMount(text));
const asked = (text: string): unknown => said(() => resolveAsked(decodeMounts([parseMount(text)], "Mounts")[0]!));

test("-v: an absolute source is the host's, any other one a volume; the words behind it", () => {
  const host = { type: "bind", source: "/a", target: "/b", readonly: false, propagation: "rprivate", recursive: true, mode: "" };
  const volume = { type: "volume", name: "vol", source: "", target: "/b", readonly: false, nocopy: false, subpath: "", mode: "z", driver: "local" };
  const cases: [string, unknown][] = [
    ["/a:/b", host], ["/a:/b/", host], ["/a:/x/../b/./", host], ["/a:/b:ro", { ...host, readonly: true, mode: "ro" }], ["/a:/b:rw", { ...host, mode: "rw" }], ["/a:/b:ro,z,rslave,cached", { ...host, readonly: true, propagation: "rslave", mode: "ro,z,rslave,cached" }],
    ["vol:/b", volume], ["vol:/b:ro", { ...volume, readonly: true, mode: "ro" }], ["vol:/b:nocopy,Z", { ...volume, nocopy: true, mode: "nocopy,Z" }], ["/b", { ...volume, name: null, mode: "" }],
  ];
  for (const [text, mount] of cases) expect([text, bind(text)]).toEqual([text, mount]);
  for (const word of ["private", "rprivate", "slave", "rslave", "shared", "rshared"]) expect(bind(`/a:/b:${word}`)).toMatchObject({ propagation: word });
  expect(bind("vol:/b", "other")).toMatchObject({ driver: "other" });
});

test("-v that is none", () => {
  const cases: [string, string][] = [
    ["/a:/b:ro,rw", "invalid mode: ro,rw"], ["/a:/b:z,Z", "invalid mode: z,Z"], ["/a:/b:slave,private", "invalid mode: slave,private"], ["/a:/b:ro,ro", "invalid mode: ro,ro"], ["/a:/b:x", "invalid mode: x"], ["vol:/b:cached,consistent", "invalid mode: cached,consistent"],
    ["/a:ro", "invalid volume specification: '/a:ro'"], ["vol:", "invalid volume specification: 'vol:'"], [":/b", "invalid volume specification: ':/b'"], ["", "invalid volume specification: ''"], ["/a:/b:ro:x", "invalid volume specification: '/a:/b:ro:x'"],
    ["/a:/b:nocopy", "invalid volume specification: '/a:/b:nocopy': invalid mount config for type \"bind\": field VolumeOptions must not be specified"],
    ["vol:/b:rslave", "invalid volume specification: 'vol:/b:rslave': invalid mount config for type \"volume\": field BindOptions must not be specified"],
    ["/a:b", "invalid volume specification: '/a:b': invalid mount config for type \"bind\": invalid mount path: 'b' mount path must be absolute"],
    ["/a:/", "invalid volume specification: '/a:/': invalid mount config for type \"bind\": invalid specification: destination can't be '/'"],
    ["/a:/b/..", "invalid volume specification: '/a:/b/..': invalid mount config for type \"bind\": invalid specification: destination can't be '/'"],
    ["v:/b", "create v: volume name is too short, names should be at least two alphanumeric characters"],
    ["a/b:/c", 'create a/b: "a/b" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'],
    ["/a:/proc/self", '"/proc/self" cannot be mounted because it is inside /proc'], ["/a:/b\0c", "invalid volume specification: '/a:/b\0c': invalid mount config for type \"bind\": invalid mount path: it holds a NUL byte"],
  ];
  for (const [text, sentence] of cases) expect([text, bind(text)]).toEqual([text, sentence]);
  expect(bind("/a:/proc/cpuinfo")).toMatchObject({ target: "/proc/cpuinfo" });
});

test("--mount: keys with their other names, quotes, flags with and without a value", () => {
  const cases: [string, unknown][] = [
    ["type=bind,source=/a,target=/b", { Type: "bind", Source: "/a", Target: "/b" }], ["TYPE=BIND,src=/a,dst=/b,ro", { Type: "bind", Source: "/a", Target: "/b", ReadOnly: true }],
    ["destination=/b,readonly=false", { Type: "volume", Target: "/b", ReadOnly: false }], ["target=/b,consistency=cached", { Type: "volume", Target: "/b", Consistency: "cached" }],
    ['"target=/a,b",source=vol', { Type: "volume", Source: "vol", Target: "/a,b" }], ['target=/b,"volume-label=a=""x"""', { Type: "volume", Target: "/b", VolumeOptions: { Labels: { a: '"x"' } } }],
    ["target=/b,volume-opt=type=tmpfs,volume-opt=o=size=1m,volume-driver=local,volume-nocopy,volume-subpath=x/y", { Type: "volume", Target: "/b", VolumeOptions: { DriverConfig: { Name: "local", Options: { type: "tmpfs", o: "size=1m" } }, NoCopy: true, Subpath: "x/y" } }],
    ["type=tmpfs,target=/b,tmpfs-size=1g,tmpfs-mode=0700", { Type: "tmpfs", Target: "/b", TmpfsOptions: { SizeBytes: 1 << 30, Mode: 0o700 } }],
    ["type=image,source=i,target=/b,image-subpath=x", { Type: "image", Source: "i", Target: "/b", ImageOptions: { Subpath: "x" } }],
    ["type=bind,source=/a,target=/b,bind-recursive=disabled,bind-propagation=rslave", { Type: "bind", Source: "/a", Target: "/b", BindOptions: { NonRecursive: true, Propagation: "rslave" } }],
  ];
  for (const [text, mount] of cases) expect([text, flag(text)]).toEqual([text, mount]);
});

test("--mount that is none", () => {
  const cases: [string, string][] = [
    ["", "value is empty"], ["target", "invalid field 'target' must be a key=value pair"], ["nothing=x,target=/b", "unexpected key 'nothing' in 'nothing=x'"], ["source=x", "target is required"],
    ["target=/b,readonly=maybe", "invalid value for readonly: maybe"], ["target=/b,bind-propagation=rslave", "cannot mix 'bind-*' options with mount type 'volume'"], ["type=bind,source=/a,target=/b,volume-nocopy", "cannot mix 'volume-*' options with mount type 'bind'"],
    ["type=bind,source=/a,target=/b,tmpfs-size=1", "cannot mix 'tmpfs-*' options with mount type 'bind'"], ["type=tmpfs,target=/b,tmpfs-size=x", "invalid value for tmpfs-size: x"], ["type=tmpfs,target=/b,tmpfs-mode=8", "invalid value for tmpfs-mode: 8"],
    ["type=bind,source=/a,target=/b,bind-recursive=x", 'invalid value for bind-recursive: x (must be "enabled", "disabled", "writable", or "readonly")'], ["type=bind,source=/a,target=/b,bind-recursive=writable", "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction"],
    ["type=bind,source=/a,target=/b,bind-recursive=readonly,readonly", "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction"], ['target=/b,a"b=c', 'parse error on line 1, column 12: bare " in non-quoted-field'],
  ];
  for (const [text, sentence] of cases) expect([text, flag(text)]).toEqual([text, sentence]);
});

test("what --mount comes to, and what the daemon refuses of it", () => {
  const refusal = (type: string, reason: string): string => `invalid mount config for type "${type}": ${reason}`;
  const cases: [string, unknown][] = [
    ["type=bind,source=/a,target=/b,readonly,bind-recursive=writable", { type: "bind", source: "/a", target: "/b", readonly: true, propagation: "rprivate", recursive: true, mode: "", create: false, writableBelow: true }],
    ["source=vol,target=/b,volume-subpath=./x//y/", { type: "volume", name: "vol", source: "", target: "/b", readonly: false, nocopy: false, subpath: "x/y", mode: "z", labels: {}, options: {}, driver: "local" }],
    ["type=tmpfs,target=/b,tmpfs-size=4096,tmpfs-mode=1770,readonly", { type: "tmpfs", target: "/b", options: ["size=4096", "mode=1770", "ro"], listed: true }],
    ["type=image,source=i,target=/b", { type: "image", image: "i", source: "", target: "/b", subpath: "" }],
    ["type=nothing,target=/b", refusal("nothing", "mount type unknown")], ["type=bind,target=/b", refusal("bind", "field Source must not be empty")], ["type=image,target=/b", refusal("image", "field Source must not be empty")],
    ["type=bind,source=a,target=/b", refusal("bind", "invalid mount path: 'a' mount path must be absolute")], ["type=tmpfs,source=a,target=/b", refusal("tmpfs", "field Source must not be specified")],
    ["type=bind,source=/a,target=/b,bind-propagation=x", refusal("bind", "invalid propagation mode: x")], ["target=b", refusal("volume", "invalid mount path: 'b' mount path must be absolute")], ["target=/", refusal("volume", "invalid specification: destination can't be '/'")],
    ["target=/b,volume-subpath=x", refusal("volume", "must not set Subpath when using anonymous volumes")], ["source=vol,target=/b,volume-subpath=../x", refusal("volume", "subpath must be a relative path within the volume")], ["source=vol,target=/b,volume-subpath=/x", refusal("volume", "subpath must be a relative path within the volume")],
  ];
  for (const [text, mount] of cases) expect([text, asked(text)]).toEqual([text, mount]);
});

test("HostConfig.Mounts of a request or a row: decoded as it is, and named where it is none", () => {
  const mounts = [{ Type: "volume", Source: "vol", Target: "/b", ReadOnly: true, VolumeOptions: { NoCopy: true, Labels: { a: "b" }, DriverConfig: { Name: "local", Options: { type: "tmpfs" } } } }, { Type: "bind", Source: "/a", Target: "/c", BindOptions: { CreateMountpoint: true } }];
  expect(decodeMounts(mounts, "Mounts")).toEqual(mounts as never);
  expect(resolveAsked(decodeMounts(mounts, "Mounts")[1]!)).toMatchObject({ create: true });
  for (const wrong of [{}, { Type: "volume", Target: 1 }, { Type: "volume", Target: "/b", ReadOnly: "yes" }, { Type: "tmpfs", Target: "/b", TmpfsOptions: { SizeBytes: "1" } }, null]) expect(said(() => decodeMounts([wrong], "Mounts"))).toBeString();
  expect(said(() => resolveMounts({ Binds: ["/a:/b"], Tmpfs: {}, Mounts: decodeMounts([{ Type: "volume", Target: "/b/" }], "Mounts") }))).toBe("Duplicate mount point: /b");
});
