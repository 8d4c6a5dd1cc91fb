/** A container's place on one network as its user asks for it, in the shape of Docker's API (EndpointSettings of NetworkingConfig). Pure. */
import { MdkError } from "../error.ts";
import { parseAddress } from "../network/ipam.ts";
import { parseAddress6 } from "../network/ipam6.ts";
import { integerOf } from "../image/json.ts";
import { Members, textsOf } from "./members.ts";
import { parseMacAddress } from "./network.ts";

export interface EndpointSettings {
  /** Addresses that it is to have; "": any free one. */
  IPAMConfig: { IPv4Address: string; IPv6Address: string } | null;
  /** "CONTAINER:ALIAS". */
  Links: string[] | null;
  /** Further names that others on the network find it by. */
  Aliases: string[] | null;
  /** "02:42:ac:11:00:02"; "": one is made. */
  MacAddress: string;
  DriverOpts: Record<string, string> | null;
  /** The network with the highest one has the default route. */
  GwPriority: number;
}

export const ANY_ENDPOINT: EndpointSettings = { IPAMConfig: null, Links: null, Aliases: null, MacAddress: "", DriverOpts: null, GwPriority: 0 };

/** Of a request or a row. Throws MdkError "json-invalid", or Docker's sentence for an address that is none. */
export function decodeEndpoint(value: unknown, what: string): EndpointSettings {
  const settings = new Members(value, what);
  const ipam = settings.read("IPAMConfig", (item, name): EndpointSettings["IPAMConfig"] => {
    const config = new Members(item, name);
    return { IPv4Address: config.text("IPv4Address"), IPv6Address: config.text("IPv6Address") };
  }, null);
  const endpoint = {
    IPAMConfig: ipam === null || (ipam.IPv4Address === "" && ipam.IPv6Address === "") ? null : ipam, Links: settings.list("Links"), Aliases: settings.list("Aliases"),
    MacAddress: settings.text("MacAddress"), DriverOpts: settings.read("DriverOpts", textsOf, null), GwPriority: settings.read("GwPriority", integerOf, 0),
  };
  checkEndpoint(endpoint);
  return endpoint;
}

/** A label of DNS, with the underscores that names of services have. */
const NAME = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;

function checkEndpoint({ IPAMConfig, Aliases, Links, MacAddress }: EndpointSettings): void {
  const invalid = (text: string): MdkError => new MdkError("invalid", "invalid-endpoint", text);
  if (IPAMConfig !== null && IPAMConfig.IPv4Address !== "") parseAddress(IPAMConfig.IPv4Address);
  if (IPAMConfig !== null && IPAMConfig.IPv6Address !== "") parseAddress6(IPAMConfig.IPv6Address);
  for (const alias of Aliases ?? []) if (!isHostName(alias)) throw invalid(`invalid network alias: ${JSON.stringify(alias)}`);
  for (const link of Links ?? []) parseLink(link);
  if (MacAddress !== "" && parseMacAddress(MacAddress) === null) throw invalid(`${MacAddress} is not a valid mac address`);
}

/** Whether others can find somebody by the name: RFC 1035 2.3.1, as resolvers take it. */
function isHostName(text: string): boolean {
  return text.length <= 253 && NAME.test(text);
}

export interface ContainerLink {
  readonly container: string;
  readonly alias: string;
}

/** "db:database", "db": docker/cli opts.ParseLink. */
export function parseLink(text: string): ContainerLink {
  const [container = "", alias = container, extra] = text.split(":");
  if (text === "") throw new MdkError("invalid", "invalid-link", "empty string specified for links");
  if (extra !== undefined) throw new MdkError("invalid", "invalid-link", `bad format for links: ${text}`);
  const name = container.replace(/^\//, "");
  return { container: name, alias: (alias === container ? name : alias).replace(/^.*\//, "") };
}
