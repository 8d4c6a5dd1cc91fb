/** RUN: a line for the shell, a program with its arguments, or heredocs. */
import { quote } from "../text.ts";
import { checkMountWords } from "./mount.ts";
import type { Reading } from "./reading.ts";
import type { RunInstruction } from "./types.ts";

const NETWORKS = ["default", "none", "host"] as const;
const SECURITIES = ["sandbox", "insecure"] as const;

export function parseRun({ statement: { words, heredocs, isExecForm, flags: flagWords }, origin, flags, refuse }: Reading): RunInstruction {
  const place = (start: string): number | undefined => flagWords.find(({ text }) => text.startsWith(start))?.at;
  const given = flags({ mount: "list", network: "value", security: "value", device: "list" });
  for (const { text, at } of flagWords) {
    if (!text.startsWith("--mount=")) continue;
    try {
      checkMountWords(text.slice("--mount=".length));
    } catch (error) {
      throw refuse((error as Error).message, at);
    }
  }
  const [network, security] = [given.value("network") ?? "default", given.value("security") ?? "sandbox"];
  const mode = NETWORKS.find((name) => name === network);
  const sandbox = SECURITIES.find((name) => name === security);
  if (mode === undefined) throw refuse(`invalid network mode ${quote(network)}`, place("--network="));
  if (sandbox === undefined) throw refuse(`security ${quote(security)} is not valid`, place("--security="));
  if (given.list("device").length > 0) throw refuse("RUN --device asks for devices by CDI, which mdk does not have", place("--device="));
  return { ...origin, kind: "run", command: { words: words.map(({ text }) => text), isExecForm }, heredocs, mounts: given.list("mount"), network: mode, security: sandbox };
}
