/** `mdk start`. */
import { EXIT, CommandError } from "../exit.ts";
import { beginExisting } from "../../engine/start/begin.ts";
import { findContainer } from "../../engine/container/find.ts";
import { attach, runForeground } from "../../engine/session/foreground.ts";
import { detachedStreaming } from "../../engine/start/monitor-plan.ts";
import { reconcile } from "../../engine/end/settle.ts";
import { startBegun } from "../../engine/start/start.ts";
import { forEach } from "../grammar/each.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { caller } from "./caller.ts";
import { changesOf, UPDATE_FLAGS } from "./update-flags.ts";
import { endStatus, parseDetachKeys } from "./joining.ts";
import { print, printable, printError } from "../output/text.ts";
import { Warnings } from "../output/warn.ts";

export const command: Command = {
  usage: "start [OPTIONS] CONTAINER [CONTAINER...]",
  summary: "Start one or more stopped containers",
  flags: [
    { name: "attach", short: "a", type: "bool", help: "Attach STDOUT/STDERR and forward signals" },
    { name: "detach-keys", type: "string", help: "Override the key sequence for detaching a container" },
    { name: "interactive", short: "i", type: "bool", help: "Attach container's STDIN" },
    { name: "sig-proxy", type: "bool", help: "Proxy received signals to the process (default true)" },
    ...UPDATE_FLAGS,
    { name: "checkpoint", type: "string", help: "Restore from this checkpoint", missing: true },
    { name: "checkpoint-dir", type: "string", help: "Use a custom checkpoint storage directory", missing: true },
  ],
  operands: [1, Infinity],
  run,
};

async function run(invocation: Invocation): Promise<number> {
  const { context, flags, operands } = invocation;
  await change(invocation);
  if (flags.bool("attach") || flags.bool("interactive")) return await startAttached(invocation);
  const started = new Set<string>();
  const status = await forEach(operands, async (word) => {
    const begun = beginExisting(context, findContainer(context, word).id);
    if (begun !== null) {
      const warnings = new Warnings();
      await startBegun(context, begun, { streaming: detachedStreaming(begun.container), window: null, warn: warnings.tell });
      await warnings.show();
    }
    started.add(word);
    print(word);
  });
  if (status !== 0) printError(printable(`mdk: failed to start containers: ${operands.filter((word) => !started.has(word)).join(", ")}`));
  reconcile(context);
  return status;
}

/** mdk's own: the flags of `update`, before the start. */
async function change({ context, flags, operands }: Invocation): Promise<void> {
  const changes = changesOf(flags);
  if (changes === null) return;
  const { updateContainer } = await import("../../engine/container/update.ts");
  for (const word of operands) updateContainer(context, findContainer(context, word).id, changes);
}

async function startAttached({ context, flags, operands }: Invocation): Promise<number> {
  const [word = "", another] = operands;
  if (another !== undefined) throw new CommandError(EXIT.failure, "several-attached", "you cannot start and attach multiple containers at once");
  const container = findContainer(context, word);
  const warnings = new Warnings();
  const joining = {
    stdin: flags.bool("interactive") && container.config.OpenStdin, stdout: true, stderr: true, client: caller(),
    detachKeys: parseDetachKeys(flags.string("detach-keys")), sigProxy: flags.bool("sig-proxy", true), warn: warnings.tell, started: warnings.show,
  };
  const begun = beginExisting(context, container.id);
  // One that runs already is joined, as by Docker.
  return endStatus(await (begun === null ? attach(context, container, joining) : runForeground(context, begun, joining)), 0);
}
