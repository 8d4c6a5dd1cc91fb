/** `mdk run`. */
import { EXIT, CommandError } from "../exit.ts";
import { MdkError } from "../../error.ts";
import { beginNew } from "../../engine/start/begin.ts";
import { draftContainer } from "../../engine/container/create.ts";
import { containerExists } from "../../engine/container/find.ts";
import { runForeground } from "../../engine/session/foreground.ts";
import { detachedStreaming } from "../../engine/start/monitor-plan.ts";
import { reconcile } from "../../engine/end/settle.ts";
import { startBegun } from "../../engine/start/start.ts";
import { networkWarnings } from "../../spec/network.ts";
import { RUN_FLAGS } from "./flags.ts";
import { RequestError, UsageError, type Command, type Invocation } from "../grammar/flags.ts";
import { endStatus, parseDetachKeys, streamsOf } from "./joining.ts";
import { withImage } from "./obtain-image.ts";
import { print } from "../output/text.ts";
import { requestOf } from "./request.ts";
import { caller } from "./caller.ts";
import { createCidFile } from "./cid-file.ts";
import { Warnings } from "../output/warn.ts";

export const command: Command = {
  usage: "run [OPTIONS] IMAGE [COMMAND] [ARG...]",
  summary: "Create and run a new container from an image",
  flags: RUN_FLAGS,
  operands: [1, Infinity],
  interspersed: false,
  failure: EXIT.engine,
  run,
};

async function run({ context, flags, operands }: Invocation): Promise<number> {
  const [image = "", ...rest] = operands;
  const streams = streamsOf(flags);
  const detachKeys = parseDetachKeys(flags.string("detach-keys"));
  const request = asking(() => requestOf({ flags, image, arguments: rest, attachment: streams, interactive: streams.interactive, environment: context.environment, defaults: context.settings.host }));
  const waitNs = flags.duration("wait");
  if (waitNs !== null && !streams.detach) throw new UsageError("--wait is for --detach: a run in the foreground waits anyway");
  const warnings = new Warnings();
  networkWarnings(request.host).forEach(warnings.tell);
  const cidFile = createCidFile(flags.string("cidfile"));
  try {
    const begun = await withImage(context, flags, image, async (facts) => beginNew(context, await draftContainer(context, request, facts, warnings.tell)));
    const { id } = begun.container;
    cidFile.write(id);
    if (streams.detach) {
      try {
        await startBegun(context, begun, { streaming: detachedStreaming(begun.container), window: null, warn: warnings.tell });
      } catch (error) {
        // Who gets no id does not know of the container that is left.
        if (containerExists(context, id)) print(id);
        throw error;
      }
      await warnings.show();
      print(id);
      if (waitNs !== null) await (await import("./await-ready.ts")).awaitReadyOrTell(context, id, waitNs / 1e6);
      reconcile(context);
      return 0;
    }
    // Docker's: what is attached to no output tells its id instead.
    if (!streams.stdout && !streams.stderr) print(id);
    const joining = { ...streams, client: caller(), detachKeys, sigProxy: flags.bool("sig-proxy", true), warn: warnings.tell, started: warnings.show };
    return endStatus(await runForeground(context, begun, joining), 0);
  } finally {
    await warnings.show();
    cidFile.close();
  }
}

/** What the engine would refuse of the flags is to Docker's `run` a mistake in them, too. */
function asking<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof MdkError && !(error instanceof CommandError) ? new RequestError(error.message, error.hint) : error;
  }
}
