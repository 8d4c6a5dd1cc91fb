/**
 * Completion scripts made from the command tables: a table of words that three short programs look up. What stands on the
 * line decides: names of commands, flags of the command after a "-", and names of containers and images, which mdk is asked for.
 */
import { usableFlags } from "./flags.ts";
import type { CommandTree, Entry } from "./tree.ts";

export const SHELLS = ["bash", "fish", "zsh"] as const;
type Shell = (typeof SHELLS)[number];

/** What follows a command: "run", "container run"; "" is mdk itself. */
interface Line {
  readonly path: string;
  /** Commands below it, with their summaries. */
  readonly commands: readonly (readonly [name: string, summary: string])[];
  /** "--rm", "-d", with their help. */
  readonly flags: readonly (readonly [flag: string, help: string])[];
  /** Flags of these that take the next word. */
  readonly valued: readonly string[];
  readonly operands: readonly Operand[];
}

export async function completionScript(shell: Shell, tree: CommandTree): Promise<string> {
  const lines = await readLines(tree);
  return { bash, fish, zsh }[shell](lines);
}

async function readLines({ commands: top, groups }: CommandTree): Promise<readonly Line[]> {
  const listed = (entries: Readonly<Record<string, { readonly summary: string; readonly hidden?: boolean }>>): Line["commands"] =>
    Object.entries(entries).filter(([, { hidden }]) => hidden !== true).map(([name, { summary }]) => [name, summary] as const);
  const globals = { flags: [["--config", ""], ["--config-file", ""], ["--debug", ""], ["--root", ""], ["--run-root", ""], ["--version", ""], ["--help", ""]] as const, valued: ["--config", "--config-file", "--root", "--run-root"] };
  const lines: Line[] = [{ path: "", commands: listed({ ...top, ...groups }), ...globals, operands: [] }];
  for (const [name, entry] of Object.entries(top)) lines.push(await lineOf(name, entry));
  for (const [group, { commands }] of Object.entries(groups)) {
    lines.push({ path: group, commands: listed(commands), flags: [["--help", ""]], valued: [], operands: [] });
    for (const [name, entry] of Object.entries(commands)) if (entry.hidden !== true) lines.push(await lineOf(`${group} ${name}`, entry));
  }
  return lines;
}

async function lineOf(path: string, entry: Entry): Promise<Line> {
  const { command } = await entry.load();
  const flags = usableFlags(command.flags);
  const names = flags.flatMap(({ name, short, help }) => [[`--${name}`, help] as const, ...(short === undefined ? [] : [[`-${short}`, help] as const])]);
  const valued = flags.filter(({ type }) => type !== "bool").flatMap(({ name, short }) => [`--${name}`, ...(short === undefined ? [] : [`-${short}`])]);
  // The words of the usage tell what the operands are.
  const operands = OPERANDS.filter((kind) => WORDS[kind].usage.test(command.usage));
  return { path, commands: [], flags: [...names, ["--help", "Print usage"]], valued, operands };
}

const OPERANDS = ["containers", "images", "networks"] as const;
type Operand = (typeof OPERANDS)[number];

/** By what in a usage line they are told, and what lists them. Who makes a network has a new name for it. */
const WORDS: Readonly<Record<Operand, { readonly usage: RegExp; readonly list: string }>> = {
  containers: { usage: /\bCONTAINER\b|NAME\|ID/, list: "mdk ps -a --format '{{.Names}}' 2>/dev/null" },
  images: { usage: /\bIMAGE\b|NAME\[:TAG|REPOSITORY|NAME\|ID/, list: "mdk images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null" },
  networks: { usage: /^(?!network create).*\bNETWORK\b/, list: "mdk network ls --format '{{.Name}}' 2>/dev/null" },
};

/** Arms of a shell's case over the path; `of` null leaves one out. */
function arms(lines: readonly Line[], of: (line: Line) => string | null): string {
  return lines.flatMap((line) => {
    const text = of(line);
    return text === null ? [] : [`    '${line.path}') ${text} ;;`];
  }).join("\n");
}

const names = (pairs: readonly (readonly [string, string])[]): string => pairs.map(([name]) => name).join(" ");

/** Finds the command among the words before the cursor, skipping flags and their values; the same in bash and zsh (whose `path` is PATH). */
const SEARCH = `  while [ "$i" -lt "$end" ]; do
    word=\${words[$i]}
    i=$((i + 1))
    case $word in
      -*) case " $(_mdk_valued "$place") " in *" $word "*) i=$((i + 1)) ;; esac ;;
      *)
        case " $(_mdk_commands "$place") " in
          *" $word "*) place=\${place:+$place }$word ;;
          *) operands=$((operands + 1)) ;;
        esac ;;
    esac
  done`;

function tables(lines: readonly Line[]): string {
  return `_mdk_commands() {
  case $1 in
${arms(lines, ({ commands }) => (commands.length === 0 ? null : `echo '${names(commands)}'`))}
  esac
}
_mdk_flags() {
  case $1 in
${arms(lines, ({ flags }) => `echo '${names(flags)}'`)}
  esac
}
_mdk_valued() {
  case $1 in
${arms(lines, ({ valued }) => (valued.length === 0 ? null : `echo '${valued.join(" ")}'`))}
  esac
}
_mdk_operands() {
  case $1 in
${arms(lines, ({ operands }) => (operands.length === 0 ? null : operands.map((kind) => WORDS[kind].list).join("; ")))}
  esac
}`;
}

function bash(lines: readonly Line[]): string {
  return `# bash completion of mdk: source it, or put it into /etc/bash_completion.d/mdk
${tables(lines)}
_mdk() {
  local i=1 end=$COMP_CWORD place= operands=0 word line cur=
  # Bash cuts "busybox:latest" and "--name=x" into words: they are joined again.
  local -a words=()
  line=\${COMP_LINE:0:$COMP_POINT}
  read -ra words <<<"$line"
  end=\${#words[@]}
  case $line in *[[:space:]]) ;; *) end=$((end - 1)); cur=\${words[$end]} ;; esac
${SEARCH}
  COMPREPLY=()
  case " $(_mdk_valued "$place") " in *" \${words[$((end - 1))]} "*)
    COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  case $cur in
    -*) COMPREPLY=($(compgen -W "$(_mdk_flags "$place")" -- "$cur")) ;;
    *) [ "$operands" -gt 0 ] || COMPREPLY=($(compgen -W "$(_mdk_commands "$place")" -- "$cur"))
      COMPREPLY+=($(compgen -W "$(_mdk_operands "$place")" -- "$cur")) ;;
  esac
  # What stands before the last colon is not replaced.
  case $cur in *:*) COMPREPLY=("\${COMPREPLY[@]#\${cur%"\${cur##*:}"}}") ;; esac
}
complete -o default -F _mdk mdk`;
}

function zsh(lines: readonly Line[]): string {
  return `#compdef mdk
# zsh completion of mdk: put it as _mdk into a folder of $fpath
${tables(lines)}
_mdk() {
  emulate -L sh
  local i=2 end=$CURRENT place= operands=0 word cur="$PREFIX"
  setopt local_options ksh_arrays sh_word_split
  i=1
  end=$((CURRENT - 1))
${SEARCH}
  case " $(_mdk_valued "$place") " in *" \${words[$((end - 1))]} "*) _files; return ;; esac
  case $cur in
    -*) compadd -- $(_mdk_flags "$place") ;;
    *) [ "$operands" -gt 0 ] || compadd -- $(_mdk_commands "$place")
      compadd -- $(_mdk_operands "$place") ;;
  esac
}
if [ "$funcstack[1]" = _mdk ]; then _mdk "$@"; else compdef _mdk mdk; fi`;
}

/** Fish has conditions of its own: a line of it for each word. */
function fish(lines: readonly Line[]): string {
  const quoted = (text: string): string => `'${text.replace(/[\\']/g, "\\$&")}'`;
  const rules = lines.flatMap(({ path, commands, flags, operands }) => {
    const when = `-n ${quoted(path === "" ? "__fish_use_subcommand" : `__mdk_at ${path}`)}`;
    const arguments_ = operands.map((kind) => `complete -c mdk ${when} -f -a ${quoted(`(${WORDS[kind].list})`)}`);
    const words = commands.map(([name, summary]) => `complete -c mdk ${when} -f -a ${quoted(name)} -d ${quoted(summary)}`);
    const options = flags.map(([flag, help]) => `complete -c mdk ${when} ${flag.startsWith("--") ? "-l" : "-s"} ${flag.replace(/^-+/, "")} -d ${quoted(help)}`);
    return [...words, ...options, ...arguments_];
  });
  return `# fish completion of mdk: put it into ~/.config/fish/completions/mdk.fish
function __mdk_at
    set -l words (string match -v -- '-*' (commandline -opc))[2..-1]
    set -l most (count $argv)
    test (count $words) -ge $most; or return 1
    test "$words[1..$most]" = "$argv"
end
${rules.join("\n")}`;
}
