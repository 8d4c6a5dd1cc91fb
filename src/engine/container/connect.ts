/** `network connect` and `disconnect`: of a container at rest its wish is changed, one that runs gets the interface, or loses it, at once. */
import { openSync } from "node:fs";
import { MdkError } from "../../error.ts";
import { readCondition } from "../../runtime/state.ts";
import type { EndpointSettings } from "../../spec/endpoint.ts";
import { joinedContainer } from "../../spec/namespace-modes.ts";
import { findContainers, type Container } from "../../store/containers.ts";
import { checkpoint, transaction } from "../../store/database.ts";
import { addEndpoint, listEndpoints, removeEndpoint, type Endpoint } from "../../store/endpoints.ts";
import type { Network } from "../../store/networks.ts";
import { runPaths } from "../../store/paths.ts";
import type { Context } from "../context.ts";
import { withOpLock } from "../end/at-rest.ts";
import { driverOf } from "../network/drivers/choose.ts";
import { checkSettings, findNetwork } from "../network/endpoints.ts";
import { findContainer } from "./find.ts";
import { joinRunning, leaveRunning, type RunningContainer } from "./live.ts";

export interface Connecting {
  /** Names or ids. */
  readonly network: string;
  readonly container: string;
  readonly settings: EndpointSettings;
}

/** Throws MdkError in Docker's words. On failure the container is as it was. */
export function connectContainer(context: Context, { network: word, container: name, settings }: Connecting): void {
  locked(context, name, (container) => {
    const network = findNetwork(context, word);
    refuseShared(container, network);
    checkSettings(network, settings);
    const endpoints = listEndpoints(context.database(), container.id);
    refuseCompany(network, endpoints);
    const there = endpoints.find((endpoint) => endpoint.network === network.id);
    const running = runningOf(context, container);
    if (there !== undefined && running !== null && isWhole(there, network)) throw new MdkError("conflict", "endpoint-exists", `endpoint with name ${container.name} already exists in network ${network.name}`);
    const position = (endpoints.at(-1)?.position ?? -1) + 1;
    if (running === null) return replace(context, container, network, settings, there?.position ?? position);
    // Somebody's connect was killed: what it left goes first.
    if (there !== undefined) leaveRunning(context, running, network);
    joinRunning(context, running, { network, settings, position });
  });
}

export interface Disconnecting extends Omit<Connecting, "settings"> {
  /** It is not there any more: no error. */
  readonly force: boolean;
}

/** Throws MdkError in Docker's words. */
export function disconnectContainer(context: Context, { network: word, container: name, force }: Disconnecting): void {
  if (force) refuseUnknown(context, word, name);
  locked(context, name, (container) => {
    const endpoints = listEndpoints(context.database(), container.id);
    const gone = endpoints.find((endpoint) => endpoint.networkName === null && endpoint.network.startsWith(word));
    if (gone !== undefined) return forget(context, gone);
    const network = findNetwork(context, word);
    refuseShared(container, network);
    const endpoint = endpoints.find((one) => one.network === network.id);
    if (endpoint === undefined) {
      if (force) return;
      throw new MdkError("conflict", "not-connected", `container ${container.id} is not connected to network ${network.name}`);
    }
    const running = runningOf(context, container);
    if (running === null) return forget(context, endpoint);
    leaveRunning(context, running, network);
  });
}

function forget(context: Context, { container, network }: Endpoint): void {
  transaction(context.database(), (database) => removeEndpoint(database, container, network));
}

/** A connect that was killed has left no name of an interface. */
function isWhole({ connection }: Endpoint, network: Network): boolean {
  return !driverOf(network).hasPlace || (connection !== null && connection.interface !== "");
}

/** Docker looks for what is to be taken apart in another order then. */
function refuseUnknown(context: Context, word: string, name: string): void {
  findNetwork(context, word);
  if (findContainers(context.database(), name).length === 0) throw new MdkError("not-found", "no-such-endpoint", `endpoint ${name} not found`);
}

function locked(context: Context, word: string, work: (container: Container) => void): void {
  withOpLock(context, findContainer(context, word).id, work);
  checkpoint(context.database());
}

/** moby daemon/container_operations.go, daemon/errors.go: whose network is another's has no other one. */
function refuseShared({ host: { NetworkMode } }: Container, { driver }: Network): void {
  if (joinedContainer(NetworkMode) !== null) throw conflict("container sharing network namespace with another container or host cannot be connected to any other network");
  if (NetworkMode === "host" || driver === "host") throw conflict("container cannot be disconnected from host network or connected to host network");
}

/** Whoever is on none is on no other one; off it, he may come to others. */
function refuseCompany({ id, driver }: Network, endpoints: readonly Endpoint[]): void {
  const others = endpoints.filter(({ network }) => network !== id);
  if (others.length > 0 && (driver === "null" || others.some(({ networkName }) => networkName === "none"))) throw conflict("container cannot be connected to multiple networks with one of the networks in private (none) mode");
}

const conflict = (text: string): MdkError => new MdkError("conflict", "network-conflict", text);

function replace(context: Context, { id }: Container, network: Network, settings: EndpointSettings, position: number): void {
  transaction(context.database(), (database) => {
    removeEndpoint(database, id, network.id);
    addEndpoint(database, { container: id, network: network.id, position, settings });
  });
}

/** Null: it does not run. */
function runningOf(context: Context, container: Container): RunningContainer | null {
  const condition = readCondition(runPaths(context.runRoot).container(container.id), { ownOpLock: true });
  if (condition.kind !== "running") return null;
  return { container, openNamespace: () => openSync(`/proc/${condition.state.pid}/ns/net`, "r") };
}

