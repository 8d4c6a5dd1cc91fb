/** `network create`: which of --subnet, --ip-range, --gateway and --aux-address belong together, and docker 28.2.2's refusals of them. */
import { expect, test } from "bun:test";
import { command } from "../../../src/cli/network/create.ts";
import { poolFlags } from "../../../src/cli/network/pools.ts";
import { parseFlags } from "../../../src/cli/grammar/flags.ts";

const pools = (line: string) => poolFlags(parseFlags(command.flags, line.split(" ")).flags);
const NET = "--subnet 10.1.0.0/16";

test("they are joined by the subnet that they lie in", () => {
  expect(pools("--subnet fd00::/64,10.1.0.0/16 --gateway 10.1.0.1 --ip-range 10.1.5.0/24 --gateway fd00::5 --aux-address a=10.1.0.9 --aux-address b=fd00::9 --aux-address a=10.1.0.8")).toEqual([
    { Subnet: "fd00::/64", IPRange: "", Gateway: "fd00::5", AuxiliaryAddresses: { b: "fd00::9" } },
    { Subnet: "10.1.0.0/16", IPRange: "10.1.5.0/24", Gateway: "10.1.0.1", AuxiliaryAddresses: { a: "10.1.0.8" } },
  ]);
  expect(pools("n")).toEqual([]);
});

test("one subnet is the engine's to judge", () => {
  for (const subnet of ["x", "10.1.0.0", "10.1.0.1/16", "10.1.0.0/33"]) expect(pools(`--subnet ${subnet}`)).toMatchObject([{ Subnet: subnet }]);
});

test("what matches nothing is refused in docker's words", () => {
  const cases: [string, string][] = [
    [`${NET} --subnet 10.1.2.0/24`, "multiple overlapping subnet configuration is not supported"], [`${NET} --subnet x`, "invalid subnet: invalid CIDR address: x"],
    ["--ip-range 10.1.0.0/24", "every ip-range or gateway must have a corresponding subnet"], ["--gateway 10.1.0.1", "every ip-range or gateway must have a corresponding subnet"], [`${NET} --gateway 10.1.0.1,10.1.0.2`, "every ip-range or gateway must have a corresponding subnet"],
    [`${NET} --subnet fd00::/64 --gateway 10.1.0.1 --gateway 10.1.0.2`, "cannot configure multiple gateways (10.1.0.2, 10.1.0.1) for the same subnet (10.1.0.0/16)"],
    [`${NET} --subnet fd00::/64 --ip-range 10.1.0.0/24 --ip-range 10.1.1.0/24`, "cannot configure multiple ranges (10.1.1.0/24, 10.1.0.0/24) on the same subnet (10.1.0.0/16)"],
    [`${NET} --ip-range 10.2.0.0/24`, "no matching subnet for range 10.2.0.0/24"], [`${NET} --ip-range x`, "invalid CIDR address: x"], [`${NET} --gateway 10.2.0.1`, "no matching subnet for gateway 10.2.0.1"], [`${NET} --gateway x`, "no matching subnet for gateway x"],
    [`${NET} --aux-address a=10.2.0.1`, "no matching subnet for aux-address 10.2.0.1"], [`${NET} --aux-address a=x`, "no matching subnet for aux-address x"], [`${NET} --aux-address a`, "no matching subnet for aux-address "], ["--aux-address a=10.1.0.1", "no matching subnet for aux-address 10.1.0.1"],
  ];
  for (const [line, sentence] of cases) expect(() => pools(line)).toThrow(sentence);
});

test("flags for clusters and moulds are refused by name", () => {
  for (const flag of ["--attachable", "--ingress", "--config-only", "--config-from=x"]) expect(() => pools(flag)).toThrow(`${flag.split("=")[0]} is not supported by this version of mdk`);
  expect(pools("--attachable=false --ingress=false")).toEqual([]);
});
