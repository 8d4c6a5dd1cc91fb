/** --chmod of COPY and ADD: an octal number or, as chmod(1) has it, words like "u=rwX,go-w". Pure. */
import { MdkError } from "../../error.ts";

export interface Chmod {
  /** Of one in words null. */
  readonly octal: number | null;
  /** The permission bits, setuid, setgid and sticky among them, of something that had `mode`. */
  readonly apply: (mode: number, isDirectory: boolean) => number;
}

const MODE_MAX = 0o7777;
const CLAUSE = /^([ugoa]*)((?:[+=-](?:[rwxXst]*|[ugo]))+)$/;

/** Whose bits a letter means. */
const WHO = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 } as const;
const PERMISSIONS = { r: 0o444, w: 0o222, x: 0o111, s: 0o6000, t: 0o1000 } as const;
/** Where a class has its three bits. */
const SHIFT = { u: 6, g: 3, o: 0 } as const;

/** Throws MdkError "invalid" in BuildKit's words. Nobody's umask takes part. */
export function parseChmod(text: string): Chmod {
  if (/^[0-7]+$/.test(text) && Number.parseInt(text, 8) <= MODE_MAX) {
    const octal = Number.parseInt(text, 8);
    return { octal, apply: () => octal };
  }
  const clauses = text.split(",").map((clause) => CLAUSE.exec(clause));
  if (clauses.includes(null)) throw new MdkError("invalid", "chmod", `invalid chmod parameter: '${text}'. it should be octal string and between 0 and 07777`);
  const changes = (clauses as RegExpExecArray[]).flatMap(([, who = "", operations = ""]) => changesOf(who === "" ? "a" : who, operations));
  return { octal: null, apply: (mode, isDirectory) => changes.reduce((changed, change) => change(changed, isDirectory), mode & MODE_MAX) };
}

function changesOf(who: string, operations: string): Chmod["apply"][] {
  const mask = [...who].reduce((bits, letter) => bits | WHO[letter as keyof typeof WHO], 0);
  return [...operations.matchAll(/([+=-])([^+=-]*)/g)].map(([, operation, letters = ""]) => (mode, isDirectory) => {
    const bits = bitsOf(letters, mode, isDirectory) & mask;
    if (operation === "+") return mode | bits;
    if (operation === "-") return mode & ~bits;
    // As chmod(1): a directory keeps its setuid and setgid where they are not named.
    const kept = isDirectory && !letters.includes("s") ? 0o6000 : 0;
    return (mode & (~mask | kept)) | bits;
  });
}

function bitsOf(letters: string, mode: number, isDirectory: boolean): number {
  if (/^[ugo]$/.test(letters)) return ((mode >> SHIFT[letters as keyof typeof SHIFT]) & 7) * 0o111;
  return [...letters].reduce((bits, letter) => {
    if (letter === "X") return isDirectory || (mode & 0o111) !== 0 ? bits | 0o111 : bits;
    return bits | PERMISSIONS[letter as keyof typeof PERMISSIONS];
  }, 0);
}
