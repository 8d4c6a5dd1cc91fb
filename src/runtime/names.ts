/**
 * Names of the members of networks, as monitors look them up at every query (shim/names.zig): a change is seen at once. What stands behind
 * an arrow is the target of a symbolic link, which symlink(2) and rename(2) put there whole.
 *
 *     <run root>/names/<network>/<name>/<endpoint>     → "172.18.0.2", "172.18.0.2 fd00::2"; of a reverse name "web.testnet"
 *     <run root>/<container>/names/                      a container's view:
 *       networks/<position>-<network>                  → that network's directory; asked in this order
 *       links/<alias>                                  → the name that is meant
 *       upstream                                       → "192.0.2.1 192.0.2.2": who is asked for everything else
 *
 * Directories are 0700. Names are in lower case; one that DNS could not ask for here (letters, digits, "-", "_" and dots between them) is
 * left out. Who is called what is decided by the caller. Everything is idempotent, and does not mind what is missing.
 */
import { existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmdirSync, rmSync, symlinkSync, unlinkSync } from "node:fs";

export interface EndpointNames {
  /** Id. */
  readonly network: string;
  /** Id of the endpoint, or of whatever is one of its kind in the network: a file name. */
  readonly endpoint: string;
  /** "web", "web.testnet", aliases … */
  readonly names: readonly string[];
  /** IPv4 and IPv6, no more than one of each; these are also found by their reverse names. */
  readonly addresses: readonly string[];
  /** What the addresses' reverse names lead to; null: they lead nowhere. */
  readonly reverse: string | null;
}

export interface NameView {
  /** Ids, in the order in which they are asked. */
  readonly networks: readonly string[];
  /** Names that this container alone uses, and what they stand for. */
  readonly links: ReadonlyMap<string, string>;
  /** Addresses of name servers, with a port ("#5353") or a link's index ("%2") where need be: the first three are asked. None: nothing leaves the container's networks. */
  readonly upstream: readonly string[];
}

/** Below the run root. */
export const NAMES = "names";

/** Of a network: whose directory it is, for views. */
const networkNames = (runRoot: string, network: string): string => `${runRoot}/${NAMES}/${network}`;

/** The directory that the monitor gets. */
export const viewPath = (runRoot: string, container: string): string => `${runRoot}/${container}/names`;

/** Whether the container has one: then it is known by names, or was. */
export const hasView = (runRoot: string, container: string): boolean => existsSync(viewPath(runRoot, container));

/** Makes the endpoint known by its names, and its addresses by theirs. Throws node's errors. */
export function addNames(runRoot: string, entry: EndpointNames): void {
  const directory = networkNames(runRoot, entry.network);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const [name, target] of targetsOf(entry)) putIn(`${directory}/${name}`, entry.endpoint, target);
}

/** Takes back what addNames has made of the same names and addresses. Throws node's errors. */
export function removeNames(runRoot: string, entry: Omit<EndpointNames, "reverse">): void {
  for (const [name] of targetsOf({ ...entry, reverse: "" })) removeName(runRoot, entry.network, name, entry.endpoint);
}

/** Takes one name of an endpoint away, as listNames tells it. Throws node's errors. */
export function removeName(runRoot: string, network: string, name: string, endpoint: string): void {
  const directory = `${networkNames(runRoot, network)}/${name}`;
  for (const file of [endpoint, aside(endpoint)]) forgive(() => unlinkSync(`${directory}/${file}`), "ENOENT");
  forgive(() => rmdirSync(directory), "ENOENT", "ENOTEMPTY");
}

/** The endpoints that a network's names speak of, each with its names: whoever reconciles removes those that do not exist. Throws node's errors. */
export function listNames(runRoot: string, network: string): Map<string, string[]> {
  const directory = networkNames(runRoot, network);
  const found = new Map<string, string[]>();
  for (const name of entriesOf(directory)) {
    for (const file of entriesOf(`${directory}/${name}`)) {
      const endpoint = file.replace(/^\./, "");
      const names = found.get(endpoint);
      if (names === undefined) found.set(endpoint, [name]);
      else if (names.at(-1) !== name) names.push(name);
    }
  }
  return found;
}

/** Ids of the networks that have names. Throws node's errors. */
export const listNamedNetworks = (runRoot: string): string[] => entriesOf(`${runRoot}/${NAMES}`);

/** Of a network that is removed. Throws node's errors. */
export function removeNetworkNames(runRoot: string, network: string): void {
  rmSync(networkNames(runRoot, network), { recursive: true, force: true });
}

/** Makes the container's view what it is to be. The container's directory is there. Throws node's errors. */
export function writeView(runRoot: string, container: string, view: NameView): void {
  const directory = viewPath(runRoot, container);
  const networks = new Map(view.networks.map((network, index) => [`${String(index).padStart(3, "0")}-${network}`, `../../../names/${network}`]));
  const links = new Map([...view.links].map(([alias, name]) => [normalise(alias), normalise(name)]).filter((pair): pair is [string, string] => !pair.includes(null)));
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  rewrite(`${directory}/networks`, networks);
  rewrite(`${directory}/links`, links);
  if (view.upstream.length > 0) putLink(directory, "upstream", view.upstream.join(" "));
  else forgive(() => unlinkSync(`${directory}/upstream`), "ENOENT");
}

/** Throws node's errors. */
export function removeView(runRoot: string, container: string): void {
  if (hasView(runRoot, container)) rmSync(viewPath(runRoot, container), { recursive: true, force: true });
}

/** The directory's links become these: first what is new, so that nothing is missing meanwhile. */
function rewrite(directory: string, links: ReadonlyMap<string, string>): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const [name, target] of links) putLink(directory, name, target);
  for (const name of entriesOf(directory)) if (!links.has(name)) forgive(() => unlinkSync(`${directory}/${name}`), "ENOENT");
}

/** Whoever removes the last endpoint of a name removes its directory: then it is made again. */
function putIn(directory: string, name: string, target: string): void {
  for (let attempt = 0; ; attempt++) {
    try {
      forgive(() => mkdirSync(directory, { mode: 0o700 }), "EEXIST");
      return putLink(directory, name, target);
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT" || attempt === RACES_MAX) throw error;
    }
  }
}

const RACES_MAX = 100;

/** Monitors pass over what begins with a dot. */
const aside = (name: string): string => `.${name}`;

function putLink(directory: string, name: string, target: string): void {
  const path = `${directory}/${name}`;
  try {
    symlinkSync(target, path);
  } catch (error) {
    if ((error as { code?: string }).code !== "EEXIST") throw error;
    if (readlinkSync(path) === target) return;
    const made = `${directory}/${aside(name)}`;
    forgive(() => unlinkSync(made), "ENOENT");
    symlinkSync(target, made);
    renameSync(made, path);
  }
}

/** Names with what they lead to. */
function targetsOf({ names, addresses, reverse }: EndpointNames): [string, string][] {
  const forward = names.map(normalise).filter((name) => name !== null).map((name): [string, string] => [name, addresses.join(" ")]);
  if (reverse === null) return forward;
  return [...forward, ...addresses.map((address): [string, string] => [reverseName(address), reverse])];
}

const LABEL = /^[a-z0-9_-]{1,63}$/;
const NAME_MAX = 253;

/** As it is asked for; null: it never is. */
function normalise(name: string): string | null {
  const lower = name.toLowerCase().replace(/\.$/, "");
  return lower.length <= NAME_MAX && lower.split(".").every((label) => LABEL.test(label)) ? lower : null;
}

/** "2.0.18.172.in-addr.arpa" of "172.18.0.2"; of IPv6 (RFC 3596 section 2.5) its 32 digits. The address is a valid one. */
export function reverseName(address: string): string {
  if (!address.includes(":")) return `${address.split(".").reverse().join(".")}.in-addr.arpa`;
  const [head = "", tail] = address.split("::");
  const groups = (text: string): string[] => (text === "" ? [] : text.split(":"));
  const after = tail === undefined ? [] : groups(tail);
  const before = groups(head);
  const digits = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => "0"), ...after].map((group) => group.padStart(4, "0")).join("");
  return `${[...digits.toLowerCase()].reverse().join(".")}.ip6.arpa`;
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}

function forgive(act: () => void, ...codes: readonly string[]): void {
  try {
    act();
  } catch (error) {
    if (!codes.includes((error as { code?: string }).code ?? "")) throw error;
  }
}
