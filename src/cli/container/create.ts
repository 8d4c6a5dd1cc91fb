/** `mdk create`. */
import { EXIT } from "../exit.ts";
import { createContainer } from "../../engine/container/create.ts";
import { networkWarnings } from "../../spec/network.ts";
import { createCidFile } from "./cid-file.ts";
import { CONTAINER_FLAGS } from "./flags.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { attachedStreams } from "./joining.ts";
import { withImage } from "./obtain-image.ts";
import { warn } from "../output/warn.ts";
import { print } from "../output/text.ts";
import { requestOf } from "./request.ts";

export const command: Command = {
  usage: "create [OPTIONS] IMAGE [COMMAND] [ARG...]",
  summary: "Create a new container",
  flags: CONTAINER_FLAGS,
  operands: [1, Infinity],
  interspersed: false,
  failure: EXIT.failure,
  run,
};

async function run({ context, flags, operands }: Invocation): Promise<number> {
  const [image = "", ...rest] = operands;
  const attached = attachedStreams(flags);
  const takes = (name: string): boolean => attached.length === 0 || attached.includes(name);
  const interactive = flags.bool("interactive");
  const attachment = { stdin: interactive, stdout: takes("stdout"), stderr: takes("stderr"), terminal: flags.bool("tty") };
  const request = requestOf({ flags, image, arguments: rest, attachment, interactive, environment: context.environment, defaults: context.settings.host });
  const cidFile = createCidFile(flags.string("cidfile"));
  try {
    const warnings = networkWarnings(request.host);
    const id = await withImage(context, flags, image, (facts) => createContainer(context, request, facts, (text) => void warnings.push(text)));
    cidFile.write(id);
    await warn(warnings);
    print(id);
    return 0;
  } finally {
    cidFile.close();
  }
}
