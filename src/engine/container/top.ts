/**
 * The processes of a container as ps(1) of the host would show them: mdk has its own, since a host need not have one. The columns are
 * procps' (ps(1), "STANDARD FORMAT SPECIFIERS"), those of `-ef` by default.
 */
import { readFileSync } from "node:fs";
import { listProcesses } from "../../cgroup/members.ts";
import { MdkError } from "../../error.ts";
import type { Container } from "../../store/containers.ts";
import { readProcess, type ProcessFacts } from "../../sys/proc-stat.ts";
import type { Context } from "../context.ts";
import { readStatus } from "../end/status.ts";
import { lives, restarting } from "../end/words.ts";

export interface Top {
  readonly titles: readonly string[];
  readonly processes: readonly (readonly string[])[];
}

interface Host {
  readonly now: Date;
  readonly bootMs: number;
  readonly memoryBytes: number;
  readonly users: ReadonlyMap<number, string>;
  readonly groups: ReadonlyMap<number, string>;
}

type Column = readonly [title: string, value: (process: ProcessFacts, host: Host) => string];

const two = (number: number): string => String(Math.trunc(number)).padStart(2, "0");
const startedMs = (process: ProcessFacts, host: Host): number => host.bootMs + process.startSeconds * 1000;
const ranSeconds = (process: ProcessFacts, host: Host): number => Math.max(0, (host.now.getTime() - startedMs(process, host)) / 1000);
const cpuShare = (process: ProcessFacts, host: Host): number => (process.cpuSeconds * 100) / Math.max(1, ranSeconds(process, host));
const nameOf = (names: ReadonlyMap<number, string>, id: number): string => names.get(id) ?? String(id);
const kib = (bytes: number): string => String(Math.trunc(bytes / 1024));
/** procps shows what could move a terminal's cursor, or make up a line, so. */
const shown = (text: string): string => text.replaceAll(/[\0-\x1f\x7f-\x9f]/g, "?");
const commandOf = ({ args, name }: ProcessFacts): string => shown(args.length === 0 ? `[${name}]` : args.join(" "));
const clock = (seconds: number): string => `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`;

function elapsed(seconds: number): string {
  const days = Math.trunc(seconds / 86_400);
  const rest = seconds % 86_400;
  const minutes = `${two((rest / 60) % 60)}:${two(rest % 60)}`;
  if (days > 0) return `${days}-${two(rest / 3600)}:${minutes}`;
  return rest >= 3600 ? `${two(rest / 3600)}:${minutes}` : minutes;
}

/** Of today the hour, of this year the day. */
function started(process: ProcessFacts, host: Host): string {
  const then = new Date(startedMs(process, host));
  if (then.toDateString() === host.now.toDateString()) return `${two(then.getHours())}:${two(then.getMinutes())}`;
  const month = then.toLocaleString("en", { month: "short" });
  return then.getFullYear() === host.now.getFullYear() ? `${month}${two(then.getDate())}` : String(then.getFullYear());
}

/** Majors of <linux/major.h>: 4 virtual consoles and serial lines, 136 and more the slaves of pseudo terminals. */
function terminalOf({ tty }: ProcessFacts): string {
  const major = (tty >> 8) & 0xfff;
  const minor = (tty & 0xff) | ((tty >> 12) & 0xfff00);
  if (tty === 0) return "?";
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`;
  return major === 4 ? (minor < 64 ? `tty${minor}` : `ttyS${minor - 64}`) : "?";
}

const COLUMNS: Readonly<Record<string, Column>> = {
  user: ["USER", ({ uid }, { users }) => nameOf(users, uid)],
  group: ["GROUP", ({ gid }, { groups }) => nameOf(groups, gid)],
  uid: ["UID", ({ uid }) => String(uid)],
  gid: ["GID", ({ gid }) => String(gid)],
  pid: ["PID", ({ pid }) => String(pid)],
  ppid: ["PPID", ({ ppid }) => String(ppid)],
  pgid: ["PGID", ({ pgid }) => String(pgid)],
  sid: ["SID", ({ sid }) => String(sid)],
  c: ["C", (process, host) => String(Math.min(99, Math.trunc(cpuShare(process, host))))],
  pcpu: ["%CPU", (process, host) => cpuShare(process, host).toFixed(1)],
  pmem: ["%MEM", ({ residentBytes }, { memoryBytes }) => ((residentBytes * 100) / memoryBytes).toFixed(1)],
  vsz: ["VSZ", ({ virtualBytes }) => kib(virtualBytes)],
  rss: ["RSS", ({ residentBytes }) => kib(residentBytes)],
  tty: ["TT", terminalOf],
  stat: ["STAT", ({ state, nice, pid, sid, threads }) => `${state}${nice < 0 ? "<" : nice > 0 ? "N" : ""}${pid === sid ? "s" : ""}${threads > 1 ? "l" : ""}`],
  state: ["S", ({ state }) => state],
  ni: ["NI", ({ nice }) => String(nice)],
  pri: ["PRI", ({ priority }) => String(39 - priority)],
  nlwp: ["NLWP", ({ threads }) => String(threads)],
  stime: ["STIME", started],
  start: ["START", started],
  etime: ["ELAPSED", (process, host) => elapsed(ranSeconds(process, host))],
  etimes: ["ELAPSED", (process, host) => String(Math.trunc(ranSeconds(process, host)))],
  time: ["TIME", ({ cpuSeconds }) => clock(cpuSeconds)],
  comm: ["COMMAND", ({ name }) => shown(name)],
  args: ["COMMAND", commandOf],
};

/** Other names of the same. */
const ALIASES: Readonly<Record<string, string>> = {
  uname: "user", euser: "user", euid: "uid", egid: "gid", egroup: "group", pgrp: "pgid", sess: "sid", session: "sid", "%cpu": "pcpu", "%mem": "pmem", vsize: "vsz", rssize: "rss", rsz: "rss",
  tt: "tty", tname: "tty", s: "state", nice: "ni", thcount: "nlwp", start_time: "stime", cputime: "time", ucmd: "comm", ucomm: "comm", cmd: "args", command: "args",
};

const titled = (name: string, title: string): Column => [title, COLUMNS[name]![1]];

const FULL: readonly Column[] = [titled("user", "UID"), ...["pid", "ppid", "c", "stime"].map((name) => COLUMNS[name]!), titled("tty", "TTY"), COLUMNS["time"]!, titled("args", "CMD")];
const USER: readonly Column[] = [...["user", "pid", "pcpu", "pmem", "vsz", "rss"].map((name) => COLUMNS[name]!), titled("tty", "TTY"), ...["stat", "start"].map((name) => COLUMNS[name]!),
  ["TIME", ({ cpuSeconds }) => `${Math.trunc(cpuSeconds / 60)}:${two(cpuSeconds % 60)}`], COLUMNS["args"]!];
const PLAIN: readonly Column[] = [COLUMNS["pid"]!, titled("tty", "TTY"), COLUMNS["time"]!, titled("comm", "CMD")];

/** `options`: ps's, none is "-ef". Throws MdkError for what is not known, and in Docker's words where the container does not run. */
export function listTop(context: Context, container: Container, options: readonly string[]): Top {
  const columns = columnsOf(options);
  const { word } = readStatus(context, container);
  if (word === "restarting") throw restarting(container.id);
  if (!lives(word)) throw new MdkError("conflict", "not-running", `container ${container.id} is not running`);
  const processes = listProcesses(context.cgroups(), container.cgroup).toSorted((a, b) => a - b).map(readProcess).filter((process) => process !== null);
  const host = readHost(context);
  return { titles: columns.map(([title]) => title), processes: processes.map((process) => columns.map(([, value]) => value(process, host))) };
}

function columnsOf(options: readonly string[]): readonly Column[] {
  let chosen: readonly Column[] | null = null;
  const asked: Column[] = [];
  for (let at = 0; at < options.length; at++) {
    const option = options[at]!;
    const [, letters = "", list] = /^-?([a-zA-Z]*?)(?:o(.*))?$/s.exec(option) ?? [];
    if (!/^[aAefuxwj]*$/.test(letters) || (letters === "" && list === undefined)) throw new MdkError("invalid", "ps-option", `error running ps: unsupported option ${JSON.stringify(option)}`, { hint: "mdk knows -e -f, a u x, and -o with a list of columns" });
    if (letters.includes("f")) chosen = FULL;
    if (letters.includes("u")) chosen = USER;
    if (list !== undefined) asked.push(...(list === "" ? (options[++at] ?? "") : list).split(/[,\s]/).filter((name) => name !== "").map(columnOf));
  }
  if (asked.length > 0) return asked;
  return chosen ?? (options.length === 0 ? FULL : PLAIN);
}

/** "pid", or "pid=PROCESS" with a title of its own. */
function columnOf(text: string): Column {
  const [word = "", title] = text.split("=");
  const column = COLUMNS[ALIASES[word.toLowerCase()] ?? word.toLowerCase()];
  if (column === undefined) throw new MdkError("invalid", "ps-column", `error running ps: error: unknown user-defined format specifier "${word}"`, { hint: `mdk knows ${Object.keys(COLUMNS).join(", ")}` });
  return title === undefined ? (word === "cmd" ? [("CMD"), column[1]] : column) : [title, column[1]];
}

function readHost(context: Context): Host {
  const text = (path: string): string => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  };
  const names = (path: string): Map<number, string> => new Map(text(path).split("\n").map((line) => line.split(":")).filter((fields) => fields.length > 2).map(([name = "", , id = ""]) => [Number(id), name]));
  return {
    now: context.now(), bootMs: Number(/^btime (\d+)/m.exec(text("/proc/stat"))?.[1] ?? 0) * 1000,
    memoryBytes: Number(/^MemTotal:\s+(\d+)/m.exec(text("/proc/meminfo"))?.[1] ?? 1) * 1024, users: names("/etc/passwd"), groups: names("/etc/group"),
  };
}
