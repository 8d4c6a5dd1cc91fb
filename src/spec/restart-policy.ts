/** `--restart`: a policy as the user writes it and as Docker's API has it. Pure. */
import { MdkError } from "../error.ts";

const POLICIES = ["no", "always", "on-failure", "unless-stopped"] as const;

export interface RestartPolicy {
  Name: (typeof POLICIES)[number];
  /** Of `on-failure`; 0: as often as it fails. */
  MaximumRetryCount: number;
}

export const NO_RESTART: RestartPolicy = { Name: "no", MaximumRetryCount: 0 };

/** "on-failure:3" (docker/cli, opts/opts.go ParseRestartPolicy). Throws MdkError in Docker's words. */
export function parseRestartPolicy(text: string): RestartPolicy {
  const [name = "", count = ""] = text.split(/:(.*)/s);
  if (name === "" && text !== "") throw invalid("invalid restart policy format: no policy provided before colon");
  if (count !== "" && !/^[+-]?\d{1,9}$/.test(count)) throw invalid("invalid restart policy format: maximum retry count must be an integer");
  return checkRestartPolicy(name, Number(count));
}

/** Docker's JSON of it (moby, api/types/container ValidateRestartPolicy); an empty name is none. */
export function checkRestartPolicy(name: string, count: number): RestartPolicy {
  const known = POLICIES.find((policy) => policy === (name || "no"));
  if (known === undefined) throw invalid(`invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`);
  if (known === "on-failure") {
    if (count < 0) throw invalid("invalid restart policy: maximum retry count cannot be negative");
  } else if (count !== 0) {
    throw invalid(`invalid restart policy: maximum retry count can only be used with 'on-failure'${count < 0 ? " and cannot be negative" : ""}`);
  }
  return { Name: known, MaximumRetryCount: count };
}

const invalid = (message: string): MdkError => new MdkError("invalid", "invalid-restart-policy", message);
