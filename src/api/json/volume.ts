/** Docker's JSON of a volume (GET /volumes/NAME): pure. */
import type { Volume } from "../../store/volumes.ts";

const orNull = (map: Readonly<Record<string, string>>): Readonly<Record<string, string>> | null => (Object.keys(map).length === 0 ? null : map);

/** `mountpoint`: where its data lies. */
export function volumeJson({ name, createdMs, labels, options, anonymous }: Volume, mountpoint: string): Record<string, unknown> {
  return {
    CreatedAt: new Date(createdMs).toISOString().replace(/\.\d+Z$/, "Z"), Driver: "local", Labels: anonymous ? { "com.docker.volume.anonymous": "", ...labels } : orNull(labels), Mountpoint: mountpoint, Name: name,
    Options: orNull(options), Scope: "local",
  };
}
