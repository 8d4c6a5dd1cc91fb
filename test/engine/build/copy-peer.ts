/** Writes anew what BuildKit's own copy makes of the cases: `bun copy-peer.ts PROGRAM`, which is test/build/peer/copy. */
import { posix } from "node:path";
import { FilesStage } from "../../helpers/files-stage.ts";
import { INSTRUCTIONS, listing, prepare, resetRoot, WORKING_DIRECTORY, type Answer } from "./copy-cases.ts";

const [program = ""] = process.argv.slice(2);
const stage = new FilesStage();
const answers: Record<string, Answer> = {};
try {
  prepare(stage);
  for (const instruction of INSTRUCTIONS) {
    resetRoot(stage);
    const error = ask(instruction);
    answers[instruction] = { error, tree: error === "" ? listing(stage) : [] };
  }
} finally {
  stage.remove();
}
await Bun.write(`${import.meta.dir}/copy.json`, `${JSON.stringify(answers, null, 1)}\n`);

function ask(instruction: string): string {
  const words = instruction.replaceAll("\\\\", "\\").split(" ");
  const flag = (name: string): string[] => words.filter((word) => word.startsWith(`--${name}=`)).map((word) => word.slice(name.length + 3));
  const paths = words.filter((word) => !word.startsWith("--"));
  const [uid = -1, gid = uid] = (flag("chown")[0] ?? "-1").split(":").map(Number);
  const step = {
    Context: stage.context, Root: stage.root, Dest: destination(paths.at(-1) ?? ""), Sources: paths.slice(0, -1), Exclude: flag("exclude"), Parents: words.includes("--parents"), UID: uid, GID: gid,
    Chmod: flag("chmod")[0] ?? "",
  };
  const { stdout } = Bun.spawnSync([program], { stdin: Buffer.from(JSON.stringify([step])) });
  const [error = ""] = JSON.parse(stdout.toString()) as string[];
  return error.replaceAll(stage.root, "").replaceAll(stage.context, "");
}

/** system.NormalizePath: a slash or "/." at the end stays. */
function destination(written: string): string {
  const whole = posix.join(WORKING_DIRECTORY, "/").concat(written === "." ? "" : written);
  const path = written.startsWith("/") ? written : whole;
  const clean = posix.normalize(path);
  return path.endsWith("/.") ? `${clean.replace(/\/$/, "")}/.` : clean;
}
