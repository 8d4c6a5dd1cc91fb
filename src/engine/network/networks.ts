/** Networks are made and go. What a network is on the host, its place, is made here with it, so that what cannot be is told at once. */
import { MdkError } from "../../error.ts";
import { removeNetworkNames } from "../../runtime/names.ts";
import type { NetworkConfig } from "../../spec/network-config.ts";
import { bridgeOptions } from "../../spec/network-options.ts";
import { checkpoint, isUniqueViolation, transaction } from "../../store/database.ts";
import { connectedContainers } from "../../store/endpoints.ts";
import { addNetwork, deleteNetwork, listNetworks, listPlaces, listPlacesOf, type Network } from "../../store/networks.ts";
import type { Context } from "../context.ts";
import { networkNamespace } from "../host/facts.ts";
import { newId } from "../host/ids.ts";
import { findNetwork, isUserDefined } from "./endpoints.ts";
import { choosePools, ensurePlace, removePlaces } from "./place.ts";

/** Returns the id. Throws MdkError: the name is taken, its subnet is used otherwise, or what making its bridge needs is not there. On failure nothing of it is left. */
export function createNetwork(context: Context, config: NetworkConfig): string {
  const database = context.database();
  const options = { ...context.settings.networks.options[config.driver], ...config.options };
  const network: Network = { ...config, options, ...choosePools(context, config), id: newId(), createdMs: context.now().getTime() };
  try {
    transaction(database, () => {
      refuseSameBridge(context, network);
      addNetwork(database, network);
    });
  } catch (error) {
    throw isUniqueViolation(error) ? nameTaken(config.name) : error;
  }
  try {
    ensurePlace(context, network);
  } catch (error) {
    transaction(database, () => deleteNetwork(database, network.id));
    throw error;
  }
  checkpoint(database);
  return network.id;
}

/** libnetwork drivers/bridge, conflictsWithNetworks: two on one bridge would be one. */
function refuseSameBridge(context: Context, network: Network): void {
  const { bridgeName } = bridgeOptions(network);
  if (network.driver !== "bridge" || bridgeName === null) return;
  const placed = listPlaces(context.database(), networkNamespace(context)).find(({ bridge }) => bridge === bridgeName)?.network;
  const other = placed ?? listNetworks(context.database()).find((one) => one.driver === "bridge" && bridgeOptions(one).bridgeName === bridgeName)?.id;
  if (other === undefined) return;
  throw new MdkError("conflict", "bridge-in-use", `cannot create network ${network.id} (${bridgeName}): conflicts with network ${other} (${bridgeName}): networks have same bridge name`);
}

function nameTaken(name: string): MdkError {
  return new MdkError("conflict", "network-exists", `network with name ${name} already exists`);
}

/** Throws MdkError in Docker's words for one that is there from the start, or that containers which run are on. */
export function removeNetwork(context: Context, word: string): void {
  const network = findNetwork(context, word);
  if (!isUserDefined(network)) throw new MdkError("denied", "pre-defined-network", `${network.name} is a pre-defined network and cannot be removed`);
  if (!remove(context, network)) {
    const users = connectedContainers(context.database(), network.id).map(({ name, endpoint }) => `name:"${name}" id:"${endpoint.slice(0, 12)}"`);
    throw new MdkError("conflict", "network-in-use", `error while removing network: network ${network.name} has active endpoints (${users.join(", ")})`, { hint: "disconnect or stop them" });
  }
  checkpoint(context.database());
}

/** Those that no container is on which runs. Returns their names. */
export function pruneNetworks(context: Context, isMeant: (network: Network) => boolean): string[] {
  const removed = listNetworks(context.database()).filter((network) => isUserDefined(network) && isMeant(network) && remove(context, network));
  checkpoint(context.database());
  return removed.map(({ name }) => name);
}

/** False: it is used. The row first: from then on nobody starts on it. What a kill leaves of its bridge, `clean` takes away. */
function remove(context: Context, network: Network): boolean {
  const database = context.database();
  const places = listPlacesOf(database, network.id);
  if (!transaction(database, () => deleteNetwork(database, network.id))) return false;
  removeNetworkNames(context.runRoot, network.id);
  removePlaces(context, network, places);
  return true;
}
