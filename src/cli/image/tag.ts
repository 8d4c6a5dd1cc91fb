/** `mdk tag`. */
import { tagAs } from "../../engine/image/tag.ts";
import type { Command } from "../grammar/flags.ts";

export const command: Command = {
  usage: "tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
  flags: [],
  operands: [2, 2],
  run: async ({ context, operands: [source = "", target = ""] }) => {
    tagAs(context, source, target);
    return 0;
  },
};
