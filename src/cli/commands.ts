/** The command tree: names and one-line summaries here, everything else in one file a command, loaded when it is called. */
import type { CommandGroup, Entry } from "./grammar/tree.ts";

const attach: Entry = { summary: "Attach local standard input, output, and error streams to a running container", load: () => import("./container/attach.ts") };
const build: Entry = { summary: "Build an image from a Dockerfile", load: () => import("./build/build.ts") };
const commit: Entry = { summary: "Create a new image from a container's changes", load: () => import("./container/commit.ts") };
const cp: Entry = { summary: "Copy files/folders between a container and the local filesystem", load: () => import("./container/cp.ts") };
const create: Entry = { summary: "Create a new container", load: () => import("./container/create.ts") };
const diff: Entry = { summary: "Inspect changes to files or directories on a container's filesystem", load: () => import("./container/diff.ts") };
const exec: Entry = { summary: "Execute a command in a running container", load: () => import("./container/exec.ts") };
const exportContainer: Entry = { summary: "Export a container's filesystem as a tar archive", load: () => import("./container/export.ts") };
const history: Entry = { summary: "Show the history of an image", load: () => import("./image/history.ts") };
const images: Entry = { summary: "List images", load: () => import("./image/images.ts") };
const imageInspect: Entry = { summary: "Display detailed information on one or more images", load: () => import("./image/inspect.ts") };
const importImage: Entry = { summary: "Import the contents from a tarball to create a filesystem image", load: () => import("./image/import.ts") };
const inspect: Entry = { summary: "Return low-level information on containers, images, networks and volumes", load: () => import("./system/inspect.ts") };
const containerInspect: Entry = { summary: "Display detailed information on one or more containers", load: () => import("./container/inspect.ts") };
const kill: Entry = { summary: "Kill one or more running containers", load: () => import("./container/kill.ts") };
const events: Entry = { summary: "Get real time events from the server", load: () => import("./system/events.ts") };
const load: Entry = { summary: "Load an image from a tar archive or STDIN", load: () => import("./image/load.ts") };
const login: Entry = { summary: "Authenticate to a registry", load: () => import("./registry/login.ts") };
const logout: Entry = { summary: "Log out from a registry", load: () => import("./registry/logout.ts") };
const logs: Entry = { summary: "Fetch the logs of a container", load: () => import("./container/logs.ts") };
const pause: Entry = { summary: "Pause all processes within one or more containers", load: () => import("./container/pause.ts") };
const port: Entry = { summary: "List port mappings or a specific mapping for the container", load: () => import("./container/port.ts") };
const prune: Entry = { summary: "Remove all stopped containers", load: () => import("./container/prune.ts") };
const ps: Entry = { summary: "List containers", load: () => import("./container/ps.ts") };
const pull: Entry = { summary: "Download an image from a registry", load: () => import("./image/pull.ts") };
const push: Entry = { summary: "Upload an image to a registry", load: () => import("./image/push.ts") };
const rename: Entry = { summary: "Rename a container", load: () => import("./container/rename.ts") };
const restart: Entry = { summary: "Restart one or more containers", load: () => import("./container/restart.ts") };
const rm: Entry = { summary: "Remove one or more containers", load: () => import("./container/rm.ts") };
const rmi: Entry = { summary: "Remove one or more images", load: () => import("./image/rmi.ts") };
const run: Entry = { summary: "Create and run a new container from an image", load: () => import("./container/run.ts") };
const save: Entry = { summary: "Save one or more images to a tar archive (streamed to STDOUT by default)", load: () => import("./image/save.ts") };
const search: Entry = { summary: "Search Docker Hub, or a registry, for images", load: () => import("./registry/search.ts") };
const start: Entry = { summary: "Start one or more stopped containers", load: () => import("./container/start.ts") };
const stats: Entry = { summary: "Display a live stream of container(s) resource usage statistics", load: () => import("./container/stats.ts") };
const stop: Entry = { summary: "Stop one or more running containers", load: () => import("./container/stop.ts") };
const tag: Entry = { summary: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", load: () => import("./image/tag.ts") };
const top: Entry = { summary: "Display the running processes of a container", load: () => import("./container/top.ts") };
const unpause: Entry = { summary: "Unpause all processes within one or more containers", load: () => import("./container/unpause.ts") };
const update: Entry = { summary: "Update configuration of one or more containers", load: () => import("./container/update.ts") };
const volumeCreate: Entry = { summary: "Create a volume", load: () => import("./volume/create.ts") };
const volumeInspect: Entry = { summary: "Display detailed information on one or more volumes", load: () => import("./volume/inspect.ts") };
const volumePrune: Entry = { summary: "Remove unused local volumes", load: () => import("./volume/prune.ts") };
const volumeRm: Entry = { summary: "Remove one or more volumes", load: () => import("./volume/rm.ts") };
const volumes: Entry = { summary: "List volumes", load: () => import("./volume/ls.ts") };
const networkConnect: Entry = { summary: "Connect a container to a network", load: () => import("./network/connect.ts") };
const networkCreate: Entry = { summary: "Create a network", load: () => import("./network/create.ts") };
const networkDisconnect: Entry = { summary: "Disconnect a container from a network", load: () => import("./network/disconnect.ts") };
const networkInspect: Entry = { summary: "Display detailed information on one or more networks", load: () => import("./network/inspect.ts") };
const networkPrune: Entry = { summary: "Remove all unused networks", load: () => import("./network/prune.ts") };
const networkReload: Entry = { summary: "Make the firewall rules of networks and ports anew, after somebody else has flushed them", load: () => import("./network/reload.ts") };
const networkRm: Entry = { summary: "Remove one or more networks", load: () => import("./network/rm.ts") };
const networks: Entry = { summary: "List networks", load: () => import("./network/ls.ts") };
const wait: Entry = { summary: "Block until one or more containers stop, then print their exit codes", load: () => import("./container/wait.ts") };
const boot: Entry = { summary: "Start the containers whose restart policy says so, after a boot of the host", load: () => import("./system/boot.ts") };
const df: Entry = { summary: "Show disk usage", load: () => import("./system/df.ts") };
const info: Entry = { summary: "Display system-wide information", load: () => import("./system/info.ts") };
const systemPrune: Entry = { summary: "Remove unused data", load: () => import("./system/prune.ts") };
const imagePrune: Entry = { summary: "Remove unused images", load: () => import("./image/prune.ts") };
const builderPrune: Entry = { summary: "Remove build cache", load: () => import("./build/prune.ts") };
const install: Entry = { summary: "Make systemd start containers after a boot, as their restart policies say", load: () => import("./system/install.ts") };
const unhealthy: Entry = { summary: "Do what is to be done about an unhealthy container", load: () => import("./container/unhealthy.ts"), hidden: true };
const cleanup: Entry = { summary: "Finish what an ended container left", load: () => import("./container/cleanup.ts"), hidden: true };

/** Commands of the top level, in the order of the help. */
export const COMMANDS: Readonly<Record<string, Entry>> = {
  run, exec, ps, pull, push, images,
  version: { summary: "Show the mdk version information", load: () => import("./system/version.ts") },
  info,
  doctor: { summary: "Show what this host has for containers, and what is missing", load: () => import("./system/doctor.ts") },
  attach, build, commit, cp, create, diff, events, export: exportContainer, history, import: importImage, inspect, kill, load, login, logout, logs, pause, port, rename, restart, rm, rmi, save, search, start, stats, stop, tag, top, unpause, update, wait,
  clean: { summary: "Remove all containers and what mdk set up on this host, except images", load: () => import("./system/clean.ts") },
  completion: { summary: "Generate the autocompletion script for the specified shell", load: async () => ({ command: (await import("./system/completion.ts")).completionCommand({ commands: COMMANDS, groups: GROUPS }) }) },
};

export const GROUPS: Readonly<Record<string, CommandGroup>> = {
  container: {
    summary: "Manage containers",
    commands: { attach, commit, cp, create, diff, exec, export: exportContainer, inspect: containerInspect, kill, logs, ls: ps, list: ps, pause, port, prune, ps, rename, restart, rm, remove: rm, run, start, stats, stop, top, unpause, update, wait, cleanup, unhealthy },
  },
  volume: {
    summary: "Manage volumes",
    commands: { create: volumeCreate, inspect: volumeInspect, ls: volumes, list: volumes, prune: volumePrune, rm: volumeRm, remove: volumeRm },
  },
  network: {
    summary: "Manage networks",
    commands: {
      connect: networkConnect, create: networkCreate, disconnect: networkDisconnect, inspect: networkInspect, ls: networks, list: networks, prune: networkPrune, reload: networkReload,
      rm: networkRm, remove: networkRm,
    },
  },
  builder: { summary: "Manage builds", commands: { build, prune: builderPrune } },
  buildx: { summary: "Docker Buildx: builds, as build has them", commands: { build, prune: builderPrune } },
  image: { summary: "Manage images", commands: { build, history, import: importImage, inspect: imageInspect, ls: images, list: images, load, prune: imagePrune, pull, push, rm: rmi, remove: rmi, save, tag } },
  manifest: { summary: "Look at image manifests and manifest lists", commands: { inspect: { summary: "Display an image manifest, or manifest list", load: () => import("./image/manifest-inspect.ts") } } },
  system: { summary: "Manage mdk", commands: { boot, df, events, info, install, prune: systemPrune } },
};

/**
 * Docker's commands that mdk does not have yet, those of the top level under "": named in the error, so that nobody looks
 * for a typing mistake.
 */
export const MISSING: Readonly<Record<string, readonly string[]>> = {
  "": [
    "checkpoint", "compose",
  ],
  builder: ["du"],
  buildx: ["bake", "du", "history", "imagetools", "version"],
  container: [],
  image: [],
  manifest: ["annotate", "create", "push", "rm"],
  system: ["dial-stdio"],
};

const DESKTOP = "comes with Docker Desktop, and mdk does not have it";
const SWARM = "is for clusters: mdk runs containers on one host";

const BUILDER = "is for builders that are started somewhere: mdk itself is the builder, and the only one";

/** Docker's commands that mdk will not have, and why, as the end of a sentence that begins with the command. */
export const NEVER: Readonly<Record<string, string>> = {
  ...Object.fromEntries(["create", "dial-stdio", "inspect", "ls", "rm", "stop", "use"].map((name) => [`buildx ${name}`, BUILDER])),
  ...Object.fromEntries(["ai", "app", "cloud", "debug", "desktop", "dev", "extension", "feedback", "init", "mcp", "model", "offload", "pass", "sandbox", "sbom", "scout"].map((name) => [name, DESKTOP])),
  ...Object.fromEntries(["config", "node", "secret", "service", "stack", "swarm"].map((name) => [name, SWARM])),
  context: "chooses a daemon: mdk has none and works on this host",
  plugin: "is for the daemon's plugins: mdk has no daemon",
  trust: "is for Docker Content Trust, which Docker gives up: name an image by its digest",
};
