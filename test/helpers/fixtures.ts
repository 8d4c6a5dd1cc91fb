/** The images of test/helpers/fixtures.sh as OCI layouts, each with the tag "latest". Made at first use (a minute). */
import { join } from "node:path";

let folder: string | undefined;

/** Path of the image's OCI layout: `skopeo copy oci:PATH:latest docker://…`. Throws with the log if it cannot be made. */
export function imageLayout(name: "busybox" | "debian"): string {
  if (folder === undefined) {
    const { exitCode, stdout, stderr } = Bun.spawnSync(["sh", "test/helpers/fixtures.sh"]);
    if (exitCode !== 0) throw new Error(stderr.toString());
    folder = stdout.toString().trim();
  }
  return join(folder, name);
}
