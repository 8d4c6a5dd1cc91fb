/** The text of daemon.json to settings: one line for what is wrong in it, with file, line and column. Pure. */
import { MdkError } from "../error.ts";
import { checkLogOptions, type LogDriver } from "../spec/log-options.ts";
import { poolsOf } from "../spec/network-pools.ts";
import type { Pools } from "../spec/network-config.ts";
import { prefixText, readPrefix } from "../spec/prefix.ts";
import { Misplaced, parseJson, placeOf, type JsonMember, type JsonValue } from "./json.ts";
import { KEYS, type Patch } from "./keys.ts";
import { IDLE_KEYS, NOT_YET_KEYS } from "./known.ts";
import { NO_SETTINGS, type Settings } from "./settings.ts";
import { checked, compact, membersOf, pairsOf, textOf } from "./values.ts";

/** The word of a list that was most likely meant, or null. */
type Nearest = (word: string, words: readonly string[]) => string | null;

/** `file`: its name, for errors. Throws MdkError "config-invalid" for the first mistake. */
export function parseSettings(file: string, text: string, nearest: Nearest): Settings {
  // As dockerd: a byte order mark is passed over, an empty file says nothing.
  const json = text.replace(/^\ufeff/, " ");
  try {
    if (json.trim() === "") return { ...NO_SETTINGS, file };
    return settingsOf(file, membersOf(parseJson(json)), nearest);
  } catch (error) {
    if (!(error instanceof Misplaced)) throw error;
    throw new MdkError("invalid", "config-invalid", `${placeOf(file, json, error.at)}: ${error.message}`);
  }
}

function settingsOf(file: string, members: readonly JsonMember[], nearest: Nearest): Settings {
  const idle: string[] = [];
  let settings = NO_SETTINGS;
  for (const { name, value, at } of members) {
    if (IDLE_KEYS.has(name)) idle.push(name);
    else if (Object.hasOwn(NOT_YET_KEYS, name)) refuseOther(name, value);
    else if (Object.hasOwn(KEYS, name)) settings = patched(settings, named(name, () => KEYS[name]!(value)));
    else throw unknownKey(name, at, nearest);
  }
  const values = new Map(members.map(({ name, value }) => [name, value]));
  return { ...patched(patched(settings, logOf(values)), bridgeOf(values)), file, idle: idle.sort() };
}

function named<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof Misplaced ? new Misplaced(error.at, `${name}: ${error.message}`) : error;
  }
}

function refuseOther(name: string, value: JsonValue): void {
  if (!NOT_YET_KEYS[name]!.includes(compact(value))) throw new Misplaced(value.at, `${name}: ${compact(value).slice(0, 60)} is not supported by this version of mdk`);
}

function unknownKey(name: string, at: number, nearest: Nearest): Misplaced {
  const near = nearest(name, [...Object.keys(KEYS), ...IDLE_KEYS, ...Object.keys(NOT_YET_KEYS)]);
  return new Misplaced(at, `unknown key ${JSON.stringify(name.slice(0, 60))}${near === null ? "" : `; did you mean ${JSON.stringify(near)}?`}`);
}

function patched(settings: Settings, patch: Patch): Settings {
  const merged = Object.entries(patch).map(([name, change]) => {
    const before = settings[name as keyof Settings];
    if (typeof change !== "object" || change === null || Array.isArray(change)) return [name, change];
    // Several keys are options of the default network.
    const options = name === "networks" && "bridgeOptions" in change ? { bridgeOptions: { ...settings.networks.bridgeOptions, ...(change.bridgeOptions as object) } } : {};
    return [name, { ...(before as object), ...change, ...options }];
  });
  return { ...settings, ...(Object.fromEntries(merged) as Partial<Settings>) };
}

type Values = ReadonlyMap<string, JsonValue>;

/** Which options there are is the driver's to say. */
function logOf(values: Values): Patch {
  const [driver, options] = [values.get("log-driver"), values.get("log-opts")];
  if (driver === undefined && options === undefined) return {};
  const log = { Type: driver === undefined ? NO_SETTINGS.host.log.Type : (textOf(driver) as LogDriver), Config: options === undefined ? {} : pairsOf(options) };
  named("log-opts", () => checked(options ?? driver!, () => checkLogOptions(log)));
  return { host: { log } };
}

/** The subnets of the default network: "bip" is its gateway in it, "fixed-cidr" where containers' addresses are taken from. */
function bridgeOf(values: Values): Patch {
  const v4 = bridgePoolOf(values, { family: 4, gateway: "bip", range: "fixed-cidr", example: "192.0.2.1/24" });
  const v6 = bridgePoolOf(values, { family: 6, gateway: "bip6", range: "fixed-cidr-v6", example: "2001:db8::1/64" });
  return { networks: { ...(v4 === null ? {} : { bridge: v4.v4 }), ...(v6 === null ? {} : { bridge6: v6.v6 }) } };
}

interface BridgeKeys {
  readonly family: 4 | 6;
  readonly gateway: string;
  readonly range: string;
  readonly example: string;
}

function bridgePoolOf(values: Values, keys: BridgeKeys): Pools | null {
  const [address, range] = [values.get(keys.gateway), values.get(keys.range)].map((value) => (value === undefined || textOf(value) === "" ? undefined : value));
  const said = address ?? range;
  if (said === undefined) return null;
  const [key, prefix] = [address === undefined ? keys.range : keys.gateway, readPrefix(textOf(said))];
  if (prefix === null || prefix.family !== keys.family) throw new Misplaced(said.at, `${key}: an IPv${keys.family} address with its prefix ("${keys.example}") is expected, not ${JSON.stringify(textOf(said))}`);
  const asked = { Subnet: prefixText(prefix), IPRange: range === undefined ? "" : textOf(range), Gateway: address === undefined ? "" : textOf(address).split("/")[0]!, AuxiliaryAddresses: {} };
  return named(range === undefined ? key : keys.range, () => checked(range ?? said, () => poolsOf([asked], { driver: "bridge", ipv6: keys.family === 6 })));
}
