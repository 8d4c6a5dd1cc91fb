/** `mdk tag`. */
import { tagAs } from "../../engine/image/tag.ts";
import { MdkError } from "../../error.ts";
import { parseReference } from "../../image/reference.ts";
import { EXIT, CommandError } from "../exit.ts";
import type { Command } from "../grammar/flags.ts";

/** Docker's client looks at both before anything is asked. */
function checkReference(word: string): void {
  if (/^[0-9a-f]{64}$/.test(word)) return; // an id
  try {
    parseReference(word);
  } catch (error) {
    if (!(error instanceof MdkError)) throw error;
    throw new CommandError(EXIT.failure, "reference-invalid", `Error parsing reference: ${JSON.stringify(word)} is not a valid repository/tag: ${error.message}`);
  }
}

export const command: Command = {
  usage: "tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
  flags: [],
  operands: [2, 2],
  run: async ({ context, operands: [source = "", target = ""] }) => {
    for (const word of [source, target]) checkReference(word);
    tagAs(context, source, target);
    return 0;
  },
};
