/**
 * Where a registry is reached and whom we trust there: the scheme, the certificates. Plain HTTP is spoken only to this
 * machine itself or to a registry the user named insecure; a name is not enough to be this machine.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { holdsAddress, readAddress, readPrefix } from "../spec/prefix.ts";

export interface RegistryEndpoint {
  /** "https://registry-1.docker.io", tried in this order. */
  readonly origins: readonly string[];
  readonly tls: Tls;
}

export interface Tls {
  /** PEM texts; null: what the runtime trusts by itself. */
  readonly ca: readonly string[] | null;
  readonly cert: string | null;
  readonly key: string | null;
  readonly rejectUnauthorized: boolean;
}

/** Where distributions keep the certificates that the host trusts; the first that is there. */
const CA_FILES = [
  "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem",
];

export interface EndpointOptions {
  /** Registries named by --insecure-registry and the configuration: "host", "host:port", or a subnet that the registry's address is in. */
  readonly insecure: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Folder with one folder a registry; default: CERTIFICATES. */
  readonly certificates?: string;
}

/** Where the certificates of single registries are looked for: ours, and Docker's. */
const CERTIFICATES = ["/etc/mdk/certs.d", "/etc/docker/certs.d"];

/** `domain` as a reference has it. Reads certificate files; the ones that are missing or unreadable are left out. */
export function resolveEndpoint(domain: string, options: EndpointOptions): RegistryEndpoint {
  const host = domain === "docker.io" ? "registry-1.docker.io" : domain;
  const name = hostName(host);
  const insecure = isInsecure([host, domain, name], options.insecure);
  const plain = insecure || isLoopback(name);
  return {
    origins: plain ? [`https://${host}`, `http://${host}`] : [`https://${host}`],
    tls: readTls(domain, options, !plain),
  };
}

/** A mirror, whose origin the configuration has: with the certificates of its own host, in plain HTTP where that says so. */
export function mirrorEndpoint(origin: string, options: EndpointOptions): RegistryEndpoint {
  const { host } = new URL(origin);
  const insecure = isInsecure([host, hostName(host)], options.insecure) || isLoopback(hostName(host));
  return { origins: [origin], tls: readTls(host, options, !insecure) };
}

/** A subnet holds the registries whose addresses are written out: no name is looked up for it. */
function isInsecure(names: readonly string[], insecure: readonly string[]): boolean {
  const address = readAddress(names.at(-1)!.replace(/^\[(.*)\]$/, "$1"));
  return insecure.some((named) => {
    if (names.includes(named)) return true;
    const subnet = address === null || !named.includes("/") ? null : readPrefix(named);
    return subnet !== null && holdsAddress(subnet, address!);
  });
}

/** Without the port: "[::1]" of "[::1]:5000". */
export function hostName(host: string): string {
  return host.replace(/:\d+$/, "");
}

/** 127.0.0.0/8, ::1 and the name that RFC 6761 reserves for them. */
export function isLoopback(name: string): boolean {
  return name === "localhost" || name === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}

function readTls(domain: string, options: EndpointOptions, rejectUnauthorized: boolean): Tls {
  const folders = options.certificates === undefined ? CERTIFICATES : [options.certificates];
  const names = domain === "docker.io" ? [domain, "registry-1.docker.io"] : [domain];
  const found = folders.flatMap((folder) => names.map((name) => readCertificates(join(folder, name))));
  // A certificate goes with the key beside it.
  const own = found.find(({ cert, key }) => cert !== null && key !== null);
  const bundle = [options.environment.SSL_CERT_FILE, ...CA_FILES].flatMap((path) => (path === undefined || path === "" ? [] : [path]));
  const host = bundle.map(read).find((text) => text !== null) ?? null;
  const ca = [...(host === null ? [] : [host]), ...found.flatMap((one) => one.ca)];
  return { ca: ca.length === 0 ? null : ca, cert: own?.cert ?? null, key: own?.key ?? null, rejectUnauthorized };
}

/** Docker's certs.d: *.crt are authorities, NAME.cert with NAME.key is ourselves. */
function readCertificates(directory: string): { ca: string[]; cert: string | null; key: string | null } {
  let names: string[];
  try {
    names = readdirSync(directory).sort();
  } catch {
    return { ca: [], cert: null, key: null };
  }
  const texts = (wanted: readonly string[]): string[] => wanted.flatMap((name) => read(join(directory, name)) ?? []);
  const cert = names.find((name) => name.endsWith(".cert") && names.includes(`${name.slice(0, -5)}.key`));
  return {
    ca: texts(names.filter((name) => name.endsWith(".crt"))),
    cert: cert === undefined ? null : read(join(directory, cert)),
    key: cert === undefined ? null : read(join(directory, `${cert.slice(0, -5)}.key`)),
  };
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
