/**
 * What `network create --opt` says to a driver, read and checked in one place: whoever carries it out asks here and parses no text. Options
 * that no driver knows are kept and shown, as Docker does. Pure.
 */
import { MdkError } from "../error.ts";
import type { NetworkConfig, NetworkDriver } from "./network-config.ts";
import { readAddress } from "./prefix.ts";

type Options = NetworkConfig["options"];
type WithOptions = Pick<NetworkConfig, "options">;

export interface BridgeOptions {
  /** Null: it has a name of mdk's. */
  readonly bridgeName: string | null;
  /** Whether its containers reach one another. */
  readonly icc: boolean;
  /** Whether what its containers send leaves the host under the host's address. */
  readonly masquerade: boolean;
  /** Null: the kernel's own. */
  readonly mtu: number | null;
  /** IPv4 address of the host that ports without one are published on; null: every address. */
  readonly hostBinding: string | null;
  /** Of the interface in the container: "eth" makes "eth0". */
  readonly interfacePrefix: string;
}

const MACVLAN_MODES = ["bridge", "private", "vepa", "passthru"] as const;
export type MacvlanMode = (typeof MACVLAN_MODES)[number];

export interface MacvlanOptions {
  /** Interface of the host that frames go out by; null: none, its containers reach one another only. */
  readonly parent: string | null;
  readonly mode: MacvlanMode;
  /** Null: the parent's. */
  readonly mtu: number | null;
}

const NAME = "com.docker.network.bridge.name";
export const ICC = "com.docker.network.bridge.enable_icc";
export const MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade";
export const HOST_BINDING = "com.docker.network.bridge.host_binding_ipv4";
export const MTU = "com.docker.network.driver.mtu";
const INTERFACE_PREFIX = "com.docker.network.container_iface_prefix";

/** Docker's, that would be a lie to take: each with the values that mean what mdk does anyway. */
const NOT_YET: Readonly<Record<string, readonly string[]>> = {
  "com.docker.network.bridge.gateway_mode_ipv4": ["nat"], "com.docker.network.bridge.gateway_mode_ipv6": ["nat"], "com.docker.network.bridge.inhibit_ipv4": ["false"],
  "com.docker.network.bridge.trusted_host_interfaces": [""], "com.docker.network.bridge.default_bridge": ["false"], "com.docker.network.host_ipv4": [], "com.docker.network.host_ipv6": [],
};

/** IFNAMSIZ of include/uapi/linux/if.h, without the NUL. */
const LINK_NAME_MAX = 15;
/** Interfaces of one container are told apart by two digits at most. */
const LINK_DIGITS = 2;
/** ETH_MIN_MTU and ETH_MAX_MTU of include/uapi/linux/if_ether.h. */
const [MTU_MIN, MTU_MAX] = [68, 65535];

/** Throws MdkError "invalid-network-option" in Docker's words (moby libnetwork/drivers/bridge/bridge_linux.go, fromLabels). */
export function bridgeOptions({ options }: WithOptions): BridgeOptions {
  return {
    bridgeName: bridgeNameOf(options[NAME] ?? ""), icc: flagOf(options, ICC), masquerade: flagOf(options, MASQUERADE), mtu: mtuOf(options),
    hostBinding: bindingOf(options[HOST_BINDING]), interfacePrefix: interfacePrefixOf(options[INTERFACE_PREFIX] ?? ""),
  };
}

/** Throws MdkError "invalid-network-option" in Docker's words (moby libnetwork/drivers/macvlan/macvlan_network.go). */
export function macvlanOptions({ options }: WithOptions): MacvlanOptions {
  const word = options["macvlan_mode"] || "bridge";
  const mode = MACVLAN_MODES.find((name) => name === word);
  if (mode === undefined) throw invalid(`requested macvlan mode '${word}' is not valid, 'bridge' mode is the macvlan driver default`);
  const parent = options["parent"] || null;
  if (parent === "lo") throw invalid("loopback interface is not a valid macvlan parent link");
  if (parent !== null && !isLinkName(parent)) throw invalid(`invalid parent interface: ${parent}`);
  return { parent, mode, mtu: mtuOf(options) };
}

/** All that can be judged before the network is there. Throws MdkError "invalid-network-option", "unsupported-network-option". */
export function checkNetworkOptions(driver: NetworkDriver, network: WithOptions): void {
  for (const [name, value] of Object.entries(network.options)) {
    if (NOT_YET[name]?.includes(value) === false) throw new MdkError("unsupported", "unsupported-network-option", `${name}=${value} is not supported by this version of mdk`);
  }
  if (driver === "macvlan") macvlanOptions(network);
  else bridgeOptions(network);
}

/** Go's strconv.ParseBool; `otherwise` where nothing is said. Throws MdkError "invalid-network-option". */
function flagOf(options: Options, name: string, otherwise = true): boolean {
  const text = options[name];
  if (text === undefined) return otherwise;
  if (/^(1|t|T|true|TRUE|True)$/.test(text)) return true;
  if (/^(0|f|F|false|FALSE|False)$/.test(text)) return false;
  throw unparsed(name, text, `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function mtuOf(options: Options): number | null {
  const text = options[MTU];
  if (text === undefined) return null;
  if (!/^[+-]?\d+$/.test(text)) throw unparsed(MTU, text, `strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  const mtu = Number(text);
  if (mtu !== 0 && (mtu < MTU_MIN || mtu > MTU_MAX)) throw invalid(`invalid MTU number: ${mtu}`);
  return mtu === 0 ? null : mtu;
}

function bindingOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  if (readAddress(text)?.family !== 4) throw unparsed(HOST_BINDING, text, "nil ip");
  return text === "0.0.0.0" ? null : text;
}

function bridgeNameOf(text: string): string | null {
  if (text === "") return null;
  if (!isLinkName(text)) throw invalid(`invalid bridge name: ${text}`);
  return text;
}

function interfacePrefixOf(text: string): string {
  if (text === "") return "eth";
  if (!isLinkName(text) || text.length > LINK_NAME_MAX - LINK_DIGITS) throw invalid(`invalid interface prefix: ${text}`);
  return text;
}

/** dev_valid_name of the kernel's net/core/dev.c. */
function isLinkName(text: string): boolean {
  return Buffer.byteLength(text) <= LINK_NAME_MAX && text !== "." && text !== ".." && !/[\s/:\0]/.test(text);
}

const unparsed = (name: string, value: string, reason: string): MdkError => invalid(`failed to parse ${name} value: ${value} (${reason})`);
const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-network-option", message);
