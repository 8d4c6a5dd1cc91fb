/**
 * A process that calls the engine's verbs of networks over and over, as a server would, and says which descriptors it has more than after
 * the first round: `bun test/helpers/network-rounds.ts ROOT RUN-ROOT`. A container "live" runs.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { connectContainer, disconnectContainer } from "../../src/engine/container/connect.ts";
import { createContext } from "../../src/engine/context.ts";
import { inspectNetwork } from "../../src/engine/network/inspect.ts";
import { findNetwork } from "../../src/engine/network/endpoints.ts";
import { createNetwork, pruneNetworks, removeNetwork } from "../../src/engine/network/networks.ts";
import { reloadNetworks } from "../../src/engine/network/reload.ts";
import { parseSubnet } from "../../src/network/ipam.ts";
import { ANY_ENDPOINT } from "../../src/spec/endpoint.ts";
import type { NetworkConfig } from "../../src/spec/network-config.ts";

const [root = "", runRoot = ""] = process.argv.slice(2);
const context = createContext({ root, runRoot, environment: {}, now: () => new Date() });
const config: NetworkConfig = { name: "made", driver: "bridge", internal: false, ipv6: true, v4: null, v6: null, options: {}, labels: {} };
const pool = (subnet: string): NetworkConfig["v4"] => ({ subnet: parseSubnet(subnet), gateway: parseSubnet(subnet).address + 1, range: null, aux: {}, auto: false });

function refused(verb: () => unknown): string {
  try {
    verb();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return "nothing";
}

function round(): string[] {
  createNetwork(context, config);
  const live = { network: "made", container: "live", settings: ANY_ENDPOINT };
  connectContainer(context, live);
  const codes = [
    refused(() => createNetwork(context, config)), refused(() => createNetwork(context, { ...config, name: "taken", v4: pool("10.99.0.0/24") })),
    refused(() => createNetwork(context, { ...config, name: "link", options: { "com.docker.network.bridge.name": "up0" } })),
    refused(() => connectContainer(context, live)), refused(() => removeNetwork(context, "made")), refused(() => connectContainer(context, { ...live, network: "host" })),
  ];
  if (inspectNetwork(context, findNetwork(context, "made")).endpoints.length !== 1) codes.push("nobody is on it");
  reloadNetworks(context);
  disconnectContainer(context, { ...live, force: false });
  codes.push(refused(() => disconnectContainer(context, { ...live, force: false })));
  removeNetwork(context, "made");
  codes.push(
    refused(() => removeNetwork(context, "made")), refused(() => findNetwork(context, "made")), refused(() => connectContainer(context, live)), refused(() => disconnectContainer(context, { ...live, force: true })),
    refused(() => connectContainer(context, { ...live, network: "bridge", container: "missing" })), refused(() => removeNetwork(context, "bridge")),
  );
  createNetwork(context, { ...config, driver: "macvlan", ipv6: false, options: { parent: "up0" } });
  connectContainer(context, live);
  disconnectContainer(context, { ...live, force: true });
  pruneNetworks(context, () => true);
  return codes;
}

const open = (): string[] => readdirSync("/proc/self/fd").flatMap((fd) => {
  try {
    return [readlinkSync(`/proc/self/fd/${fd}`).replace(/\d+/g, "N")];
  } catch {
    return []; // that of readdir itself
  }
}).sort();

const codes = round();
await Bun.sleep(50);
const before = open();
for (let turn = 0; turn < 5; turn++) round();
for (let look = 0; look < 50 && open().length !== before.length; look++) await Bun.sleep(20);
console.log(JSON.stringify({ codes, before, after: open() }));
