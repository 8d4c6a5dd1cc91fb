/** `mdk login`. */
import { keptCredentials, login, type LoginRequest } from "../../engine/system/login.ts";
import { MdkError, messageOf } from "../../error.ts";
import { isDomain } from "../../image/reference.ts";
import { domainOf } from "../../registry/credentials.ts";
import { isTerminal } from "../../sys/terminal.ts";
import { EXIT, CommandError } from "../exit.ts";
import type { Command, Invocation, Values } from "../grammar/flags.ts";
import { print, printable, printError } from "../output/text.ts";
import { askLine, askSecret, readSecret } from "./ask.ts";

export const command: Command = {
  usage: "login [OPTIONS] [SERVER]",
  summary: "Authenticate to a registry",
  flags: [
    { name: "insecure-registry", type: "list", help: "Registry that may be reached without TLS, or with a certificate nobody vouches for" },
    { name: "password", short: "p", type: "string", help: "Password or Personal Access Token (PAT)" },
    { name: "password-stdin", type: "bool", help: "Take the Password or Personal Access Token (PAT) from stdin" },
    { name: "username", short: "u", type: "string", help: "Username" },
  ],
  operands: [0, 1],
  anyUser: true,
  run,
};

type Invoked = Pick<Invocation, "context"> & Pick<LoginRequest, "domain" | "insecureRegistries">;

/** The steps and words are those of docker/cli, cli/command/registry/login.go. */
async function run({ context, flags, operands }: Invocation): Promise<number> {
  const given = readGiven(flags);
  const domain = serverDomain(operands[0] ?? "");
  const invoked = { context, domain, insecureRegistries: flags.list("insecure-registry") };
  let usual = "";
  if (given.username === "" && given.password === "") {
    const kept = await keptCredentials(context, domain);
    if (kept?.kind === "password") {
      if (await again(invoked, kept)) return 0;
      usual = kept.username;
    }
  }
  const username = given.username !== "" && given.password !== "" ? given.username : askedName(domain, given.username, usual);
  const password = given.password !== "" ? given.password : askSecret("Password: ");
  if (password === "") throw new CommandError(EXIT.failure, "no-password", "Error: Password Required");
  await enter(invoked, { username, password });
  return 0;
}

interface Named {
  readonly username: string;
  readonly password: string;
}

/** What the command line and, if it says so, standard input say; empty where they do not. */
function readGiven(flags: Values): Named {
  const username = (flags.string("username") ?? "").trim();
  const password = flags.string("password") ?? "";
  const fromInput = flags.bool("password-stdin");
  if (fromInput && flags.given("password")) throw new CommandError(EXIT.failure, "password-twice", "conflicting options: cannot specify both --password and --password-stdin");
  if (fromInput && username === "") throw new CommandError(EXIT.failure, "no-username", "the --password-stdin option requires --username to be set");
  if (password !== "") printError("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
  return { username, password: fromInput ? readSecret() : password };
}

/** The registry that a user's word means; the word is not repeated, as it may hold a password. Throws "registry-invalid". */
export function serverDomain(word: string): string {
  const domain = domainOf(word);
  if (isDomain(domain)) return domain;
  throw new MdkError("invalid", "registry-invalid", "SERVER must be the name of a registry", { hint: "HOST or HOST:PORT; without one it is Docker Hub" });
}

/** Logs in with what is kept; false: that did not do, and why has been told. */
async function again(invoked: Invoked, kept: Named): Promise<boolean> {
  printError(printable(`Authenticating with existing credentials... [Username: ${kept.username}]`));
  printError("\n Info -> To login with a different account, run 'mdk logout' followed by 'mdk login'\n\n");
  try {
    await enter(invoked, kept);
    return true;
  } catch (error) {
    if (!(error instanceof MdkError)) throw error;
    printError(error.code === "login-refused" ? "Stored credentials invalid or expired" : printable(`Login did not succeed, error: ${messageOf(error)}`));
    return false;
  }
}

async function enter({ context, ...where }: Invoked, { username, password }: Named): Promise<void> {
  if (username.includes(":")) throw new MdkError("invalid", "username-invalid", "a username has no colon (RFC 7617, section 2)");
  const file = await login(context, { ...where, username, password });
  if (file !== null) printError(printable(`\nWARNING! Your credentials are stored unencrypted in '${file}'.\nConfigure a credential helper to remove this warning. See\nhttps://docs.docker.com/go/credential-store/\n`));
  print("Login Succeeded");
}

/** The user's name, asked for where it was not given. Throws where nobody sits who could answer. */
function askedName(domain: string, username: string, usual: string): string {
  if (!isTerminal(0)) throw new CommandError(EXIT.failure, "not-interactive", "Error: Cannot perform an interactive login from a non TTY device");
  if (username !== "") return username;
  if (domain === "docker.io") print("Log in with your Docker ID or email address to push and pull images from Docker Hub. If you don't have a Docker ID, head over to https://hub.docker.com/ to create one.");
  const name = askLine(usual === "" ? "Username: " : printable(`Username (${usual}): `)) || usual;
  if (name === "") throw new CommandError(EXIT.failure, "no-username", "Error: Non-null Username Required");
  return name;
}
