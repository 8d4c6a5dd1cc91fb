/** `--security-opt` (moby daemon/daemon_unix.go, parseSecurityOpt). Pure. */
import { MdkError } from "../error.ts";

export interface SecurityOptions {
  readonly noNewPrivileges: boolean;
  /** Docker's list of system calls, none at all, or the text of a profile (seccomp-file.ts reads it). */
  readonly seccomp: "default" | "unconfined" | { readonly profile: string };
  /** Name of a loaded AppArmor profile; null: none. A kernel without AppArmor takes no notice, as with Docker. */
  readonly apparmor: string | null;
}

/** Reads "NAME" and "NAME=VALUE", ":" for "=" too; of several the last one counts. Throws Docker's sentence for what is none of its options. */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  let noNewPrivileges = false;
  let seccomp: SecurityOptions["seccomp"] = "default";
  let apparmor: string | null = null;
  for (const option of options) {
    const [name = "", value] = splitOption(option);
    if (value === null && name !== "no-new-privileges") throw invalid(`invalid --security-opt 1: ${JSON.stringify(option)}`);
    if (name === "no-new-privileges") noNewPrivileges = truth(value, option);
    else if (name === "seccomp") seccomp = seccompOf(value ?? "");
    else if (name === "apparmor") apparmor = value === "unconfined" ? null : profileName(value ?? "");
    else if (name === "label") refuseLabel(value ?? "", option);
    else throw invalid(`invalid --security-opt 2: ${JSON.stringify(option)}`);
  }
  return { noNewPrivileges, seccomp, apparmor };
}

function seccompOf(value: string): SecurityOptions["seccomp"] {
  if (value === "unconfined") return value;
  if (value === "builtin" || value === "") return "default";
  if (value.trimStart().startsWith("{") || value.trimStart().startsWith("[")) return { profile: value };
  throw new MdkError("invalid", "invalid-seccomp", `Decoding seccomp profile failed: invalid character '${value.trimStart()[0] ?? ""}' looking for beginning of value`);
}

/** It is written to a file of the kernel, as one word. */
function profileName(name: string): string {
  if (name === "" || /[\s\0]/.test(name)) throw invalid(`invalid --security-opt 2: ${JSON.stringify(`apparmor=${name}`)}`);
  return name;
}

/** mdk's containers are under no SELinux policy of their own: to be free of it takes nothing. */
function refuseLabel(value: string, option: string): void {
  if (value !== "disable") throw new MdkError("unsupported", "unsupported-security-opt", `--security-opt ${option} is not supported by this version of mdk`);
}

function splitOption(option: string): [string, string | null] {
  const at = option.includes("=") ? option.indexOf("=") : option.indexOf(":");
  return at < 0 ? [option, null] : [option.slice(0, at), option.slice(at + 1)];
}

/** Go's strconv.ParseBool; no value at all is true. */
function truth(value: string | null, option: string): boolean {
  if (value === null || /^(1|t|T|TRUE|true|True)$/.test(value)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(value)) return false;
  throw invalid(`invalid --security-opt 2: ${JSON.stringify(option)}`);
}

const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-security-opt", message);
