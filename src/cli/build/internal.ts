/** The lines of a build that are about no step of its Dockerfile, in BuildKit's words. */
import type { BuildProgress, ShownStep } from "../../engine/build/request.ts";
import type { PullProgress } from "../../engine/image/pull.ts";
import { humanSize } from "../output/size.ts";
import type { OpenContext } from "./context.ts";

/** What was read before the build began. */
export function showRead(progress: BuildProgress, { dockerfile, directory }: OpenContext): void {
  const show = (name: string, status: string | null): void => {
    const shown = progress.step(`[internal] ${name}`);
    shown.begin();
    if (status !== null) shown.status(status);
    shown.done();
  };
  show(`load build definition from ${dockerfile.name}`, `transferring dockerfile: ${humanSize(Buffer.byteLength(dockerfile.text))} done`);
  if (directory === null) return;
  show("load .dockerignore", null);
  show("load build context", null);
}

/** The layers of a base on their way. */
export function pulledAs(step: ShownStep): PullProgress {
  return {
    start() {},
    layer(id, status, current, total) {
      const name = `sha256:${id}`;
      if (status === "Pull complete" || status === "Already exists") step.status(`${name} ${humanSize(total)} / ${humanSize(total)} done`, id);
      else if (status === "Downloading") step.underway(id, `${name} ${humanSize(current)} / ${humanSize(total)}`);
      else if (status === "Extracting") step.underway(id, `extracting ${name}`);
    },
  };
}
