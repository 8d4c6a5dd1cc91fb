/** `macvlan`: an interface for each container on a link of the host, with a hardware address of its own there; the host itself is not reached by it. */
import { attachMacvlan } from "../../../network/container.ts";
import { ensureMacvlanParent } from "../../../network/macvlan.ts";
import { bridgeOptions, macvlanOptions } from "../../../spec/network-options.ts";
import { endpointShape } from "./endpoint.ts";
import type { Driver } from "./driver.ts";

export const MACVLAN_DRIVER: Driver = {
  hasPlace: true,
  publishes: false,
  interfacePrefix: (network) => bridgeOptions(network).interfacePrefix,
  raise: ({ route }, network) => ensureMacvlanParent(route, macvlanOptions(network).parent ?? "").index,
  attach: (attaching) => {
    const { route, inside, network, side } = attaching;
    const { mode, mtu } = macvlanOptions(network);
    attachMacvlan(route, inside, { ...endpointShape(attaching), parent: side, mode, mtu });
  },
};
