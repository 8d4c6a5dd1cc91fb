/** Signals: names, numbers, and Docker's ways of writing them (moby/sys/signal). x86_64 and aarch64 agree. */
import { MdkError } from "../error.ts";

const NAMES = [
  "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
  "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR",
  "SYS",
] as const;

const ALIASES: Readonly<Record<string, number>> = { IOT: 6, CLD: 17, POLL: 29, UNUSED: 31 };

const RTMIN = 34;
const RTMAX = 64;

/** Number of "TERM"; of "SIGTERM", "15", "RTMIN+3", "rtmax-1" too. MdkError in Docker's words otherwise. */
export function parseSignal(text: string): number {
  const number = signalNumber(text);
  if (number === null) throw new MdkError("invalid", "invalid-signal", `invalid signal: ${text}`, { hint: "write a name (TERM) or a number (15)" });
  return number;
}

/** As `parseSignal`; null for what is no signal. */
function signalNumber(text: string): number | null {
  if (/^[0-9]{1,3}$/.test(text)) {
    const number = Number(text);
    return number >= 1 && number <= RTMAX ? number : null;
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const index = (NAMES as readonly string[]).indexOf(name);
  if (index >= 0) return index + 1;
  if (Object.hasOwn(ALIASES, name)) return ALIASES[name] ?? null;
  const realtime = /^RT(MIN|MAX)(?:([+-])([0-9]{1,2}))?$/.exec(name);
  if (realtime === null) return null;
  const offset = Number(realtime[3] ?? 0) * (realtime[2] === "-" ? -1 : 1);
  const result = (realtime[1] === "MIN" ? RTMIN : RTMAX) + offset;
  return result >= RTMIN && result <= RTMAX ? result : null;
}
