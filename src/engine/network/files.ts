/** The files that tell a container of its network: hosts, hostname, resolv.conf. */
import { chmodSync, closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { generateHosts, generateResolvConf, RESOLV_CONF, SYSTEMD_RESOLV_CONF } from "../../network/resolv.ts";
import { bridgedOf } from "../../spec/network.ts";
import type { Container } from "../../store/containers.ts";
import type { Context } from "../context.ts";

/** A mark below the run root. */
export const NAME_SERVERS_TOLD = "name-servers-told";

/** Writes the three into the container's directory, readable to all in the container as Docker's are. Returns warnings. */
export function writeNetworkFiles(context: Context, container: Container, directory: string): string[] {
  const { config, host } = container;
  const network = bridgedOf(container.network);
  const resolv = generateResolvConf({
    host: readText(RESOLV_CONF), systemd: () => readText(SYSTEMD_RESOLV_CONF),
    servers: host.Dns, search: host.DnsSearch, options: host.DnsOptions, sharesHost: host.NetworkMode === "host",
  });
  const hosts = generateHosts({
    hostname: config.Hostname, domainname: config.Domainname, address: network?.address ?? null, extra: host.ExtraHosts ?? [], gateway: network?.gateway ?? null,
  });
  for (const [name, text] of [["hosts", hosts], ["hostname", `${config.Hostname}\n`], ["resolv.conf", resolv.text]] as const) {
    const path = `${directory}/${name}`;
    writeFileSync(path, text);
    // Whatever the caller's umask.
    chmodSync(path, 0o644);
  }
  return resolv.warning === null || isToldAlready(context) ? [] : [resolv.warning];
}

/** The host's missing name servers are told of once, not at every start: until the next boot, or `clean`. */
function isToldAlready(context: Context): boolean {
  try {
    closeSync(openSync(`${context.runRoot}/${NAME_SERVERS_TOLD}`, "wx", 0o600));
    return false;
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST") return true;
    throw error;
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
