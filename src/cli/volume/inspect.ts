/** `mdk volume inspect`. */
import { readVolumeJson } from "../../api/inspect.ts";
import { VOLUME_SHAPE } from "../../api/json/shape.ts";
import type { Command } from "../grammar/flags.ts";
import { printFound } from "../output/inspect-with.ts";

export const command: Command = {
  usage: "volume inspect [OPTIONS] VOLUME [VOLUME...]",
  summary: "Display detailed information on one or more volumes",
  flags: [{ name: "format", short: "f", type: "string", help: "Format output using a custom template: json, or a Go template" }],
  operands: [1, Infinity],
  run: ({ context, flags, operands }) => printFound(operands, flags.string("format"), {
    lenient: false,
    read: (name) => {
      const object = readVolumeJson(context, name);
      return object === null ? null : { object, shape: VOLUME_SHAPE };
    },
    missing: (name) => `get ${name}: no such volume`,
  }),
};
