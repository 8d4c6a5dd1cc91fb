/** The checks of `docker build --check` (docs.docker.com/reference/build-checks): name, page and sentence of each. The names and sentences are Docker's: they are what people skip and search for. */
import { quote } from "../language/text.ts";

/** What each rule says of what it has found. */
export const RULES = {
  ConsistentInstructionCasing: (keyword: string, casing: string) => `Command '${keyword}' should match the case of the command majority (${casing})`,
  CopyIgnoredFile: (keyword: string, file: string) => `Attempting to ${keyword} file ${quote(file)} that is excluded by .dockerignore`,
  DuplicateStageName: (name: string) => `Duplicate stage name ${quote(name)}, stage names should be unique`,
  ExposeInvalidFormat: (port: string) => `EXPOSE instruction should not define an IP address or host-port mapping, found '${port}'`,
  ExposeProtoCasing: (port: string) => `Defined protocol '${port}' in EXPOSE instruction should be lowercase`,
  FromAsCasing: (from: string, as: string) => `'${as}' and '${from}' keywords' casing do not match`,
  FromPlatformFlagConstDisallowed: (platform: string) => `FROM --platform flag should not use constant value ${quote(platform)}`,
  InvalidDefaultArgInFrom: (base: string) => `Default value for ARG ${base} results in empty or invalid base image name`,
  InvalidDefinitionDescription: (keyword: string, name: string) => `Comment for ${keyword} should follow the format: \`# ${name} <description>\``,
  JSONArgsRecommended: (keyword: string) => `JSON arguments recommended for ${keyword} to prevent unintended behavior related to OS signals`,
  LegacyKeyValueFormat: (keyword: string) => `"${keyword} key=value" should be used instead of legacy "${keyword} key value" format`,
  MaintainerDeprecated: () => "Maintainer instruction is deprecated in favor of using label",
  MultipleInstructionsDisallowed: (keyword: string) => `Multiple ${keyword} instructions should not be used in the same stage because only the last one will be used`,
  NoEmptyContinuation: () => "Empty continuation line",
  RedundantTargetPlatform: (platform: string) => `Setting platform to predefined ${platform} in FROM is redundant as this is the default behavior`,
  ReservedStageName: (name: string) => `Stage name should not use the same name as reserved stage ${quote(name)}`,
  SecretsUsedInArgOrEnv: (keyword: string, name: string) => `Do not use ARG or ENV instructions for sensitive data (${keyword} ${quote(name)})`,
  StageNameCasing: (name: string) => `Stage name '${name}' should be lowercase`,
  UndefinedArgInFrom: (name: string, meant: string) => `FROM argument '${name}' is not declared${meant}`,
  UndefinedVar: (name: string, meant: string) => `Usage of undefined variable '$${name}'${meant}`,
  WorkdirRelativePath: (path: string) => `Relative workdir ${quote(path)} can have unexpected results if the base image changes`,
} as const;

export type RuleName = keyof typeof RULES;

/** Asked for by name only ("experimental=" of # check). */
export const EXPERIMENTAL: ReadonlySet<RuleName> = new Set<RuleName>(["InvalidDefinitionDescription"]);

/** "https://docs.docker.com/go/dockerfile/rule/stage-name-casing/" */
export function pageOf(rule: RuleName): string {
  const words = rule.replace(/([a-z])([A-Z])/g, "$1-$2").replace(/([A-Z]+)([A-Z][a-z])/g, "$1-$2").toLowerCase();
  return `https://docs.docker.com/go/dockerfile/rule/${words}/`;
}
