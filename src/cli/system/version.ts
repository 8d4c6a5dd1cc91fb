/** `mdk version`. */
import type { Command } from "../grammar/flags.ts";
import { print } from "../output/text.ts";
import { renderTemplate } from "../output/template.ts";
import { versionFacts } from "./version-line.ts";

/** The engine API whose words and shapes mdk uses. */
const API_VERSION = "1.50";

export const command: Command = {
  usage: "version [OPTIONS]",
  summary: "Show the mdk version information",
  flags: [{ name: "format", short: "f", type: "string", help: "Format output using a Go template: fields, json" }],
  operands: [0, 0],
  anyUser: true,
  run: ({ flags }) => {
    const { version, commit, built } = versionFacts();
    const arch = process.arch === "x64" ? "amd64" : process.arch;
    const facts = { Version: version, ApiVersion: API_VERSION, GitCommit: commit.slice(0, 7), Built: built.toUTCString(), Os: "linux", Arch: arch, BunVersion: Bun.version };
    const format = flags.string("format");
    const both = { Client: facts, Server: facts };
    if (format !== null) print(format === "json" ? JSON.stringify(both) : renderTemplate(format, both));
    else print(["mdk:", ...Object.entries({ Version: version, "API version": API_VERSION, "Bun version": Bun.version, "Git commit": facts.GitCommit || "unknown", Built: facts.Built, "OS/Arch": `linux/${arch}` }).map(([name, value]) => ` ${`${name}:`.padEnd(18)} ${value}`)].join("\n"));
    return 0;
  },
};
