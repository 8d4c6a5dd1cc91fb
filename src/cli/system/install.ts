/** `mdk system install`: a unit of systemd that starts after each boot what is to run. */
import { EXIT, CommandError } from "../exit.ts";
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ownCommand } from "../../engine/host/identity.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { print } from "../output/text.ts";

const UNITS = "/etc/systemd/system";
const UNIT = "mdk.service";
/** Where systemd looks for what the usual boot wants (systemd.special(7)). */
const WANTS = "multi-user.target.wants";

export const command: Command = {
  usage: "system install [OPTIONS]",
  summary: "Make systemd start containers after a boot, as their restart policies say",
  flags: [
    { name: "remove", type: "bool", help: "Take the unit away again" },
    { name: "unit-dir", type: "string", help: `Directory of systemd's units (default "${UNITS}")` },
  ],
  operands: [0, 0],
  run,
};

function run({ context, flags }: Invocation): number {
  const directory = flags.string("unit-dir") ?? UNITS;
  if (!existsSync(directory)) throw new CommandError(EXIT.failure, "no-systemd", `${directory} is not there: this host has no systemd`, { hint: "call mdk system boot from what this host starts at boot" });
  const [unit, wanted] = [join(directory, UNIT), join(directory, WANTS, UNIT)];
  for (const path of [wanted, unit]) rmSync(path, { force: true });
  if (flags.bool("remove")) return 0;
  mkdirSync(join(directory, WANTS), { recursive: true });
  writeFileSync(unit, unitOf([...ownCommand(context), "system", "boot"]));
  symlinkSync(unit, wanted);
  print(unit);
  return 0;
}

/** systemd.service(5), "Command lines": in double quotes; "%", "$", quotes and backslashes mean something. */
function quoted(word: string): string {
  return `"${word.replace(/[\\"]/g, "\\$&").replaceAll("%", "%%").replaceAll("$", "$$$$")}"`;
}

function unitOf(words: readonly string[]): string {
  return `# Written by: mdk system install
[Unit]
Description=Containers of mdk that are to run after a boot
Documentation=https://docs.docker.com/engine/containers/start-containers-automatically/
Wants=network-online.target
After=network-online.target local-fs.target

[Service]
Type=oneshot
RemainAfterExit=yes
# Its containers leave its cgroup at their start: they are not its business.
KillMode=process
ExecStart=${words.map(quoted).join(" ")}

[Install]
WantedBy=multi-user.target
`;
}
