/** `mdk info`. */
import { readInfo } from "../engine/info.ts";
import type { Command } from "./flags.ts";
import { print } from "./output.ts";
import { renderTemplate } from "./template.ts";
import { versionFacts } from "./version-line.ts";

export const command: Command = {
  usage: "info [OPTIONS]",
  summary: "Display system-wide information",
  flags: [{ name: "format", short: "f", type: "string", help: "Format output using a Go template: fields, json" }],
  operands: [0, 0],
  run: ({ context, flags }) => {
    const info = { ...readInfo(context), ServerVersion: versionFacts().version };
    const format = flags.string("format");
    if (format !== null) print(format === "json" ? JSON.stringify(info) : renderTemplate(format, info));
    else print(Object.entries(info).map(([name, value]) => ` ${name}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`).join("\n"));
    return 0;
  },
};
