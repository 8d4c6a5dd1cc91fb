/** Tar archives made byte by byte: what no sane writer would make can be said here, too. */

export interface Entry {
  readonly name: string;
  /** One character of the header: "0" file, "1" link, "2" symlink, "3" character, "4" block, "5" directory, "6" fifo … */
  readonly type?: string;
  readonly data?: string | Uint8Array;
  readonly link?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds. */
  readonly mtime?: number;
  readonly major?: number;
  readonly minor?: number;
  /** Records of a pax header before it; values are bytes. */
  readonly pax?: Readonly<Record<string, string | Uint8Array>>;
  /** The size field as it stands, when it is a lie. */
  readonly sizeField?: string | Uint8Array;
}

export function directory(name: string, more: Partial<Entry> = {}): Entry {
  return { name, type: "5", mode: 0o755, ...more };
}

export function file(name: string, data: string | Uint8Array = "", more: Partial<Entry> = {}): Entry {
  return { name, data, ...more };
}

/** Names are latin1: a character a byte. A name over 100 bytes needs a pax "path". */
export function header(entry: Entry, size: number): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, length: number): void => {
    block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
  };
  block.write(entry.name.slice(0, 100), 0, "latin1");
  octal(entry.mode ?? 0o644, 100, 8);
  octal(entry.uid ?? 0, 108, 8);
  octal(entry.gid ?? 0, 116, 8);
  if (entry.sizeField === undefined) octal(size, 124, 12);
  else Buffer.from(entry.sizeField as string, "latin1").copy(block, 124);
  octal(entry.mtime ?? 1_700_000_000, 136, 12);
  block.write(entry.type ?? "0", 156, "latin1");
  block.write((entry.link ?? "").slice(0, 100), 157, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  octal(entry.major ?? 0, 329, 8);
  octal(entry.minor ?? 0, 337, 8);
  block.fill(0x20, 148, 156);
  octal(block.reduce((sum, byte) => sum + byte, 0), 148, 7);
  return block;
}

export function padded(bytes: Uint8Array): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

export function paxRecords(records: Readonly<Record<string, string | Uint8Array>>): Buffer {
  return Buffer.concat(Object.entries(records).map(([key, value]) => {
    const body = Buffer.concat([Buffer.from(` ${key}=`, "latin1"), typeof value === "string" ? Buffer.from(value) : value, Buffer.from("\n")]);
    let length = body.length + 1;
    while (String(length).length + body.length !== length) length = String(length).length + body.length;
    return Buffer.concat([Buffer.from(String(length)), body]);
  }));
}

export function archive(entries: readonly Entry[], end = true): Buffer {
  const parts: Buffer[] = [];
  for (const entry of entries) {
    if (entry.pax !== undefined) {
      const records = paxRecords(entry.pax);
      parts.push(header({ name: "PaxHeaders/x", type: "x" }, records.length), padded(records));
    }
    const data = Buffer.from((entry.data ?? "") as string, "latin1");
    parts.push(header(entry, data.length), padded(data));
  }
  if (end) parts.push(Buffer.alloc(1024));
  return Buffer.concat(parts);
}
