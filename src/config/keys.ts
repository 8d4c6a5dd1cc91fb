/** The keys that mean something, in dockerd's words where it has them: how each is read, and what it sets. Pure. */
import { MdkError } from "../error.ts";
import { parseSubnet, type AddressPool } from "../network/ipam.ts";
import { parseSubnet6, type AddressPool6 } from "../network/ipam6.ts";
import { generateResolvConf } from "../network/resolv.ts";
import { checkParent, checkUlimit } from "../spec/limits.ts";
import { LOG_DRIVERS } from "../spec/log-options.ts";
import { DRIVERS } from "../spec/network-config.ts";
import { checkNetworkOptions, HOST_BINDING, ICC, MASQUERADE, MTU } from "../spec/network-options.ts";
import { poolsOf } from "../spec/network-pools.ts";
import type { Ulimit } from "../spec/container.ts";
import { readPrefix } from "../spec/prefix.ts";
import { Misplaced, type JsonValue } from "./json.ts";
import { NO_SETTINGS, STORAGE_DRIVERS, type Settings } from "./settings.ts";
import { bytesOf, checked, checkedTexts, countOf, fieldsOf, flagOf, itemsOf, membersOf, oneOf, pairsOf, pathOf, percentOf, textOf } from "./values.ts";

/** Members of Settings; of those that are objects, some of theirs. */
export type Patch = { readonly [K in keyof Settings]?: Settings[K] extends readonly unknown[] ? Settings[K] : Settings[K] extends object ? Partial<Settings[K]> : Settings[K] };

/** Each throws Misplaced. An empty patch: it is read together with others (parse.ts). */
export const KEYS: Readonly<Record<string, (value: JsonValue) => Patch>> = {
  "data-root": (value) => ({ dataRoot: pathOf(value) }),
  "exec-root": (value) => ({ execRoot: pathOf(value) }),
  "storage-driver": (value) => ({ storageDriver: oneOf(value, STORAGE_DRIVERS) }),

  "insecure-registries": (value) => ({ registries: { insecure: itemsOf(value, insecureOf) } }),
  "registry-mirrors": (value) => ({ registries: { mirrors: mirrorsOf(value) } }),
  "max-concurrent-downloads": (value) => ({ registries: { downloads: countOf(value, 0) || NO_SETTINGS.registries.downloads } }),
  "max-concurrent-uploads": (value) => ({ registries: { uploads: countOf(value, 0) || NO_SETTINGS.registries.uploads } }),
  "max-download-attempts": (value) => ({ registries: { attempts: countOf(value, 1) } }),
  proxies: (value) => ({ proxies: proxiesOf(value) }),

  "keep-blobs": (value) => ({ layers: { keepBlobs: flagOf(value) } }),
  "max-layer-size": (value) => ({ layers: { size: bytesOf(value) } }),
  "max-layer-ratio": (value) => ({ layers: { ratio: countOf(value, 1) } }),
  "min-free-space": (value) => ({ layers: { freePercent: percentOf(value) } }),

  "log-driver": (value) => (oneOf(value, LOG_DRIVERS), {}),
  "log-opts": (value) => (pairsOf(value), {}),
  dns: (value) => ({ host: { dns: checkedTexts(value, (server) => checkResolv({ servers: [server] })) } }),
  "dns-search": (value) => ({ host: { dnsSearch: checkedTexts(value, (domain) => checkResolv({ search: [domain] })) } }),
  "dns-opts": (value) => ({ host: { dnsOptions: itemsOf(value, textOf) } }),
  "default-ulimits": (value) => ({ host: { ulimits: ulimitsOf(value) } }),
  "default-shm-size": (value) => ({ host: { shmSize: bytesOf(value) } }),
  "default-ipc-mode": (value) => ({ host: { ipcMode: oneOf(value, ["private", "shareable"]) } }),
  "default-cgroupns-mode": (value) => ({ host: { cgroupnsMode: oneOf(value, ["private", "host"]) } }),
  "cgroup-parent": (value) => ({ host: { cgroupParent: parentOf(value) } }),
  init: (value) => ({ host: { init: flagOf(value) } }),
  "no-new-privileges": (value) => ({ host: { noNewPrivileges: flagOf(value) } }),
  "seccomp-profile": (value) => ({ host: { seccomp: profileOf(value) } }),

  "default-address-pools": (value) => ({ networks: addressPoolsOf(value) }),
  "default-network-opts": (value) => ({ networks: { options: networkOptionsOf(value) } }),
  bip: (value) => (textOf(value), {}),
  "fixed-cidr": (value) => (textOf(value), {}),
  ipv6: (value) => ({ networks: { ipv6: flagOf(value) } }),
  bip6: (value) => (textOf(value), {}),
  "fixed-cidr-v6": (value) => (textOf(value), {}),
  icc: (value) => ({ networks: { bridgeOptions: { [ICC]: String(flagOf(value)) } } }),
  ip: (value) => ({ networks: { bridgeOptions: bridgeOption(value, HOST_BINDING, textOf(value)) } }),
  "ip-masq": (value) => ({ networks: { bridgeOptions: { [MASQUERADE]: String(flagOf(value)) } } }),
  mtu: (value) => ({ networks: { bridgeOptions: bridgeOption(value, MTU, String(countOf(value, 0))) } }),
};

function bridgeOption(value: JsonValue, name: string, text: string): Record<string, string> {
  const options = { [name]: text };
  checked(value, () => checkNetworkOptions("bridge", { options }));
  return options;
}

/** A subnet, or a host with its port; as dockerd, without the scheme that users write. */
function insecureOf(value: JsonValue): string {
  const text = textOf(value).replace(/^https?:\/\//i, "");
  const isHost = /^(\[[0-9a-f:.]+\]|[a-z0-9]([a-z0-9._-]*[a-z0-9])?)(:\d{1,5})?$/i.test(text);
  if (!isHost && readPrefix(text) === null) throw new Misplaced(value.at, `insecure registry ${JSON.stringify(text)} is not valid: HOST, HOST:PORT or a subnet is expected`);
  return text;
}

const HUB = "docker.io";

/** dockerd's list is for Docker's own registry; an object says for which. */
function mirrorsOf(value: JsonValue): Record<string, readonly string[]> {
  if (value.kind === "list") return { [HUB]: itemsOf(value, mirrorOf) };
  return Object.fromEntries(membersOf(value).map(({ name, value: list, at }) => {
    if (!/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?$/i.test(name)) throw new Misplaced(at, `${JSON.stringify(name)} is no registry: HOST or HOST:PORT is expected`);
    return [name === "index.docker.io" || name === "registry-1.docker.io" ? HUB : name, itemsOf(list, mirrorOf)];
  }));
}

/** moby registry/config.go, ValidateMirror. Its origin. */
function mirrorOf(value: JsonValue): string {
  const text = textOf(value);
  const refuse = (reason: string): Misplaced => new Misplaced(value.at, `invalid mirror: ${reason}`);
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.hostname === "") throw refuse(`${JSON.stringify(text)} is not a valid URI`);
  if (url.protocol !== "http:" && url.protocol !== "https:") throw refuse(`unsupported scheme ${JSON.stringify(url.protocol.slice(0, -1))} in ${JSON.stringify(text)}: must use either 'https://' or 'http://'`);
  if (url.username !== "" || url.password !== "") throw refuse("username/password not allowed in URI");
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "") throw refuse(`unsupported path, query, or fragment at end of the URI ${JSON.stringify(text)}`);
  return url.origin;
}

const PROXIES: Readonly<Record<string, string>> = { "http-proxy": "HTTP_PROXY", "https-proxy": "HTTPS_PROXY", "no-proxy": "NO_PROXY" };

function proxiesOf(value: JsonValue): Record<string, string> {
  return Object.fromEntries([...fieldsOf(value, Object.keys(PROXIES))].map(([name, item]) => {
    const text = textOf(item);
    if (name !== "no-proxy" && !URL.canParse(text)) throw new Misplaced(item.at, `${JSON.stringify(text)} is not a valid URI`);
    return [PROXIES[name]!, text];
  }));
}

function checkResolv({ servers = [], search = [] }: { readonly servers?: readonly string[]; readonly search?: readonly string[] }): void {
  generateResolvConf({ host: null, systemd: () => null, servers, search, options: [], sharesHost: true, hasResolver: false });
}

/** {"nofile": {"Name": "nofile", "Soft": 1024, "Hard": 2048}}. */
function ulimitsOf(value: JsonValue): Ulimit[] {
  return membersOf(value).map(({ name, value: limit, at }) => {
    const fields = fieldsOf(limit, ["Name", "Soft", "Hard"]);
    const said = fields.get("Name");
    if (said !== undefined && textOf(said) !== name) throw new Misplaced(said.at, `${JSON.stringify(textOf(said))} is below the name ${JSON.stringify(name)}`);
    const [soft, hard] = ["Soft", "Hard"].map((field) => fields.get(field));
    if (soft === undefined || hard === undefined) throw new Misplaced(limit.at, `"Soft" and "Hard" are expected`);
    const ulimit = { Name: name, Soft: countOf(soft, -1), Hard: countOf(hard, -1) };
    checked({ at }, () => checkUlimit(ulimit));
    return ulimit;
  });
}

function parentOf(value: JsonValue): string {
  const parent = textOf(value);
  checked(value, () => checkParent(parent));
  return parent;
}

/** Null: the one that is built in. */
function profileOf(value: JsonValue): string | null {
  const text = textOf(value);
  return text === "" || text === "builtin" ? null : text === "unconfined" ? text : pathOf(value);
}

/** Of a family that the list has none of: what is so without it. */
function addressPoolsOf(value: JsonValue): Pick<Settings["networks"], "pools" | "pools6"> {
  const pools = itemsOf(value, poolOf);
  const [v4, v6] = [pools.flatMap((pool) => (pool.family === 4 ? pool.pool : [])), pools.flatMap((pool) => (pool.family === 6 ? pool.pool : []))];
  return { pools: v4.length === 0 ? null : v4, pools6: v6.length === 0 ? null : v6 };
}

function poolOf(value: JsonValue): { readonly family: 4; readonly pool: AddressPool } | { readonly family: 6; readonly pool: AddressPool6 } {
  const fields = fieldsOf(value, ["base", "size"]);
  const [base, size] = [fields.get("base"), fields.get("size")];
  if (base === undefined || size === undefined) throw new Misplaced(value.at, `"base" and "size" are expected`);
  const text = textOf(base);
  const family = readPrefix(text)?.family ?? 4;
  checked(base, () => poolsOf([{ Subnet: text, IPRange: "", Gateway: "", AuxiliaryAddresses: {} }], { driver: "bridge", ipv6: true }));
  const sized = ({ prefix }: { readonly prefix: number }): number => {
    const bits = countOf(size, 0);
    if (bits < prefix || bits > SIZE_MAX[family]) throw new Misplaced(size.at, `invalid pool size ${bits}: from ${prefix} to ${SIZE_MAX[family]}`);
    return bits;
  };
  if (family === 6) {
    const subnet = parseSubnet6(text);
    return { family, pool: { base: subnet, size: sized(subnet) } };
  }
  const subnet = parseSubnet(text);
  return { family, pool: { base: subnet, size: sized(subnet) } };
}

/** The smallest subnet that has a gateway and a container. */
const SIZE_MAX = { 4: 30, 6: 126 } as const;

function networkOptionsOf(value: JsonValue): Record<string, Record<string, string>> {
  return Object.fromEntries(membersOf(value).map(({ name, value: options, at }) => {
    const driver = DRIVERS.find((each) => each === name);
    const pairs = pairsOf(options);
    checked({ at }, () => {
      if (driver === undefined) throw new MdkError("not-found", "no-such-driver", `plugin ${JSON.stringify(name)} not found`);
      checkNetworkOptions(driver, { options: pairs });
    });
    return [name, pairs];
  }));
}
