/** What EXPOSE says: PORT[-PORT][/PROTOCOL], and the host's side in front of it, which BuildKit takes with a warning and passes over. */
import { quote } from "../text.ts";

const PORT_MAX = 65_535;
const PROTOCOLS: ReadonlySet<string> = new Set(["tcp", "udp", "sctp"]);

export interface Exposed {
  /** "" where none is given, as it is written. */
  readonly protocol: string;
  readonly first: number;
  readonly last: number;
  /** An address or a port of the host is named. */
  readonly namesHost: boolean;
}

/** Throws an Error in BuildKit's words for what is no port. */
export function parseExposed(text: string): Exposed {
  const parts = text.split(":");
  const [address, hostPort, rest] = [parts.slice(0, -2).join(":"), parts.at(-2) ?? "", parts.at(-1)!];
  const slash = rest.indexOf("/");
  const [port, protocol] = slash === -1 ? [rest, ""] : [rest.slice(0, slash), rest.slice(slash + 1)];
  if (port === "") throw new Error(`invalid port: ${quote(text)}: no port specified`);
  if (protocol !== "" && !PROTOCOLS.has(protocol.toLowerCase())) throw new Error(`invalid port: ${quote(text)}: invalid proto: ${protocol}`);
  if (address !== "" && !isAddress(address)) throw new Error(`invalid IP address: ${address.replace(/^\[(.*)\]$/, "$1")}`);
  const range = portRange(port);
  if (range === null) throw new Error(`invalid containerPort: ${port}`);
  const host = hostPort === "" ? range : portRange(hostPort);
  if (host === null) throw new Error(`invalid hostPort: ${hostPort}`);
  if (range[0] !== range[1] && range[1] - range[0] !== host[1] - host[0]) throw new Error(`invalid ranges specified for container and host Ports: ${port} and ${hostPort}`);
  return { protocol, first: range[0], last: range[1], namesHost: address !== "" || hostPort !== "" };
}

/** The words themselves, each of which says a port. Throws as parseExposed does. */
export function checkExposed(words: readonly string[]): readonly string[] {
  words.forEach(parseExposed);
  return words;
}

/** "80/tcp" for each of the ports, as an image's config has them: each once, however many ranges it is in. */
export function exposedPorts(ranges: readonly Exposed[]): string[] {
  const ports: string[] = [];
  const left = new Map<string, Left>();
  for (const { protocol, first, last } of ranges) {
    const name = protocol.toLowerCase() || "tcp";
    const ofProtocol = left.get(name) ?? new Left();
    left.set(name, ofProtocol);
    ofProtocol.take(first, last, (port) => ports.push(`${port}/${name}`));
  }
  return ports;
}

/** The ports that nobody has taken: those that were are passed over in one step. */
class Left {
  /** Of each port itself, or one behind it that is nearer to the next that is left. */
  readonly #next = new Uint32Array(PORT_MAX + 2);

  constructor() {
    for (let port = 0; port < this.#next.length; port++) this.#next[port] = port;
  }

  take(first: number, last: number, each: (port: number) => void): void {
    for (let port = this.#from(first); port <= last; port = this.#from(port)) {
      each(port);
      this.#next[port] = port + 1;
    }
  }

  #from(port: number): number {
    let at = port;
    while (this.#next[at]! !== at) at = this.#next[at] = this.#next[this.#next[at]!]!;
    return at;
  }
}

/** Written like one; what it is an address of does not matter here. */
function isAddress(text: string): boolean {
  const bare = text.replace(/^\[(.*)\]$/, "$1");
  if (/^\d+(\.\d+){3}$/.test(bare)) return bare.split(".").every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256);
  return bare.includes(":") && URL.canParse(`http://[${bare}]/`);
}

function portRange(text: string): [first: number, last: number] | null {
  const dash = text.indexOf("-");
  const first = portNumber(dash === -1 ? text : text.slice(0, dash));
  const last = dash === -1 ? first : portNumber(text.slice(dash + 1));
  return first === null || last === null || last < first ? null : [first, last];
}

function portNumber(text: string): number | null {
  return /^\+?\d+$/.test(text) && Number(text) <= PORT_MAX ? Number(text) : null;
}
