/** `mdk version`. */
import { ansiDate, API_VERSION, versionJson } from "../../api/json/version.ts";
import { VERSION_SHAPE } from "../../api/json/shape.ts";
import { kernelRelease } from "../../sys/kernel.ts";
import type { Command } from "../grammar/flags.ts";
import { openTemplate } from "../output/format.ts";
import { json, print } from "../output/text.ts";
import { versionFacts } from "./version-line.ts";

export const command: Command = {
  usage: "version [OPTIONS]",
  summary: "Show the mdk version information",
  flags: [{ name: "format", short: "f", type: "string", help: "Format output using a Go template: fields, json" }],
  operands: [0, 0],
  anyUser: true,
  run: async ({ flags }) => {
    const facts = { ...versionFacts(), kernel: kernelRelease() };
    const format = flags.string("format");
    if (format === "json") print(json(versionJson(facts)));
    else if (format !== null) print((await openTemplate(format, "version")).document(versionJson(facts), VERSION_SHAPE));
    else print(page(facts));
    return 0;
  },
};

/** Docker's two blocks: one program is both. */
function page({ version, commit, built, architecture, runtime }: ReturnType<typeof versionFacts>): string {
  const both = [["Bun version", runtime.replace(/^bun/, "")], ["Git commit", commit.slice(0, 7) || "unknown"], ["Built", ansiDate(built)], ["OS/Arch", `linux/${architecture}`]] as const;
  const lines = (pairs: readonly (readonly [string, string])[], indent: string): string[] => pairs.map(([name, value]) => `${indent}${`${name}:`.padEnd(indent === " " ? 18 : 17)} ${value}`);
  return [
    "Client: mdk", ...lines([["Version", version], ["API version", API_VERSION], ...both, ["Context", "default"]], " "), "",
    "Server: mdk", " Engine:", ...lines([["Version", version], ["API version", `${API_VERSION} (minimum version 1.24)`], ...both, ["Experimental", "false"]], "  "),
  ].join("\n");
}
