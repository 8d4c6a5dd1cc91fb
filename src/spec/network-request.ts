/** `network create` in the words of Docker's API (NetworkCreateRequest): all that can be judged without the host, in Docker's sentences. Pure. */
import { MdkError } from "../error.ts";
import { booleanOf } from "../image/json.ts";
import { Members, textsOf } from "./members.ts";
import type { NetworkConfig, NetworkDriver } from "./network-config.ts";
import { checkNetworkOptions } from "./network-options.ts";
import { decodePools, poolsOf } from "./network-pools.ts";

/** A whole request. Throws MdkError "json-invalid", "invalid-network", "invalid-network-option", "unsupported-network", "unsupported-network-option", "no-such-driver". */
export function parseNetworkRequest(value: unknown): NetworkConfig {
  const request = new Members(value, "NetworkCreateRequest");
  const name = request.text("Name");
  checkNetworkName(name);
  refuseForeign(request);
  const driver = driverOf(request.text("Driver"));
  const options = request.read("Options", textsOf, {});
  const ipv6 = request.read("EnableIPv6", booleanOf, null) ?? flagOption(options, "com.docker.network.enable_ipv6") ?? false;
  const ipv4 = request.read("EnableIPv4", booleanOf, null) ?? flagOption(options, "com.docker.network.enable_ipv4") ?? true;
  if (!ipv4 && !ipv6) throw invalid("IPv4 or IPv6 must be enabled");
  if (!ipv4) throw new MdkError("unsupported", "unsupported-network", "networks without IPv4 are not supported by this version of mdk");
  const pools = request.read("IPAM", (item, what) => poolsAsked(item, what, { driver, ipv6 }), { v4: null, v6: null });
  checkNetworkOptions(driver, { options });
  return { name, driver, internal: request.flag("Internal"), ipv6, ...pools, options, labels: request.read("Labels", textsOf, {}) };
}

/** Names that mean something else wherever a network is named. */
const PREDEFINED: ReadonlySet<string> = new Set(["bridge", "host", "none", "default"]);

/** Whether the network is there from the start, and stays. */
export const isPredefined = (name: string): boolean => PREDEFINED.has(name);

/** moby daemon/network.go, libnetwork/controller.go; and what no `--network` could name. Throws MdkError "invalid-network". */
function checkNetworkName(name: string): void {
  if (isPredefined(name)) throw new MdkError("denied", "invalid-network", `operation is not permitted on predefined ${name} network`);
  if (name.trim() === "") throw invalid(`invalid network name: ${JSON.stringify(name)} is empty`);
  if (/[\0-\x1f\x7f]/.test(name) || name.startsWith("container:")) throw invalid(`invalid network name: ${JSON.stringify(name)}`);
}

const CLUSTER = "is for clusters: mdk runs containers on one host";

/** What Docker has for clusters, and as a mould for their networks. */
function refuseForeign(request: Members): void {
  const refuse = (message: string): never => {
    throw new MdkError("unsupported", "unsupported-network", message);
  };
  const scope = request.text("Scope");
  if (request.flag("Ingress")) refuse(`--ingress ${CLUSTER}`);
  if (scope === "swarm") throw new MdkError("unsupported", "unsupported-network", "cannot create a swarm scoped network when swarm is not active", { hint: `a network of the scope swarm ${CLUSTER}` });
  if (scope !== "" && scope !== "local") refuse(`invalid scope: ${scope}: networks of mdk are local`);
  if (request.flag("Attachable")) refuse(`--attachable ${CLUSTER}`);
  const from = request.read("ConfigFrom", (item, what) => new Members(item, what).text("Network"), "");
  if (request.flag("ConfigOnly") || from !== "") refuse("configuration networks (--config-only, --config-from) are not supported by mdk");
}

/** Drivers that a user's network can have. */
const MADE: readonly NetworkDriver[] = ["bridge", "macvlan"];

function driverOf(word: string): NetworkDriver {
  if (word === "host" || word === "null") throw new MdkError("denied", "invalid-network", `only one instance of "${word}" network is allowed`);
  const driver = MADE.find((name) => name === (word || "bridge"));
  if (driver === undefined) throw new MdkError("not-found", "no-such-driver", `plugin ${JSON.stringify(word)} not found`, { hint: `mdk has the drivers ${MADE.join(", ")}` });
  return driver;
}

function poolsAsked(value: unknown, what: string, how: Parameters<typeof poolsOf>[1]): ReturnType<typeof poolsOf> {
  const ipam = new Members(value, what);
  const driver = ipam.text("Driver") || "default";
  if (driver !== "default") throw new MdkError("not-found", "no-such-driver", `plugin ${JSON.stringify(driver)} not found`, { hint: "mdk has the IPAM driver default" });
  const [option] = Object.keys(ipam.read("Options", textsOf, {}));
  if (option !== undefined) throw new MdkError("unsupported", "unsupported-network", `the IPAM driver default takes no options: ${option}`);
  return poolsOf(ipam.read("Config", decodePools, []), how);
}

/** Null: the option is not there. */
function flagOption(options: Readonly<Record<string, string>>, name: string): boolean | null {
  const text = options[name];
  if (text === undefined) return null;
  if (!/^(1|t|true|0|f|false)$/i.test(text)) throw invalid(`driver-opt ${JSON.stringify(name)} is not a valid bool`);
  return /^(1|t|true)$/i.test(text);
}

const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-network", message);
