/** Flags of buildx that mean little here: a builder, permissions, attestations; what they ask for that there is not is refused by name. */
import { MdkError } from "../../error.ts";
import { parseCsv } from "../../build/language/csv.ts";
import type { Entitlement } from "../../engine/build/request.ts";
import type { Values } from "../grammar/flags.ts";

/** Throws MdkError "builder", "attestation". */
export function checkAccepted(flags: Values): void {
  const builder = flags.string("builder");
  if (builder !== null && builder !== "" && builder !== "default") throw new MdkError("not-found", "builder", `no builder ${JSON.stringify(builder)} found`, { hint: "mdk itself is the builder, and the only one" });
  const [provenance, sbom] = [flags.string("provenance"), flags.string("sbom")];
  if (provenance !== null && !isOff(provenance)) throw unattested(`--provenance=${provenance}`);
  if (sbom !== null && !isOff(sbom)) throw unattested(`--sbom=${sbom}`);
  for (const word of flags.list("attest")) if (!isOff(word)) throw unattested(`--attest=${word}`);
}

/** "false", "disabled=true", "type=sbom,disabled=true". */
function isOff(text: string): boolean {
  return /^(0|f|false)$/i.test(text) || text.split(",").some((field) => /^disabled(=(1|t|true))?$/i.test(field.trim()));
}

function unattested(what: string): MdkError {
  return new MdkError("unsupported", "attestation", `${what}: attestations are not supported by this version of mdk`);
}

const ENTITLEMENTS: ReadonlySet<string> = new Set<Entitlement>(["network.host", "security.insecure"]);

/** --allow; a build whose steps are all in the host's network needs no permission for it. Throws MdkError "entitlement". */
export function entitlementsOf(words: readonly string[], network: string | null): Set<Entitlement> {
  const all = words.flatMap((word) => parseCsv(word));
  for (const word of all) if (!ENTITLEMENTS.has(word)) throw new MdkError("invalid", "entitlement", `unknown entitlement ${word}`);
  return new Set([...(all as Entitlement[]), ...(network === "host" ? ["network.host" as const] : [])]);
}

/** --annotation, "KEY=VALUE" or "manifest:KEY=VALUE". Throws MdkError "annotation". */
export function annotationsOf(words: readonly string[]): Record<string, string> {
  return Object.fromEntries(words.map((word) => {
    const equals = word.indexOf("=");
    if (equals === -1) throw new MdkError("invalid", "annotation", `invalid annotation ${JSON.stringify(word)}, expected key=value`);
    const [, types = null, key = ""] = /^(?:([^:=]*):)?(.*)$/s.exec(word.slice(0, equals)) ?? [];
    if (types !== null && types !== "manifest") throw new MdkError("unsupported", "annotation", `annotations of the kind ${types} are not supported by this version of mdk`, { hint: "those of a manifest are: manifest:KEY=VALUE" });
    if (key === "") throw new MdkError("invalid", "annotation", `invalid annotation ${JSON.stringify(word)}, expected key=value`);
    return [key, word.slice(equals + 1)];
  }));
}
