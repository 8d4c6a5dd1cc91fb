/** `mdk system df`. */
import { readDiskUsage, type DiskUsage } from "../../engine/system/disk.ts";
import { isUp } from "../../engine/end/words.ts";
import { imageTeller } from "../container/shown-image.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { ago } from "../output/human.ts";
import { printRows, type Row } from "../output/rows.ts";
import { humanSize } from "../output/size.ts";
import { print, printable, table } from "../output/text.ts";

export const command: Command = {
  usage: "system df [OPTIONS]",
  summary: "Show disk usage",
  flags: [
    { name: "format", type: "string", help: "Format output using a custom template: table, json, or a Go template" },
    { name: "verbose", short: "v", type: "bool", help: "Show detailed information on space usage" },
  ],
  operands: [0, 0],
  run,
};

const HEADS = { Type: "TYPE", TotalCount: "TOTAL", Active: "ACTIVE", Size: "SIZE", Reclaimable: "RECLAIMABLE" };
const bytes = (size: number): string => humanSize(size, 4);
const sum = (sizes: readonly number[]): number => sizes.reduce((total, size) => total + size, 0);

async function run({ context, flags }: Invocation): Promise<number> {
  const usage = readDiskUsage(context);
  const format = flags.string("format");
  if (flags.bool("verbose") && format === null) print(printable(details(usage, context.now(), imageTeller(context))));
  else await printRows({ command: "df", type: "*formatter.diskUsageContext", heads: HEADS, usual: Object.keys(HEADS), raw: [["type", "Type"], ["total", "TotalCount"], ["active", "Active"], ["size", "Size"], ["reclaimable", "Reclaimable"]], rows: rowsOf(usage) }, format);
  return 0;
}

/** docker/cli, formatter/disk_usage.go: what is of no use to anybody, with its share of the whole. */
function rowsOf({ layers, images, containers, volumes, buildCache }: DiskUsage): Row[] {
  const { steps, directories } = buildCache;
  const row = (Type: string, total: number, active: number, { size, free }: { readonly size: number; readonly free: number }): Row => ({
    Type, TotalCount: String(total), Active: String(active), Size: bytes(size), Reclaimable: size > 0 ? `${bytes(free)} (${Math.trunc((free * 100) / size)}%)` : bytes(free),
  });
  const used = sum(images.filter((image) => image.containers > 0).map(({ size, shared }) => size - shared));
  const up = containers.filter(({ status }) => isUp(status.word));
  const written = sum(containers.map(({ size }) => size));
  const held = sum(volumes.map(({ size }) => size));
  const kept = cacheBytes(buildCache);
  return [
    row("Images", images.length, images.filter((image) => image.containers > 0).length, { size: layers, free: layers - used }),
    row("Containers", containers.length, up.length, { size: written, free: written - sum(up.map(({ size }) => size)) }),
    row("Local Volumes", volumes.length, volumes.filter(({ links }) => links > 0).length, { size: held, free: sum(volumes.filter(({ links }) => links === 0).map(({ size }) => size)) }),
    row("Build Cache", steps.length + directories.length, 0, { size: kept, free: kept }),
  ];
}

/** What images have is theirs. */
function cacheBytes({ steps, directories }: DiskUsage["buildCache"]): number {
  return sum([...new Map(steps.filter(({ shared }) => !shared).map(({ layer, size }) => [layer, size])).values(), ...directories.map(({ size }) => size)]);
}

function details({ images, containers, volumes, buildCache, total }: DiskUsage, now: Date, imageOf: ReturnType<typeof imageTeller>): string {
  const short = (id: string): string => id.replace(/^sha256:/, "").slice(0, 12);
  const imageRows = images.map(({ id, name, created, size, shared, containers: users }) => {
    const colon = name?.lastIndexOf(":") ?? -1;
    const [repository, tag] = name === null ? ["<none>", "<none>"] : [name.slice(0, colon), name.slice(colon + 1)];
    return [repository, tag, short(id), created === "" ? "N/A" : ago(Date.parse(created), now), bytes(size), bytes(shared), bytes(size - shared), String(users)];
  });
  const containerRows = containers.map(({ container, status, size }) => [
    short(container.id), imageOf(container, false), JSON.stringify(container.command.length <= 20 ? container.command : `${container.command.slice(0, 19)}…`),
    String(container.mounts.filter(({ type }) => type === "volume").length), bytes(size), ago(container.createdMs, now), status.word, container.name,
  ]);
  const cacheRows = [
    ...buildCache.steps.map(({ key, size, createdMs, usedMs, uses, shared }) => [short(key), "regular", bytes(size), ago(createdMs, now), ago(usedMs, now), String(uses), String(shared)]),
    ...buildCache.directories.map(({ name, size, usedMs }) => [short(name), "exec.cachemount", bytes(size), "", ago(usedMs, now), "", "false"]),
  ];
  return [
    "Images space usage:\n", table([["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"], ...imageRows]),
    "\nContainers space usage:\n", table([["CONTAINER ID", "IMAGE", "COMMAND", "LOCAL VOLUMES", "SIZE", "CREATED", "STATUS", "NAMES"], ...containerRows]),
    "\nLocal Volumes space usage:\n", table([["VOLUME NAME", "LINKS", "SIZE"], ...volumes.map(({ name, links, size }) => [name, String(links), bytes(size)])]),
    `\nBuild cache usage: ${bytes(cacheBytes(buildCache))}\n`, table([["CACHE ID", "CACHE TYPE", "SIZE", "CREATED", "LAST USED", "USAGE", "SHARED"], ...cacheRows]),
    `\nTotal on disk: ${bytes(total)} (${total} bytes, with the database and what is half-made)`,
  ].join("\n");
}
