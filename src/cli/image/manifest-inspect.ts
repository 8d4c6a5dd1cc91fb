/** `mdk manifest inspect`. */
import { readRemoteManifest, type RemoteManifest } from "../../engine/image/remote-manifest.ts";
import { hostName } from "../../registry/endpoint.ts";
import { canonicalName, parseReference, withDefaultTag } from "../../image/reference.ts";
import { MdkError } from "../../error.ts";
import { EXIT, CommandError } from "../exit.ts";
import type { Command, Invocation } from "../grammar/flags.ts";
import { print } from "../output/text.ts";

export const command: Command = {
  usage: "manifest inspect [OPTIONS] MANIFEST",
  summary: "Display an image manifest, or manifest list",
  flags: [
    { name: "insecure", type: "bool", help: "Allow communication with an insecure registry" },
    { name: "verbose", short: "v", type: "bool", help: "Output additional info including layers and platform" },
  ],
  operands: [1, 1],
  run,
};

async function run({ context, flags, operands: [word = ""] }: Invocation): Promise<number> {
  const verbose = flags.bool("verbose");
  const insecureRegistries = flags.bool("insecure") ? [hostName(parseReference(word).domain)] : [];
  const found = await readRemoteManifest(context, word, { insecureRegistries, entries: verbose }).catch((error: unknown) => {
    throw error instanceof MdkError && error.code === "image-not-found" ? new CommandError(EXIT.failure, error.code, `no such manifest: ${canonicalName(withDefaultTag(parseReference(word)))}`) : error;
  });
  const shown = verbose ? found.map(described) : found.map(({ document }) => document);
  print(JSON.stringify(shown.length === 1 ? shown[0] : shown, null, "\t"));
  return 0;
}

/** docker/cli, cli/manifest/types: the descriptor beside what it leads to. */
function described({ name, digest, mediaType, size, platform, document }: RemoteManifest): object {
  const known = platform !== null && platform.os !== "";
  const kind = mediaType.includes("docker") ? "SchemaV2Manifest" : "OCIManifest";
  return {
    Ref: name, Descriptor: { mediaType, digest, size, ...(known ? { platform: { architecture: platform.architecture, os: platform.os, ...(platform.variant === "" ? {} : { variant: platform.variant }) } } : {}) },
    [kind]: document,
  };
}
