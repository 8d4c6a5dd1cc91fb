/**
 * `--subnet`, `--ip-range`, `--gateway`, `--aux-address` as IPAM.Config of the API: which of them belong together, and docker/cli's own
 * refusals (cli/command/network/create.go). Whether they are right is judged in spec/network-pools.ts.
 */
import { EXIT, CommandError } from "../exit.ts";
import { holdsAddress, readAddress, readPrefix, type Address, type Prefix } from "../../spec/prefix.ts";
import type { Values } from "../grammar/flags.ts";
import { pairsFlag, wordsOf } from "./words.ts";

interface Pool {
  readonly Subnet: string;
  IPRange: string;
  Gateway: string;
  readonly AuxiliaryAddresses: Record<string, string>;
}

/** Throws CommandError in docker/cli's words. */
export function poolFlags(flags: Values): readonly Pool[] {
  const [subnets, ranges, gateways] = [wordsOf(flags, "subnet"), wordsOf(flags, "ip-range"), wordsOf(flags, "gateway")];
  const noBlock = ranges.find((range) => readPrefix(range) === null);
  if (noBlock !== undefined) throw refuse(`invalid CIDR address: ${noBlock}`);
  if (subnets.length < ranges.length || subnets.length < gateways.length) throw refuse("every ip-range or gateway must have a corresponding subnet");
  const pools = subnets.map((Subnet): Pool => ({ Subnet, IPRange: "", Gateway: "", AuxiliaryAddresses: {} }));
  refuseOverlaps(pools);
  for (const range of ranges) {
    for (const pool of matching(pools, "range", range, readPrefix(range))) {
      if (pool.IPRange !== "") throw refuse(`cannot configure multiple ranges (${range}, ${pool.IPRange}) on the same subnet (${pool.Subnet})`);
      pool.IPRange = range;
    }
  }
  for (const gateway of gateways) {
    for (const pool of matching(pools, "gateway", gateway, readAddress(gateway))) {
      if (pool.Gateway !== "") throw refuse(`cannot configure multiple gateways (${gateway}, ${pool.Gateway}) for the same subnet (${pool.Subnet})`);
      pool.Gateway = gateway;
    }
  }
  for (const [name, text] of Object.entries(pairsFlag(flags, "aux-address"))) {
    for (const pool of matching(pools, "aux-address", text, readAddress(text))) pool.AuxiliaryAddresses[name] = text;
  }
  return pools;
}

/** One subnet is the engine's to judge; of several, each has to be one before they can be compared. */
function refuseOverlaps(pools: readonly Pool[]): void {
  if (pools.length < 2) return;
  const blocks = pools.map(({ Subnet }): Prefix => {
    const block = readPrefix(Subnet);
    if (block === null) throw refuse(`invalid subnet: invalid CIDR address: ${Subnet}`);
    return block;
  });
  const overlaps = (a: Prefix, b: Prefix): boolean => holdsAddress(a, b) || holdsAddress(b, a);
  if (blocks.some((block, index) => blocks.slice(0, index).some((other) => overlaps(block, other)))) throw refuse("multiple overlapping subnet configuration is not supported");
}

/** Those that the address (of a range: its first) lies in, one at least. */
function matching(pools: readonly Pool[], what: string, text: string, address: Address | null): readonly Pool[] {
  const found = pools.filter(({ Subnet }) => {
    const block = readPrefix(Subnet);
    if (block === null) throw refuse(`invalid subnet: invalid CIDR address: ${Subnet}`);
    return address !== null && holdsAddress(block, address);
  });
  if (found.length === 0) throw refuse(`no matching subnet for ${what} ${text}`);
  return found;
}

const refuse = (message: string): CommandError => new CommandError(EXIT.failure, "invalid-pool", message);
