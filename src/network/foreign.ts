/**
 * Other people's firewalls. A chain at the forward hook that drops by its policy (Docker's and ufw's `ip filter FORWARD`, a filter of
 * /etc/nftables.conf), or by a last rule that refuses all (firewalld, Red Hat's iptables), decides against containers whatever mdk's own
 * table says: accepting there needs a rule in that chain. The rules let the bridges' traffic pass; what may reach a container is still
 * decided by mdk's own forward chain. Chains that others leave to the administrator (DOCKER-USER) are not touched.
 */
import { E } from "../sys/errno.ts";
import { SysError } from "../sys/ffi.ts";
import { legacyForwardDrops } from "../sys/iptables.ts";
import type { NetlinkMessage, NetlinkReply, NetlinkSocket } from "../sys/netlink.ts";
import type { BridgeNetwork } from "./bridge-network.ts";
import { parseBridgeName, type NetworkNames } from "./names.ts";
import { noteNeighbours } from "./neighbours.ts";
import { counter, linkBegins, linkIs, verdict, type Expression } from "./expressions.ts";
import { commit, deleteRule, FORWARD, getChain, newRule, parseChain, readChains, readRules, type ChainInfo, type ChainName, type RuleInfo } from "./nftables.ts";

/** Which packets two rules let pass: those of all bridges that mdk named for the store, or of one that the user named. */
interface Pass {
  /** By this comment mdk knows its rules again: "mdk: mdk-1a2b3c*". */
  readonly comment: string;
  readonly match: (key: "iifname" | "oifname") => Expression[];
  /** As iptables writes it. */
  readonly pattern: string;
}

const commentOf = (name: string): string => `mdk: ${name}`;

/** One pair of rules for all networks of the store, however many: an administrator's list of them stays short. */
function passOf({ bridge: prefix }: NetworkNames, { bridge }: Pick<BridgeNetwork, "bridge">): Pass {
  if (bridge.startsWith(prefix)) return { comment: commentOf(`${prefix}*`), match: (key) => linkBegins(key, prefix), pattern: `${prefix}+` };
  return { comment: commentOf(bridge), match: (key) => linkIs(key, "==", bridge), pattern: bridge };
}

const FIREWALLD: ChainName = { family: "inet", table: "firewalld", chain: "filter_FORWARD" };
/** What iptables-nft calls the chains that Docker and ufw close. */
const USUAL: readonly ChainName[] = [{ family: "ip", table: "filter", chain: "FORWARD" }, FIREWALLD];
const USUAL_6: ChainName = { family: "ip6", table: "filter", chain: "FORWARD" };

/** Asks for the chains that are looked at on every start, since others make them anew at any time: for `passForeignFirewalls`. */
export function foreignQuestions({ ipv6 }: Pick<BridgeNetwork, "ipv6">): NetlinkMessage[] {
  return [...USUAL, ...(ipv6 === null ? [] : [USUAL_6])].map(getChain);
}

export interface ForeignOptions {
  readonly names: NetworkNames;
  readonly network: BridgeNetwork;
  /** To foreignQuestions; null: there is no such chain. */
  readonly answers: readonly (NetlinkReply | null)[];
  /** Every forward chain is looked at, not only the usual ones. */
  readonly thorough: boolean;
}

/** Makes forward chains that refuse let the network pass. Returns warnings (a chain that may not be changed). */
export function passForeignFirewalls(socket: NetlinkSocket, { names, network, answers, thorough }: ForeignOptions): string[] {
  const pass = passOf(names, network);
  const chains = thorough ? readChains(socket) : answers.flatMap((answer) => (answer === null ? [] : [parseChain(answer.payload)]));
  const legacy = thorough ? (["ip", "ip6"] as const).filter((family) => (family === "ip" || network.ipv6 !== null) && legacyForwardDrops(family)) : [];
  return [...legacy.map((family) => legacyWarning(family, pass)), ...chains.filter(isForeign).flatMap((chain) => openChain(socket, names, chain, pass))];
}

/** Forward chains, but for mdk's own and those of its other stores. */
function isForeign({ hook, table }: ChainInfo): boolean {
  return hook === FORWARD && parseBridgeName(table) === null;
}

/** Forward chains of others that refuse what none of their rules accepts. */
export function listRefusing(socket: NetlinkSocket): ChainInfo[] {
  return readChains(socket).filter(isForeign).filter((chain) => refuses(chain, readRules(socket, chain)));
}

/** By the policy, or by the last rule. */
function refuses({ drops }: ChainInfo, rules: readonly RuleInfo[]): boolean {
  return drops || rules.at(-1)?.refusesAll === true;
}

/** The older iptables replaces whole tables at once: mdk does not write them. */
function legacyWarning(family: "ip" | "ip6", { pattern }: Pass): string {
  const iptables = `${family}tables-legacy`;
  return `${iptables} drops forwarded packets: containers have no network until "${iptables} -I FORWARD -i ${pattern} -j ACCEPT" and "${iptables} -I FORWARD -o ${pattern} -j ACCEPT"`;
}

/** Takes mdk's rules of the store out of every chain: those of the bridges that it named, and of `bridges`. Returns warnings. */
export function removeForeignRules(socket: NetlinkSocket, { bridge: prefix }: NetworkNames, bridges: readonly string[]): string[] {
  return removeRules(socket, new Set([`${prefix}*`, prefix, ...bridges].map(commentOf)));
}

/** The same of a bridge that the user named, when its network is removed. */
export function removeForeignRulesOf(socket: NetlinkSocket, bridge: string): string[] {
  return removeRules(socket, new Set([commentOf(bridge)]));
}

function removeRules(socket: NetlinkSocket, comments: ReadonlySet<string>): string[] {
  return readChains(socket).filter(isForeign).flatMap((chain) => {
    const own = readRules(socket, chain).filter(({ comment }) => comments.has(comment));
    return own.length === 0 ? [] : attempt(chain, () => commit(socket, own.map(({ handle }) => deleteRule(chain, handle))));
  });
}

function openChain(socket: NetlinkSocket, names: NetworkNames, chain: ChainInfo, { comment, match, pattern }: Pass): string[] {
  const rules = readRules(socket, chain);
  noteNeighbours(socket, names, rules);
  if (rules.some((rule) => rule.comment === comment) || !refuses(chain, rules)) return [];
  // As iptables-nft writes its own rules: a table with an expression that it does not know makes it fail altogether.
  const pass = (key: "iifname" | "oifname"): NetlinkMessage => newRule(chain, [...match(key), counter(), verdict("accept")], { comment, first: true });
  const problems = attempt(chain, () => commit(socket, [pass("oifname"), pass("iifname")]));
  return problems.length > 0 && chain.table === FIREWALLD.table ? [firewalldWarning(pattern)] : problems;
}

/** Its table is its own since firewalld 2.1 (NFT_TABLE_F_OWNER), and what it is told goes by D-Bus. */
function firewalldWarning(pattern: string): string {
  return `firewalld refuses forwarded packets and owns its table: containers have no network until "firewall-cmd --permanent --zone=trusted --add-interface=${pattern}" and "firewall-cmd --reload"`;
}

/** A table may belong to a process (NFT_TABLE_F_OWNER: EPERM), or be gone meanwhile. */
function attempt({ family, table, chain }: ChainInfo, change: () => void): string[] {
  try {
    change();
    return [];
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    if (error.errno === E.ENOENT) return [];
    return [`the firewall chain "${family} ${table} ${chain}" drops forwarded packets and could not be changed (${error.message}): containers may have no network`];
  }
}
