/** RUN --mount: its keys by type, parsed when the values of variables are known (Dockerfile reference, "RUN --mount"). */
import { parseSize } from "../../../spec/sizes.ts";
import { parseCsv } from "../csv.ts";
import { parseBoolean, quote, suggestion } from "../text.ts";

const TYPES = ["bind", "cache", "tmpfs", "secret", "ssh"] as const;
const SHARINGS = ["shared", "private", "locked"] as const;

export interface RunMount {
  readonly type: (typeof TYPES)[number];
  /** A stage, an image or a named context; null: the build context, or nothing. */
  readonly from: string | null;
  readonly source: string;
  readonly target: string;
  readonly isReadonly: boolean;
  /** Bytes of a tmpfs; 0: no limit of its own. */
  readonly size: number;
  /** Of a cache, a secret or an agent; "": by its target, or the type's default. */
  readonly id: string;
  /** Null: not said, which is "shared" for a cache. */
  readonly sharing: (typeof SHARINGS)[number] | null;
  readonly isRequired: boolean;
  /** The variable that a secret is put into; null: it is a file. */
  readonly env: string | null;
  /** Of what is made for the mount; null: the type's default. */
  readonly mode: number | null;
  readonly uid: number | null;
  readonly gid: number | null;
}

type Draft = { -readonly [Key in keyof RunMount]: RunMount[Key] } & { isReadonlySaid: boolean };

/** Keys, and what each one sets. `value` is null for a key alone. */
type Setter = (draft: Draft, value: string, key: string) => void;

/** What can be said before variables are known. Throws an Error in BuildKit's words. */
export function checkMountWords(text: string): void {
  for (const field of fieldsOf(text)) {
    const [, key = "", value = ""] = /^([^=]*)=(.*)$/s.exec(field) ?? [];
    const dollar = value.indexOf("$");
    if (key.toLowerCase() === "from" && dollar !== -1 && dollar !== value.length - 1) {
      throw new Error("'from' doesn't support variable expansion, define alias stage instead");
    }
  }
}

/** The `from` of a mount, which no variable can change; null: it has none. */
export function mountFrom(text: string): string | null {
  const from = fieldsOf(text).findLast((field) => /^from=/i.test(field));
  return from?.slice("from=".length) || null;
}

/** `expand` replaces variables in a value. Throws an Error in BuildKit's words: unknown keys and types, keys of another type, values that are none. */
export function parseRunMount(text: string, expand: (value: string) => string): RunMount {
  const draft: Draft = {
    type: "bind", from: null, source: "", target: "", isReadonly: false, isReadonlySaid: false, size: 0, id: "", sharing: null, isRequired: false, env: null, mode: null, uid: null, gid: null,
  };
  for (const field of fieldsOf(text)) {
    const equals = field.indexOf("=");
    const key = (equals === -1 ? field : field.slice(0, equals)).toLowerCase();
    if (equals === -1 && !FLAGS_ALONE.has(key)) throw new Error(`invalid field '${field}' must be a key=value pair`);
    const setter = Object.hasOwn(SETTERS, key) ? SETTERS[key] : undefined;
    const value = equals === -1 ? "true" : expand(field.slice(equals + 1));
    if (setter === undefined) throw new Error(`unexpected key '${key}' in '${field}'${suggestion(key, Object.keys(SETTERS))}`);
    setter(draft, value, key);
  }
  checkTogether(draft);
  const { isReadonlySaid, ...mount } = draft;
  return { ...mount, isReadonly: isReadonlySaid ? mount.isReadonly : mount.type !== "cache" && mount.type !== "tmpfs" };
}

function fieldsOf(text: string): string[] {
  try {
    return parseCsv(text);
  } catch (error) {
    throw new Error(`failed to parse csv mounts: ${(error as Error).message}`, { cause: error });
  }
}

const FLAGS_ALONE: ReadonlySet<string> = new Set(["readonly", "ro", "readwrite", "rw", "required"]);

const source: Setter = (draft, value) => (draft.source = value);
const target: Setter = (draft, value) => (draft.target = value);
const readonly: Setter = (draft, value, key) => [draft.isReadonly, draft.isReadonlySaid] = [boolean(value, key), true];
const writable: Setter = (draft, value, key) => [draft.isReadonly, draft.isReadonlySaid] = [!boolean(value, key), true];

/** In the order in which BuildKit looks for what was meant. */
const SETTERS: Readonly<Record<string, Setter>> = {
  type: (draft, value) => (draft.type = oneOf(TYPES, value, "unsupported mount type")),
  from: (draft, value) => (draft.from = value || null),
  source, target, readonly,
  id: (draft, value) => (draft.id = value),
  sharing: (draft, value) => (draft.sharing = oneOf(SHARINGS, value, "unsupported sharing value")),
  required: (draft, value, key) => {
    onlyFor(draft, key, ["secret", "ssh"]);
    draft.isRequired = boolean(value, key);
  },
  size: (draft, value, key) => {
    onlyFor(draft, key, ["tmpfs"]);
    const size = parseSize(value);
    if (size === null || size < 0) throw new Error(`invalid value for ${key}: ${value}`);
    draft.size = size;
  },
  mode: (draft, value, key) => (draft.mode = number(value, key, 8)),
  uid: (draft, value, key) => (draft.uid = number(value, key, 10)),
  gid: (draft, value, key) => (draft.gid = number(value, key, 10)),
  src: source, dst: target, destination: target, ro: readonly, rw: writable, readwrite: writable,
  env: (draft, value) => (draft.env = value),
};

function oneOf<T extends string>(words: readonly T[], value: string, problem: string): T {
  const word = words.find((candidate) => candidate === value.toLowerCase());
  if (word === undefined) throw new Error(`${problem} ${quote(value)}${suggestion(value, words)}`);
  return word;
}

/** Of the type as it has been said up to here. */
function onlyFor({ type }: Draft, key: string, types: readonly string[]): void {
  if (!types.includes(type)) throw new Error(`unexpected key '${key}' for mount type '${type}'`);
}

function boolean(value: string, key: string): boolean {
  const answer = parseBoolean(value);
  if (answer === null) throw new Error(`invalid value for ${key}: ${value}`);
  return answer;
}

/** 32 bits. */
function number(value: string, key: string, base: 8 | 10): number {
  const digits = base === 8 ? /^[0-7]+$/ : /^\d+$/;
  const result = parseInt(value, base);
  if (!digits.test(value) || result > 0xffff_ffff) throw new Error(`invalid value ${value} for ${key}`);
  return result;
}

function checkTogether({ type, from, source: path, target: place, id, sharing, mode, uid, gid }: Draft): void {
  if (type === "bind" || type === "tmpfs") {
    for (const [name, value] of Object.entries({ mode, uid, gid })) if (value !== null) throw new Error(`${name} not allowed for ${quote(type)} type mounts`);
  }
  if (type === "secret") {
    if (from !== null) throw new Error("secret mount should not have a from");
    if (sharing !== null) throw new Error("secret mount should not define sharing");
    if (path === "" && place === "" && id === "") throw new Error("invalid secret mount. one of source, target required");
    if (path !== "" && id !== "") throw new Error("both source and id can't be set");
  }
  if (sharing !== null && type !== "cache") throw new Error(`invalid cache sharing set for ${type} mount`);
}
