/** `--security-opt` (moby daemon/daemon_unix.go, parseSecurityOpt). Pure. */
import { MdkError } from "../error.ts";

export interface SecurityOptions {
  readonly noNewPrivileges: boolean;
  /** Docker's list of system calls, or none at all. */
  readonly seccomp: "default" | "unconfined";
}

/** Confinement that mdk's containers are not under: to be free of it takes nothing. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set(["apparmor=unconfined", "label=disable"]);

/** Reads "NAME" and "NAME=VALUE", ":" for "=" too. Throws Docker's sentence for what is none of its options. */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  let noNewPrivileges = false;
  let seccomp: SecurityOptions["seccomp"] = "default";
  for (const option of options) {
    const [name = "", value] = splitOption(option);
    if (value === null && name !== "no-new-privileges") throw new MdkError("invalid", "invalid-security-opt", `invalid --security-opt 1: ${JSON.stringify(option)}`);
    if (name === "no-new-privileges") noNewPrivileges = truth(value, option);
    else if (name === "seccomp" && (value === "unconfined" || value === "builtin")) seccomp = value === "builtin" ? "default" : value;
    else if (WITHOUT_EFFECT.has(`${name}=${value}`)) continue;
    else if (["seccomp", "apparmor", "label", "systempaths"].includes(name)) {
      throw new MdkError("unsupported", "unsupported-security-opt", `--security-opt ${option} is not supported by this version of mdk`);
    } else throw new MdkError("invalid", "invalid-security-opt", `invalid --security-opt 2: ${JSON.stringify(option)}`);
  }
  return { noNewPrivileges, seccomp };
}

function splitOption(option: string): [string, string | null] {
  const at = option.includes("=") ? option.indexOf("=") : option.indexOf(":");
  return at < 0 ? [option, null] : [option.slice(0, at), option.slice(at + 1)];
}

/** Go's strconv.ParseBool; no value at all is true. */
function truth(value: string | null, option: string): boolean {
  if (value === null || /^(1|t|T|TRUE|true|True)$/.test(value)) return true;
  if (/^(0|f|F|FALSE|false|False)$/.test(value)) return false;
  throw new MdkError("invalid", "invalid-security-opt", `invalid --security-opt 2: ${JSON.stringify(option)}`);
}
