/** Dockerfiles on a stage of their own: a base image "base:1", a context that each test fills, builds, and what came of them. */
import { afterAll, beforeAll } from "bun:test";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readSaved, treeLines, type SavedImage } from "./image-archive.ts";
import { run } from "./registry.ts";
import { isRoot } from "./requires.ts";
import { baseLayer, openStage, type Ended, type Stage } from "./stage.ts";

/** What Dockerfiles of the tests call besides. */
const APPLETS = ["awk", "chmod", "chown", "cp", "cut", "date", "df", "du", "find", "grep", "head", "ln", "ls", "mkfifo", "mv", "od", "printf", "pwd", "rm", "sed", "seq", "setsid", "sha256sum", "sort", "tail", "tar", "test", "touch", "tr", "uniq", "wc", "yes"];

export interface BuildCall {
  readonly stdin?: string | Uint8Array;
  readonly environment?: Readonly<Record<string, string>>;
  /** The operand; the context's directory when not given. */
  readonly from?: string;
}

export class BuildStage {
  readonly stage: Stage;
  readonly context: string;

  private constructor(stage: Stage) {
    this.stage = stage;
    this.context = join(stage.folder, "context");
  }

  static async open(config: Readonly<Record<string, unknown>> = {}): Promise<BuildStage> {
    const made = new BuildStage(openStage());
    const applets = APPLETS.map((name) => ({ name: `bin/${name}`, type: "2", link: "busybox" }));
    const reference = await made.stage.image([[...baseLayer(), ...applets]], { Cmd: ["sh"], Env: ["PATH=/bin"], ...config });
    await made.ok("tag", reference, "base:1");
    made.fill("true");
    return made;
  }

  /** Empties the context and runs words of sh(1) in it. */
  fill(script: string): void {
    rmSync(this.context, { recursive: true, force: true });
    mkdirSync(this.context);
    run("sh", "-euc", `cd ${this.context}\numask 022\n${script}`);
  }

  /** Words of a build for spawning by other means. */
  command(...flags: readonly string[]): string[] {
    return ["nsenter", `--net=/run/netns/${this.stage.host}`, ...this.stage.command("build", ...flags)];
  }

  /** Builds the text of a Dockerfile; "" takes what the context has. */
  async build(dockerfile: string, flags: readonly string[] = [], { stdin, environment = {}, from = this.context }: BuildCall = {}): Promise<Ended> {
    if (dockerfile !== "") writeFileSync(join(this.context, "Dockerfile"), dockerfile);
    const { DOCKER_HOST: _host, MDK_ROOT: _root, MDK_RUN_ROOT: _runRoot, ...env } = process.env;
    const child = Bun.spawn(["timeout", "-s", "KILL", "60", ...this.command(...flags, from)], { stdin: stdin === undefined ? "ignore" : Buffer.from(stdin), stdout: "pipe", stderr: "pipe", env: { ...env, ...environment } });
    const [out, err, code] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text(), child.exited]);
    return { code, out, err };
  }

  /** The same, which must succeed, under a name; what it made. */
  async image(dockerfile: string, flags: readonly string[] = [], call: BuildCall = {}): Promise<SavedImage> {
    await this.built(dockerfile, ["-t", "made:1", ...flags], call);
    return this.saved("made:1");
  }

  /** A build that must succeed; what it said on its standard error. */
  async built(dockerfile: string, flags: readonly string[] = [], call: BuildCall = {}): Promise<string> {
    const { code, err } = await this.build(dockerfile, flags, call);
    if (code !== 0) throw new Error(err);
    return err;
  }

  /** A build that must fail, with status 1; what it said. */
  async refused(dockerfile: string, flags: readonly string[] = [], call: BuildCall = {}): Promise<string> {
    const { code, err } = await this.build(dockerfile, flags, call);
    if (code !== 1) throw new Error(`status ${code}: ${err}`);
    return err;
  }

  async saved(name: string): Promise<SavedImage> {
    const path = join(this.stage.folder, "saved.tar");
    rmSync(path, { force: true });
    await this.ok("save", "-o", path, name);
    return readSaved(readFileSync(path));
  }

  /** The lines of the tree beyond those of the base image. */
  async added(dockerfile: string, flags: readonly string[] = [], call: BuildCall = {}): Promise<string[]> {
    const base = new Set(treeLines((await this.saved("base:1")).layers));
    return treeLines((await this.image(dockerfile, flags, call)).layers).filter((line) => !base.has(line));
  }

  /** The standard output of any command of mdk that must succeed. */
  async ok(...args: readonly string[]): Promise<string> {
    const { code, out, err } = await this.stage.mdk(...args);
    if (code !== 0) throw new Error(`mdk ${args.join(" ")}: ${code}: ${err}`);
    return out;
  }

  /** Files below the data root or the run root in which these bytes stand. */
  filesWith(text: string): string[] {
    const roots = [this.stage.root, this.stage.runRoot].filter((path) => existsSync(path));
    const { stdout } = Bun.spawnSync(["grep", "-rlaF", "--devices=skip", text, ...roots]);
    return stdout.toString().split("\n").filter((line) => line !== "");
  }

  async end(): Promise<void> {
    await this.stage.end();
  }
}

/** Of the file whose tests run. */
export let builds: BuildStage;

/** To be called at the top of a test file, whose tests then need root. */
export function useBuildStage(): void {
  let opened: BuildStage | undefined;
  beforeAll(async () => {
    if (!isRoot || !existsSync("dist/mdk")) return;
    opened = builds = await BuildStage.open();
  });
  afterAll(() => opened?.end());
}
