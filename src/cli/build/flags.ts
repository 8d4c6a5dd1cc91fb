/** The flags of `build`. */
import type { Flag } from "../grammar/flags.ts";
import { RUN_FLAGS } from "../container/flags.ts";
import { isMode } from "./progress.ts";

/** Those of `run` that confine the containers of steps. */
const SHARED = ["add-host", "cgroup-parent", "cpu-period", "cpu-quota", "cpu-shares", "cpuset-cpus", "cpuset-mems", "memory", "memory-swap", "network", "shm-size", "ulimit", "security-opt"];

/** Of Docker's builders before, which its command line takes and passes over, as buildx does. */
const OLD: readonly Flag[] = [
  { name: "compress", type: "bool", hidden: true, help: "Compress the build context using gzip" },
  { name: "disable-content-trust", type: "bool", hidden: true, help: "Skip image verification (default true)" },
  { name: "force-rm", type: "bool", hidden: true, help: "Always remove intermediate containers" },
  { name: "isolation", type: "string", hidden: true, help: "Container isolation technology" },
  { name: "rm", type: "bool", hidden: true, help: "Remove intermediate containers after a successful build (default true)" },
];

const OWN: readonly Flag[] = [
  ...OLD,
  { name: "allow", type: "list", help: "Allow extra privileged entitlement (e.g., \"security.insecure\")" },
  { name: "annotation", type: "list", help: "Add annotation to the image" },
  { name: "attest", type: "list", help: "Attestation parameters" },
  { name: "builder", type: "string", help: "Override the configured builder instance" },
  { name: "cache-from", type: "list", help: 'External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")' },
  { name: "cache-to", type: "list", help: 'Cache export destinations (e.g., "type=inline", "type=registry,ref=user/app:cache", "type=local,dest=path/to/dir")' },
  { name: "provenance", type: "string", help: "Shorthand for --attest=type=provenance" },
  { name: "sbom", type: "string", help: "Shorthand for --attest=type=sbom" },
  { name: "squash", type: "bool", help: "Squash newly built layers into a single new layer" },
  { name: "build-arg", type: "list", help: "Set build-time variables" },
  { name: "build-context", type: "list", help: "Additional build contexts (e.g., name=path)" },
  { name: "call", type: "string", help: 'Set method for evaluating build: "build", or "check" as --check' },
  { name: "check", type: "bool", help: "Only check the Dockerfile, do not build" },
  { name: "debug-shell", type: "bool", help: "Open a shell in the failed step's file system" },
  { name: "file", short: "f", type: "string", help: 'Name of the Dockerfile (default: "PATH/Dockerfile")' },
  { name: "iidfile", type: "string", help: "Write the image ID to a file" },
  { name: "label", type: "list", help: "Set metadata for an image" },
  { name: "load", type: "bool", help: "Shorthand for --output=type=docker" },
  { name: "metadata-file", type: "string", help: "Write build result metadata to a file" },
  { name: "no-cache", type: "bool", help: "Do not use cache when building the image" },
  { name: "no-cache-filter", type: "list", help: "Do not cache specified stages" },
  { name: "output", short: "o", type: "list", help: 'Output destination (format: "type=local,dest=path")' },
  { name: "platform", type: "list", help: "Set target platform for build" },
  { name: "progress", type: "string", help: "How progress is shown: auto, plain, tty, rawjson, quiet", check: (value) => (isMode(value) ? null : `invalid progress mode ${JSON.stringify(value)}`) },
  { name: "pull", type: "bool", help: "Always attempt to pull all referenced images" },
  { name: "push", type: "bool", help: "Shorthand for --output=type=registry" },
  { name: "quiet", short: "q", type: "bool", help: "Suppress the build output and print image ID on success" },
  { name: "secret", type: "list", help: 'Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")' },
  { name: "ssh", type: "list", help: 'SSH agent socket or keys to expose to the build (format: "default|<id>[=<socket>|<key>[,<key>]]")' },
  { name: "tag", short: "t", type: "list", help: 'Image identifier (format: "[registry/]repository[:tag]")' },
  { name: "target", type: "string", help: "Set the target build stage to build" },
];

export const BUILD_FLAGS: readonly Flag[] = [...OWN, ...RUN_FLAGS.filter(({ name }) => SHARED.includes(name))].toSorted((a, b) => (a.name < b.name ? -1 : 1));
