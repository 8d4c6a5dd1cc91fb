/** Who a container on the default bridge is linked to, where nobody answers for names: lines of its /etc/hosts, variables of its processes. */
import { MdkError } from "../../error.ts";
import { formatAddress } from "../../network/ipam.ts";
import { parseLink, type EndpointSettings } from "../../spec/endpoint.ts";
import { linkVariables } from "../../spec/link-variables.ts";
import { BRIDGE } from "../../spec/network-mode.ts";
import { parseExposeFlag } from "../../spec/ports.ts";
import { findContainers, type Container } from "../../store/containers.ts";
import { listEndpoints } from "../../store/endpoints.ts";
import type { Context } from "../context.ts";

/** Somebody who runs, and what he is called there. */
export interface Linked {
  readonly alias: string;
  readonly container: Container;
  /** "172.17.0.2". */
  readonly address: string;
}

/** By the links of one who starts. Throws MdkError in Docker's words (moby daemon/container_operations_unix.go). */
export function resolveLinks(context: Context, { name }: Pick<Container, "name">, { Links }: EndpointSettings): Linked[] {
  return (Links ?? []).map(parseLink).map(({ container: word, alias }) => {
    const [container] = findContainers(context.database(), word);
    if (container === undefined) throw new MdkError("not-found", "no-such-container", `could not get container for ${word}: No such container: ${word}`);
    const endpoint = defaultEndpoint(context, container.id);
    if (endpoint === undefined) throw new MdkError("conflict", "not-linkable", `Cannot link to /${container.name}, as it does not belong to the default network`, { hint: "containers on a network of your own find each other by name" });
    if (endpoint.connection?.address == null) throw new MdkError("conflict", "not-running", `Cannot link to a non running container: /${container.name} AS /${name}/${alias}`);
    return { alias, container, address: formatAddress(endpoint.connection.address) };
  });
}

function defaultEndpoint(context: Context, id: string): ReturnType<typeof listEndpoints>[number] | undefined {
  return listEndpoints(context.database(), id).find(({ networkName }) => networkName === BRIDGE);
}

export function linkedHosts(linked: readonly Linked[]): { address: string; names: string[] }[] {
  return linked.map(({ alias, container, address }) => ({ address, names: [...new Set([alias, container.config.Hostname, container.name])] }));
}

/** KEY=VALUE, beneath what the container's own environment says. */
export function linkedVariables({ name }: Pick<Container, "name">, linked: readonly Linked[]): string[] {
  return linked.flatMap(({ alias, container: { config }, address }) =>
    linkVariables({ name: `/${name}/${alias}`, address, exposed: Object.keys(config.ExposedPorts ?? {}).flatMap(parseExposeFlag), environment: config.Env }));
}

/** Of one that runs, for a further process of it: as things are by now, without those that have ended. */
export function presentVariables(context: Context, container: Pick<Container, "id" | "name">): string[] {
  const settings = defaultEndpoint(context, container.id)?.settings;
  const present = (settings?.Links ?? []).flatMap((link) => {
    try {
      return resolveLinks(context, container, { ...settings!, Links: [link] });
    } catch (error) {
      if (error instanceof MdkError) return [];
      throw error;
    }
  });
  return linkedVariables(container, present);
}
