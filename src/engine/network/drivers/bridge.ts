/** `bridge`: a bridge of the host, a veth pair for each container, addresses that the host translates. */
import { ensureBridge, letLoopbackIn, mustIsolate } from "../../../network/bridge.ts";
import { attachContainer } from "../../../network/container.ts";
import { networkNames, vethName } from "../../../network/names.ts";
import { bridgeOptions } from "../../../spec/network-options.ts";
import { ownerOf } from "../place.ts";
import { bridgeShape } from "../shape.ts";
import { endpointShape } from "./endpoint.ts";
import type { Driver } from "./driver.ts";

export const BRIDGE_DRIVER: Driver = {
  hasPlace: true,
  publishes: true,
  interfacePrefix: (network) => bridgeOptions(network).interfacePrefix,
  raise: ({ context, route, firewall }, network, place) => {
    const shape = bridgeShape(network, place);
    const index = ensureBridge(route, shape, () => ownerOf(context));
    if (firewall !== null) letLoopbackIn(shape);
    return index;
  },
  attach: (attaching) => {
    const { route, inside, network, place, side } = attaching;
    const shape = bridgeShape(network, place);
    attachContainer(route, inside, { ...endpointShape(attaching), veth: vethName(networkNames(place.tag)), bridge: side, mtu: shape.mtu, isolated: mustIsolate(shape) });
  },
};
