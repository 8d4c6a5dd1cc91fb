/** What `save` of any engine wrote, read without mdk's code: the config, each layer's entries, and the tree that they make together. */

export interface SavedEntry {
  /** Without "./" before and "/" behind; "" is the root. */
  readonly name: string;
  /** One character of the header: "0" file, "1" link, "2" symlink, "3" character, "4" block, "5" directory, "6" fifo. */
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Seconds. */
  readonly mtime: number;
  readonly link: string;
  readonly device: string;
  /** "name=hex", sorted. */
  readonly xattrs: readonly string[];
  readonly data: Uint8Array;
}

export interface SavedConfig {
  readonly architecture: string;
  readonly os: string;
  readonly author?: string;
  readonly created: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly history: readonly { readonly created?: string; readonly created_by?: string; readonly empty_layer?: boolean; readonly comment?: string }[];
  readonly rootfs: { readonly diff_ids: readonly string[] };
}

export interface SavedImage {
  readonly config: SavedConfig;
  /** Bottom first. */
  readonly layers: readonly (readonly SavedEntry[])[];
}

/** Layers that were read before, by their bytes. */
const known = new Map<string, readonly SavedEntry[]>();

/** Of an archive with one image. */
export function readSaved(bytes: Uint8Array): SavedImage {
  const files = new Map(readTar(bytes).map((entry) => [entry.name, entry]));
  const dataOf = (name: string): Uint8Array => {
    const entry = files.get(name);
    if (entry === undefined) throw new Error(`the archive has no ${name}`);
    // Docker 20.10 saves a layer that it has twice as a link.
    return entry.type === "2" ? dataOf(entry.link.replace(/^\.\.\//, "")) : entry.data;
  };
  const text = (name: string): unknown => JSON.parse(Buffer.from(dataOf(name)).toString());
  const [{ Config, Layers }] = text("manifest.json") as [{ Config: string; Layers: string[] }];
  const layers = Layers.map((name) => {
    const data = dataOf(name);
    const key = Bun.hash(data).toString();
    const entries = known.get(key) ?? readTar(decompressed(data));
    known.set(key, entries);
    return entries;
  });
  return { config: text(Config) as SavedConfig, layers };
}

function decompressed(data: Uint8Array): Uint8Array {
  if (data[0] === 0x1f && data[1] === 0x8b) return Bun.gunzipSync(data as Uint8Array<ArrayBuffer>);
  return data[0] === 0x28 && data[1] === 0xb5 ? Bun.zstdDecompressSync(data as Uint8Array<ArrayBuffer>) : data;
}

function readTar(bytes: Uint8Array): SavedEntry[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: SavedEntry[] = [];
  let pax = new Map<string, Buffer>();
  let longName: string | null = null;
  for (let at = 0; at + 512 <= all.length && all[at] !== 0; ) {
    const start = at;
    const field = (from: number, length: number): string => all.toString("utf8", start + from, start + from + length).replace(/\0.*$/s, "");
    const octal = (from: number, length: number): number => parseInt(field(from, length).trim() || "0", 8);
    const said = (key: string): string | undefined => pax.get(key)?.toString();
    const type = field(156, 1) || "0";
    const size = Number(said("size") ?? octal(124, 12));
    const data = all.subarray(at + 512, at + 512 + size);
    at += 512 + Math.ceil(size / 512) * 512;
    if (type === "x") pax = paxOf(data);
    else if (type === "L") longName = data.toString().replace(/\0.*$/s, "");
    if (type === "x" || type === "L" || type === "g") continue;
    const prefix = field(257, 6).startsWith("ustar") && field(345, 155) !== "" ? `${field(345, 155)}/` : "";
    const name = said("path") ?? longName ?? prefix + field(0, 100);
    entries.push({
      name: name.replace(/^(\.?\/)+/, "").replace(/^\.$/, "").replace(/\/+$/, ""), type, mode: octal(100, 8) & 0o7777, uid: Number(said("uid") ?? octal(108, 8)), gid: Number(said("gid") ?? octal(116, 8)),
      mtime: Math.floor(Number(said("mtime") ?? octal(136, 12))), link: said("linkpath") ?? field(157, 100), device: type === "3" || type === "4" ? `${octal(329, 8)}:${octal(337, 8)}` : "",
      xattrs: [...pax].filter(([key]) => key.startsWith("SCHILY.xattr.")).map(([key, value]) => `${key.slice(13)}=${value.toString("hex")}`).sort(), data,
    });
    [pax, longName] = [new Map(), null];
  }
  return entries;
}

function paxOf(data: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at);
    const end = at + Number(data.toString("latin1", at, space));
    const equals = data.indexOf(0x3d, space);
    records.set(data.toString("utf8", space + 1, equals), data.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** The tree that the layers make, whiteouts applied. Linked names are entries of their own, with what they lead to. */
export function mergedTree(layers: readonly (readonly SavedEntry[])[]): Map<string, SavedEntry & { readonly first: string }> {
  const tree = new Map<string, SavedEntry & { readonly first: string }>();
  for (const layer of layers) {
    const remove = (path: string, itself: boolean): void => {
      const going = [...tree.keys()].filter((name) => name !== "" && ((itself && name === path) || path === "" || name.startsWith(`${path}/`)));
      going.forEach((name) => tree.delete(name));
    };
    for (const { name } of layer) {
      const [folder, base] = [name.split("/").slice(0, -1).join("/"), name.split("/").at(-1)!];
      if (base === ".wh..wh..opq") remove(folder, false);
      else if (base.startsWith(".wh.")) remove(folder === "" ? base.slice(4) : `${folder}/${base.slice(4)}`, true);
    }
    for (const entry of layer) {
      if (entry.name.split("/").at(-1)!.startsWith(".wh.")) continue;
      if (entry.type !== "5" && tree.get(entry.name)?.type === "5") remove(entry.name, true);
      const target = entry.type === "1" ? tree.get(entry.link.replace(/^(\.?\/)+/, "")) : undefined;
      tree.set(entry.name, target === undefined ? { ...entry, first: entry.name } : { ...target, name: entry.name });
    }
  }
  return new Map([...tree].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A line each: name, kind, mode, owner, what it holds or leads to, attributes, the name that it was linked to; times only where they are older than this century's teens. */
export function treeLines(layers: readonly (readonly SavedEntry[])[]): string[] {
  const tree = mergedTree(layers);
  // The first of the names of a file in their order, whichever one the archive had first.
  const firsts = new Map<string, string>();
  for (const { name, first } of tree.values()) if (!firsts.has(first)) firsts.set(first, name);
  return [...tree.values()].map(({ name, type, mode, uid, gid, mtime, link, device, xattrs, data, first }) => {
    const detail = type === "2" ? ` -> ${link}` : type === "0" || type === "1" ? ` ${data.length} ${Bun.hash(data).toString(16).slice(0, 8)}` : device === "" ? "" : ` ${device}`;
    const linked = firsts.get(first) === name ? "" : ` = ${firsts.get(first)}`;
    return `/${name} ${"fflcbdp"[Number(type)] ?? type} ${type === "2" ? "777" : mode.toString(8)} ${uid}:${gid}${detail}${linked}${xattrs.map((one) => ` ${one}`).join("")}${mtime < 1_300_000_000 && type !== "5" ? ` @${mtime}` : ""}`;
  });
}
