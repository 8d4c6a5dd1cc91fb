/** `mdk volume inspect`. */
import { volumeJson } from "../../api/json/volume.ts";
import { VOLUME_SHAPE } from "../../api/json/shape.ts";
import { readVolume } from "../../store/volumes.ts";
import { storePaths } from "../../store/paths.ts";
import type { Command } from "../grammar/flags.ts";
import { printFound } from "../output/inspect-with.ts";

export const command: Command = {
  usage: "volume inspect [OPTIONS] VOLUME [VOLUME...]",
  summary: "Display detailed information on one or more volumes",
  flags: [{ name: "format", short: "f", type: "string", help: "Format output using a custom template: json, or a Go template" }],
  operands: [1, Infinity],
  run: ({ context, flags, operands }) => printFound(operands, flags.string("format"), {
    shape: VOLUME_SHAPE, lenient: false,
    read: (name) => {
      const volume = readVolume(context.database(), name);
      return volume === null ? null : volumeJson(volume, storePaths(context.root).volumeData(name));
    },
    missing: (name) => `get ${name}: no such volume`,
  }),
};
