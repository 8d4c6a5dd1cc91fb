/** What an instruction that makes no files says of an image's config: of a Dockerfile, or of `commit --change`. Pure. */
import { DEFAULT_SHELL, programWords } from "../../build/language/command-line.ts";
import { exposedPorts, parseExposed } from "../../build/language/expand/ports.ts";
import type { ExposeInstruction, HealthcheckInstruction, Instruction, OnbuildInstruction, PairsInstruction, ProgramInstruction, ShellInstruction, SingleInstruction, VolumeInstruction } from "../../build/language/instructions/types.ts";
import type { ContainerDefaults } from "../../image/config.ts";
import { parseSignal } from "../../runtime/signals.ts";

/** Those that say something of it by themselves: what ENV and WORKDIR mean depends on what there was. */
export type Saying = ProgramInstruction | ShellInstruction | HealthcheckInstruction | ExposeInstruction | VolumeInstruction | OnbuildInstruction | (PairsInstruction & { readonly kind: "label" }) | (SingleInstruction & { readonly kind: "user" | "stopsignal" });

const KINDS: ReadonlySet<string> = new Set<Saying["kind"]>(["cmd", "entrypoint", "shell", "healthcheck", "expose", "volume", "onbuild", "label", "user", "stopsignal"]);

export function isSaying(instruction: Instruction): instruction is Saying {
  return KINDS.has(instruction.kind);
}

/** "80/tcp", each. */
export function exposedOf({ ports }: ExposeInstruction): string[] {
  return exposedPorts(ports.map(parseExposed));
}

/** Throws MdkError "invalid-signal". The config after an instruction that was expanded. `commandSet`: a CMD came before, of the same stage or call. */
export function changedConfig(config: ContainerDefaults, instruction: Saying, commandSet: boolean): ContainerDefaults {
  switch (instruction.kind) {
    case "label":
      return { ...config, Labels: { ...config.Labels, ...Object.fromEntries(instruction.pairs.map(({ name, value }) => [name, value])) } };
    case "cmd":
      return { ...config, Cmd: programWords(instruction.command, config.Shell ?? DEFAULT_SHELL) };
    case "entrypoint":
      // What the base's command was for another program says nothing to this one.
      return { ...config, Entrypoint: programWords(instruction.command, config.Shell ?? DEFAULT_SHELL), ...(commandSet ? {} : { Cmd: null }) };
    case "expose":
      return { ...config, ExposedPorts: withPorts(config.ExposedPorts, exposedOf(instruction)) };
    case "volume":
      return { ...config, Volumes: [...new Set([...config.Volumes, ...instruction.paths])] };
    case "user":
      return { ...config, User: instruction.value };
    case "stopsignal":
      parseSignal(instruction.value);
      return { ...config, StopSignal: instruction.value };
    case "shell":
      return { ...config, Shell: instruction.command };
    case "healthcheck": {
      const { test, interval, timeout, startPeriod, startInterval, retries } = instruction;
      return { ...config, Healthcheck: { Test: test, Interval: interval, Timeout: timeout, StartPeriod: startPeriod, StartInterval: startInterval, Retries: retries } };
    }
    case "onbuild":
      return { ...config, OnBuild: [...(config.OnBuild ?? []), instruction.expression] };
  }
}

/** What is in a list, for the next one that has more: many instructions expose the same tens of thousands. */
const KNOWN = new WeakMap<readonly string[], Set<string>>();

function withPorts(ports: readonly string[], exposed: readonly string[]): readonly string[] {
  const known = KNOWN.get(ports) ?? new Set(ports);
  const fresh = exposed.filter((port) => !known.has(port)).sort();
  // It goes on to the longer list: of the shorter one it is no more.
  if (fresh.length > 0) KNOWN.delete(ports);
  const all = fresh.length === 0 ? ports : ports.concat(fresh);
  for (const port of fresh) known.add(port);
  KNOWN.set(all, known);
  return all;
}
