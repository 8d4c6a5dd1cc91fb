/** The three files of a container that Docker manages: resolv.conf, hosts, hostname. Pure: texts in, texts out. */
import { MdkError } from "../error.ts";

/** Where systemd-resolved keeps the name servers that it asks itself. */
export const SYSTEMD_RESOLV_CONF = "/run/systemd/resolve/resolv.conf";
export const RESOLV_CONF = "/etc/resolv.conf";

/** Docker's default where the host names no server that a container could reach. */
const DEFAULT_SERVERS = ["8.8.8.8", "8.8.4.4"];

export interface ResolvOptions {
  /** The host's resolv.conf; null: it has none. */
  readonly host: string | null;
  /** systemd-resolved's, asked for only where the host's names loopback servers alone. */
  readonly systemd: () => string | null;
  /** --dns, --dns-search, --dns-option: each replaces what the host has. */
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
  /** --network host: loopback servers are the container's own there. */
  readonly sharesHost: boolean;
  /** Its monitor answers for its networks' names (RESOLVER), and asks the servers for the others, from the host's own network. */
  readonly hasResolver: boolean;
}

/** Where a container's monitor answers, in its network namespace. */
export const RESOLVER = "127.0.0.11";

export interface ResolvConfText {
  readonly text: string;
  /** Whom its monitor asks. */
  readonly upstream: readonly string[];
  /** Where neither host nor user named a server that works. */
  readonly warning: string | null;
}

/** The container's resolv.conf. Throws MdkError "invalid-dns" for a --dns that is no address, or a --dns-search that is no name. */
export function generateResolvConf(options: ResolvOptions): ResolvConfText {
  for (const server of options.servers) {
    if (!isAddress(server)) throw new MdkError("invalid", "invalid-dns", `${server} is not an ip address`);
  }
  for (const domain of options.search) {
    if (!/^[^\s#;]+$/.test(domain)) throw new MdkError("invalid", "invalid-dns", `${JSON.stringify(domain)} is not a valid domain`);
  }
  const host = parseResolvConf(options.host ?? "");
  let servers = options.servers.length > 0 ? [...options.servers] : host.servers;
  let warning: string | null = null;
  if (options.servers.length === 0 && options.hasResolver) {
    if (servers.length === 0) servers = [...DEFAULT_SERVERS];
  } else if (options.servers.length === 0 && !options.sharesHost) {
    servers = reachable(host.servers);
    if (servers.length === 0) servers = reachable(parseResolvConf(options.systemd() ?? "").servers);
    if (servers.length === 0) {
      servers = DEFAULT_SERVERS;
      warning = `no name server that a container could reach in ${RESOLV_CONF}: using ${DEFAULT_SERVERS.join(" and ")} (--dns names others)`;
    }
  }
  // A single dot takes the host's search list away (docker run --dns-search=.).
  const search = options.search.length > 0 ? options.search.filter((domain) => domain !== ".") : host.search;
  const asked = options.options.length > 0 ? options.options.map((option) => option.trim().replace(/\s+/g, " ")) : host.options;
  // A name without a dot is asked for as it is first: those of containers have none.
  const settings = options.hasResolver && !asked.some((option) => /^ndots:/.test(option)) ? [...asked, "ndots:0"] : asked;
  const lines = [
    ...(search.length > 0 ? [`search ${search.join(" ")}`] : []),
    ...(options.hasResolver ? [RESOLVER] : servers).map((server) => `nameserver ${server}`),
    ...(settings.length > 0 ? [`options ${settings.join(" ")}`] : []),
  ];
  return { text: lines.map((line) => `${line}\n`).join(""), upstream: options.hasResolver ? servers : [], warning };
}

interface ResolvConf {
  readonly servers: string[];
  readonly search: string[];
  readonly options: string[];
}

/** resolv.conf(5): the last search (or domain) counts, name servers and options add up. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = [];
  const options: string[] = [];
  let search: string[] = [];
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line.replace(/[#;].*/, "").trim().split(/\s+/);
    if (keyword === "nameserver" && values[0] !== undefined) servers.push(values[0]);
    else if (keyword === "search" || keyword === "domain") search = values;
    else if (keyword === "options") options.push(...values);
  }
  return { servers, search, options };
}

/** Loopback is the container's own there, and IPv6 leads nowhere on a network of IPv4. */
function reachable(servers: readonly string[]): string[] {
  return servers.filter((server) => /^\d+(\.\d+){3}$/.test(server) && !server.startsWith("127.") && server !== "0.0.0.0");
}

export interface HostsOptions {
  /** "web"; a dot in it makes it fully qualified. */
  readonly hostname: string;
  readonly domainname: string;
  /** Its own, a line each. */
  readonly addresses: readonly string[];
  /** --add-host, "name:address" each; the address `host-gateway` is the host's on its network. */
  readonly extra: readonly string[];
  /** Containers that it is linked to on the default bridge. */
  readonly links: readonly { readonly address: string; readonly names: readonly string[] }[];
  /** Null where the host is on none of its networks. */
  readonly gateway: string | null;
}

/** Docker's default content, byte for byte (moby libnetwork/etchosts). */
const DEFAULT_HOSTS = [
  "127.0.0.1\tlocalhost",
  "::1\tlocalhost ip6-localhost ip6-loopback",
  "fe00::0\tip6-localnet",
  "ff00::0\tip6-mcastprefix",
  "ff02::1\tip6-allnodes",
  "ff02::2\tip6-allrouters",
];

/** Throws MdkError "invalid-host" for an --add-host that is not NAME:ADDRESS. */
export function generateHosts({ hostname, domainname, addresses, extra, links, gateway }: HostsOptions): string {
  const lines = [
    ...DEFAULT_HOSTS, ...extra.map((entry) => parseExtraHost(entry, gateway)), ...links.map(({ address, names }) => `${address}\t${names.join(" ")}`),
    ...addresses.map((address) => `${address}\t${hostNames(hostname, domainname)}`),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

/** A fully qualified name is followed by its first label. */
export function hostNames(hostname: string, domainname: string): string {
  const full = domainname === "" ? hostname : `${hostname}.${domainname}`;
  const dot = full.indexOf(".");
  return dot > 0 ? `${full} ${full.slice(0, dot)}` : full;
}

function parseExtraHost(entry: string, gateway: string | null): string {
  const separator = entry.search(/[:=]/);
  const name = entry.slice(0, separator);
  const text = entry.slice(separator + 1).replace(/^\[(.*)\]$/, "$1");
  const address = text === "host-gateway" ? gateway : text;
  const valid = separator > 0 && /^[^\s#]+$/.test(name) && (address === null || isAddress(address));
  if (!valid) throw new MdkError("invalid", "invalid-host", `bad format for add-host: "${entry}"`);
  if (address === null) throw new MdkError("invalid", "invalid-host", `unable to derive the IP value for host-gateway: the host is on none of the container's networks`);
  return `${address}\t${name}`;
}

/** "192.0.2.1", "2001:db8::1", "fe80::1%eth0". */
export function isAddress(text: string): boolean {
  if (text.includes(":")) return /^[0-9a-f:]{2,39}(%\w+)?$/i.test(text);
  const bytes = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1);
  return bytes !== undefined && bytes.every((byte) => Number(byte) <= 255);
}
