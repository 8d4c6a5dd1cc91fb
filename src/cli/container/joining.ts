/** How a command's own streams are joined to a container: Docker's rules for -a, -d, -i, -t, and mdk's one exception. */
import { EXIT, CommandError } from "../exit.ts";
import type { SessionEnd } from "../../engine/session/client.ts";
import { isTerminal } from "../../sys/terminal.ts";
import { UsageError, type Values } from "../grammar/flags.ts";
import { printError } from "../output/text.ts";
import type { Attachment } from "./request.ts";

export interface StreamsAsked extends Attachment {
  readonly interactive: boolean;
  readonly detach: boolean;
}

/** Names of -a, in small letters. Throws UsageError for others than the three. */
export function attachedStreams(flags: Values): string[] {
  const names = flags.list("attach").map((name) => name.toLowerCase());
  for (const name of names) {
    if (!["stdin", "stdout", "stderr"].includes(name)) throw new UsageError(`invalid argument ${JSON.stringify(name)} for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR`);
  }
  return names;
}

/** For `run`. Throws MdkError where Docker refuses: -d with -a, -t without a terminal to read from. */
export function streamsOf(flags: Values): StreamsAsked {
  const detach = flags.bool("detach");
  const attached = attachedStreams(flags);
  if (detach && attached.length > 0) throw new CommandError(EXIT.failure, "conflicting-options", "conflicting options: cannot specify both --attach and --detach");
  const untouched = ["interactive", "tty", "detach", "attach"].every((name) => !flags.given(name));
  // On a terminal `mdk run IMAGE` is a shell: as with -it.
  const shell = untouched && isTerminal(0) && isTerminal(1);
  const interactive = flags.bool("interactive", shell);
  const terminal = flags.bool("tty", shell);
  // Docker's -i attaches stdin whatever -a says (docker/cli, opts.go).
  const stdin = !detach && interactive;
  if (terminal && stdin && !isTerminal(0)) throw new CommandError(EXIT.failure, "not-a-terminal", "the input device is not a TTY");
  return {
    detach, interactive, terminal, stdin,
    stdout: !detach && (attached.length === 0 || attached.includes("stdout")),
    stderr: !detach && (attached.length === 0 || attached.includes("stderr")),
  };
}

/**
 * Exit status of an attached session: the program's, or `left` when the user detached. Docker's own: 0 for run and start, 1
 * for attach and exec.
 */
export function endStatus(end: SessionEnd, left: number): number {
  if (end !== null) return end;
  printError("read escape sequence");
  return left;
}

const CONTROL: Readonly<Record<string, number>> = { "@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, _: 31 };

/** ctrl-p,ctrl-q */
const DETACH_KEYS = new Uint8Array([16, 17]);

/** Bytes of "ctrl-p,ctrl-q" or "a,b"; null takes the default. Throws UsageError as Docker's term.ToBytes does. */
export function parseDetachKeys(text: string | null): Uint8Array {
  if (text === null) return DETACH_KEYS;
  if (text === "") return new Uint8Array();
  return Uint8Array.from(text.split(","), (key) => {
    if (key.length === 1) return key.charCodeAt(0);
    const letter = /^ctrl-(.)$/.exec(key)?.[1];
    const code = letter === undefined ? undefined : /[a-z]/.test(letter) ? letter.charCodeAt(0) - 96 : CONTROL[letter];
    if (code === undefined) throw new UsageError(`invalid detach keys (${text}): Unknown character: '${key}'`);
    return code;
  });
}
