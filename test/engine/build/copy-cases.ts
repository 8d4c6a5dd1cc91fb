/** COPY instructions, the context they take from and the tree they put into: what BuildKit's own copy makes of each is kept in copy.json. */
import type { FilesStage } from "../../helpers/files-stage.ts";

const CONTEXT = `
cd context
echo a > a.txt; echo b > b.txt; echo hidden > .env; chmod 640 b.txt
mkdir -p dir/sub/deep dir/empty other; echo one > dir/one; echo two > dir/sub/two; echo three > dir/sub/deep/three.md; chmod 750 dir/sub; chmod 700 dir/empty; chmod 2775 other
ln -s dir link; ln -s a.txt file-link; ln -s /etc/passwd out; ln -s ../../../../etc dir/climb; ln -s nowhere dangling; echo o > other/o.txt; ln -s ../dir other/dirlink; ln other/o.txt other/hard; ln -s /dir/sub abs; mkfifo fifo; mknod null c 1 3; echo s > suid; chmod 4755 suid
setfattr -n user.k -v v a.txt dir/sub
find . -exec touch -h -d @1000000 {} +
`;
const ROOT = "cd root; mkdir -p d/sub x/a.txt etc; echo old > d/one; chmod 711 d/sub; chown 9:9 d d/sub; chmod 777 d; echo f > f; ln -s d l; ln -s ../../../esc e; ln -s nowhere/deep n; ln -s f lf; mkdir w; touch -d @5 d d/sub d/one f w";

/** Without their first word. */
export const INSTRUCTIONS: readonly string[] = [
  "a.txt /x", "a.txt /x/", "a.txt /new/deep/x", "a.txt /d", "a.txt /d/", "a.txt /f", "a.txt /l", "a.txt /l/", "a.txt /e/x", "a.txt /n", "a.txt /n/x", "a.txt /lf", "a.txt /f/x", "a.txt /.", "a.txt .", "a.txt /w/.", "a.txt /w/../y", "a.txt ./../../q",
  "dir /x", "dir/ /x/", "dir /d", "dir /l", "dir /f", "dir /n", "dir /lf", "dir/sub /d/sub", ". /", ". /d", ". /y", "link /y", "abs /y", "file-link /y/", "file-link /y", "out /y", "dangling /y", "other/dirlink /y", "other/dirlink/one /y", "other /y/",
  "*.txt /y/", "* /y/", "*/ /y/", "d*/s* /y/", "d*/o* /y/", "[ab].txt /y/", "[^a].txt /y/", "?.txt /y/", "\\\\a.txt /y/", "a\\\\.txt /y/", "none* /y/", "none/x* /y/", "a.txt/x* /y/", "none /y/", ".e* /y/", "dang* /y/", "out* /y/", "file-l* /y/", "*link /y/", "other/* /y/",
  "a.txt b.txt /y/", "dir other /y", "dir other /d", "fifo /y", "null /y", "suid /y", "fifo null suid /y/", "other/hard /y", "*/o.txt */hard /y/",
  "--chown=7:8 dir /y", "--chown=7:8 dir /d", "--chown=7 a.txt /nn/y", "--chmod=700 dir /y", "--chmod=700 dir /d", "--chmod=4711 a.txt /nn/y", "--chmod=u+s,g-w dir /y", "--chmod=a+X a.txt suid dir /y/", "--chmod=go= a.txt /nn/y", "--chmod=g=u . /y", "--chmod=+t,o+w other /y", "--chmod=u=rw,go=r other /y",
  "--exclude=*.txt . /y/", "--exclude=**/*.md --exclude=dir/empty . /y", "--exclude=sub dir /y", "--exclude=* --exclude=!one dir /y", "--exclude=sub --exclude=!sub/two dir /y", "--exclude=a.txt a.txt /y", "--exclude=b* *.txt /y/", "--exclude=/sub dir /y", "--exclude=**/deep . /d",
  "--parents a.txt /y/", "--parents dir/one /y/", "--parents dir/sub /y/", "--parents dir/./sub /y/", "--parents dir/./sub/two /d/", "--parents **/*.md /y/", "--parents ./dir/*/two /y/", "--parents d*/./sub /y/", "--parents link/one /y/", "--parents link /y/", "--parents dir/sub/two dir/one /d/", "--parents none /y/", "--parents none* /y/", "--parents --exclude=**/two dir /y/", "--parents --chmod=700 --chown=3:4 dir/sub/two /y/", "--parents . /y/", "--parents ./dir/. /y/", "--parents */sub/deep /y",
];

export const WORKING_DIRECTORY = "/w";

/** The files of a case; the context is only read. */
export function prepare(stage: FilesStage): void {
  stage.sh(CONTEXT);
  resetRoot(stage);
}

export function resetRoot(stage: FilesStage): void {
  // The directory itself is open.
  stage.sh(`find root -mindepth 1 -delete; ${ROOT}`);
}

/** What is there: type, mode, owner, names, target, time, attributes. What was made just now has no time of its own. */
export function listing(stage: FilesStage): string[] {
  const found = stage.sh("cd root; find . -mindepth 1 -printf '%P %y %m %U:%G %n %T@ %l\\n' | sed -E 's/ ([0-9]+)\\.[0-9]+( |$)/ \\1 /; s/ 1[0-9]{9} / now /; s/ *$//' | LC_ALL=C sort; getfattr -R -h -d -m user . 2>/dev/null | tr '\\n' ' '");
  return found.split("\n").filter((line) => line !== "");
}

/** What came of it, or that it was refused. */
export interface Answer {
  readonly error: string;
  readonly tree: string[];
}
