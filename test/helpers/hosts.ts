/** Hosts from which this machine takes its packages, other than the public ones: they must not slip into a file. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Hosts that a public file may name. */
const PUBLIC = /(^|\.)(debian\.org|npmjs\.org|pypi\.org|pythonhosted\.org|nodesource\.com|docker\.com|docker\.io|ubuntu\.com|google\.com)$/;

export function foreignHosts(): string[] {
  const folder = "/etc/apt/sources.list.d";
  const files = [
    "/etc/apt/sources.list", "/etc/pip.conf", join(homedir(), ".npmrc"), join(homedir(), ".config/pip/pip.conf"),
    ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []),
  ];
  const settings = ["PIP_INDEX_URL", "NPM_CONFIG_REGISTRY", "npm_config_registry", "BUN_CONFIG_REGISTRY", "GOPROXY"].map((name) => process.env[name] ?? "");
  const text = [...files.filter((path) => existsSync(path)).map((path) => readFileSync(path, "utf8")), ...settings].join("\n");
  const hosts = [...text.matchAll(/https?:\/\/(?:[^/@\s]*@)?([^/:\s,|]+)/g)].map((match) => match[1] ?? "");
  return [...new Set(hosts)].filter((host) => host.includes(".") && !PUBLIC.test(host));
}
