/**
 * Who a process runs as: `--user` or the image's USER, resolved against the texts of the image's own /etc/passwd and
 * /etc/group. Hostile texts are the normal case: lines are read within bounds, a number never falls back to a name or
 * to 0 (CVE-2024-40635), and the groups are exactly the primary one and those that were asked for (CVE-2022-36109).
 */
import { MdkError } from "../error.ts";

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** Primary group first, then supplementary groups in the order of the group file; no duplicates. */
  readonly additionalGids: readonly number[];
  /** Of passwd; "/" where no line matches or the field is empty. */
  readonly home: string;
}

/** As moby/sys/user: the kernel's (uid_t)-1 means "no change", and shadow's tools end at 2^31 - 1. */
const MAX_ID = 2 ** 31 - 1;
/** Longer texts are cut here: 4 MiB are 60 000 accounts. */
const MAX_TEXT = 4 << 20;
/** Linux: include/uapi/linux/limits.h, NGROUPS_MAX. */
const MAX_GROUPS = 65536;

interface PasswdLine {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupLine {
  readonly name: string;
  readonly gid: number;
  readonly members: string;
}

/**
 * Resolves "", "name", "uid", "name:group", "uid:gid" and mixtures. `passwd` and `group` are the texts of the files, null
 * where the image has none. A user that is only a number and has no line gets group 0 and home "/" (as Docker). With
 * an explicit group there are no supplementary groups from the file. `groupAdd` is --group-add: names or numbers.
 * Errors: MdkError in Docker's words, status left to the command.
 */
export function resolveUser(
  spec: string,
  passwd: string | null,
  group: string | null,
  groupAdd: readonly string[] = [],
): ResolvedUser {
  const colon = spec.indexOf(":");
  const userPart = colon < 0 ? spec : spec.slice(0, colon);
  const groupPart = colon < 0 ? "" : spec.slice(colon + 1);
  const line = findUser(userPart, passwd ?? "");
  const uid = line?.uid ?? (userPart === "" ? 0 : parseId(userPart));
  if (uid === null) {
    throw new MdkError("not-found", "no-such-user", `unable to find user ${userPart}: no matching entries in passwd file`, {
      hint: "the name is looked up in the image's /etc/passwd; a number needs no entry",
    });
  }
  const gid = groupPart === "" ? (line?.gid ?? 0) : findGroup(groupPart, group ?? "");
  const gids = new Set<number>([gid]);
  if (groupPart === "" && line !== null) addMemberships(gids, line.name, group ?? "");
  for (const name of groupAdd) gids.add(findGroup(name, group ?? ""));
  const home = line === null || !line.home.startsWith("/") ? "/" : line.home;
  return { uid, gid, additionalGids: [...gids], home };
}

/** The passwd line of a name or number; null where there is none. A number in range is never taken for a name. */
function findUser(user: string, passwd: string): PasswdLine | null {
  const number = user === "" ? 0 : parseId(user);
  for (const line of linesWith(passwd, number === null ? `${user}:` : `:${number}:`)) {
    const fields = line.split(":", 7);
    const uid = fieldId(fields[2]);
    const gid = fieldId(fields[3]);
    if (uid === null || gid === null) continue;
    if (number === null ? fields[0] === user : uid === number) {
      return { name: fields[0] ?? "", uid, gid, home: fields[5] ?? "" };
    }
  }
  return null;
}

function findGroup(name: string, group: string): number {
  const number = parseId(name);
  if (number !== null) return number;
  for (const line of groupsWith(group, `${name}:`)) if (line.name === name) return line.gid;
  throw new MdkError("not-found", "no-such-group", `unable to find group ${name}: no matching entries in group file`, {
    hint: "the name is looked up in the image's /etc/group; a number needs no entry",
  });
}

function addMemberships(gids: Set<number>, user: string, group: string): void {
  if (user === "") return; // every line without members would name it
  for (const line of groupsWith(group, user)) {
    if (gids.size >= MAX_GROUPS) return;
    if (line.members.split(",").includes(user)) gids.add(line.gid);
  }
}

function groupsWith(group: string, needle: string): GroupLine[] {
  return linesWith(group, needle).flatMap((line) => {
    const fields = line.split(":", 4);
    const gid = fieldId(fields[2]);
    return gid !== null && fields[0] ? [{ name: fields[0], gid, members: fields[3] ?? "" }] : [];
  });
}

/** Lines that hold `needle`, without blanks around them; comments are left out. Only they are looked at: the files may be long. */
function linesWith(text: string, needle: string): string[] {
  const end = Math.min(text.length, MAX_TEXT);
  const found: string[] = [];
  for (let at = text.indexOf(needle); at >= 0 && at < end && found.length < MAX_GROUPS; ) {
    let stop = text.indexOf("\n", at);
    if (stop < 0) stop = text.length;
    const line = text.slice(text.lastIndexOf("\n", at) + 1, stop).trim();
    if (!line.startsWith("#")) found.push(line);
    at = text.indexOf(needle, stop + 1);
  }
  return found;
}

/**
 * A user's or group's number as the request writes it; null where it is a name. What looks like a number and is out of
 * range is an error: a passwd line of that very name must not turn it into somebody else.
 */
function parseId(text: string): number | null {
  if (!/^[+-]?[0-9]+$/.test(text)) return null;
  const id = Number(text);
  if (!/^[0-9]+$/.test(text) || id > MAX_ID) {
    throw new MdkError("invalid", "user-out-of-range", `uids and gids must be in range 0-${MAX_ID}`, { hint: `"${text}" is not` });
  }
  return id;
}

/** A number in a file; null where it is none or out of range (the line is skipped, as if it were not there). */
function fieldId(text: string | undefined): number | null {
  if (text === undefined || !/^[0-9]{1,10}$/.test(text)) return null;
  const id = Number(text);
  return id <= MAX_ID ? id : null;
}
