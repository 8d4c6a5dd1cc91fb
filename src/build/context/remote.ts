/** What a source of ADD names: a file of the context, something to fetch, a git repository (BuildKit's dfgitutil). Pure. */
import { MdkError } from "../../error.ts";

export type RemoteContext =
  | { readonly kind: "http"; readonly url: string; /** Of what is fetched. */ readonly name: string }
  | { readonly kind: "git"; readonly url: string; /** A branch, tag or commit; null: the remote's own HEAD. */ readonly ref: string | null; /** "" is all of it. */ readonly directory: string };

/** user@host:path, as ssh(1) names files. */
const SCP = /^[\w.-]+@[\w.-]+:(?!\/\/)/;
const UNNAMED = "__unnamed__";

const USERINFO = /\b(https?|git|ssh):\/\/([^\s/?#]*)@/gi;

/** Text without what addresses in it have as passwords, for whoever reads it. A name before http's is often a token: it goes, too. */
export function withoutPasswords(text: string): string {
  return text.replace(USERINFO, (_, scheme: string, user: string) => (/^http/i.test(scheme) ? `${scheme}://` : `${scheme}://${user.split(":")[0]}@`));
}

/** Whether a repository may name another one by it: an address in the network, or one beside its own. */
export function isRepositoryAddress(text: string): boolean {
  return /^(https?|git|ssh):\/\/[^-]/.test(text) || SCP.test(text) || /^\.\.?\//.test(text);
}

/** Null: it is a path. Throws MdkError "invalid" for an address that is none. */
export function parseRemote(source: string): RemoteContext | null {
  if (/^(git|ssh):\/\//.test(source) || SCP.test(source)) return gitOf(source);
  if (!/^https?:\/\//.test(source)) return null;
  const url = parsed(source);
  if (url.pathname.endsWith(".git")) return gitOf(source);
  return { kind: "http", url: source, name: nameOf(url) };
}

function parsed(source: string): URL {
  try {
    return new URL(source);
  } catch (error) {
    throw new MdkError("invalid", "add-url", `invalid URL ${JSON.stringify(source.replace(/:\/\/.*@/s, "://"))}`, { cause: error });
  }
}

/** path.Base: the last component, slashes behind it left away. */
function nameOf({ pathname }: URL): string {
  const base = pathname.replace(/\/+$/, "").split("/").at(-1) ?? "";
  let name = base;
  try {
    name = decodeURIComponent(base);
  } catch {
    // A percent sign that begins no escape stays one.
  }
  return name === "" || name === "." || name === ".." || /[/\0]/.test(name) ? UNNAMED : name;
}

function gitOf(source: string): RemoteContext {
  const at = source.indexOf("#");
  const [url, fragment] = at === -1 ? [source, ""] : [source.slice(0, at), source.slice(at + 1)];
  const colon = fragment.indexOf(":");
  const [ref, directory] = colon === -1 ? [fragment, ""] : [fragment.slice(0, colon), fragment.slice(colon + 1)];
  // An option of git's, where a name is expected.
  if (ref.startsWith("-") || url.startsWith("-")) throw new MdkError("invalid", "add-git", `invalid git reference ${JSON.stringify(ref)}`);
  const parts = directory.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new MdkError("invalid", "add-git", `invalid subdirectory ${JSON.stringify(directory)}`);
  return { kind: "git", url, ref: ref === "" ? null : ref, directory: parts.join("/") };
}
