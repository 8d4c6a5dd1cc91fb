/** `mdk network connect`. */
import { connectContainer } from "../../engine/container/connect.ts";
import { messageOf, MdkError } from "../../error.ts";
import { ANY_ENDPOINT, decodeEndpoint, parseLink, type EndpointSettings } from "../../spec/endpoint.ts";
import { endpointReasons, endpointSentence } from "../../spec/endpoints-asked.ts";
import { EXIT, CommandError } from "../exit.ts";
import type { Command, Values } from "../grammar/flags.ts";
import { wordsOf } from "./words.ts";

/** docker/cli opts.ValidateLink, as a flag's refusal. */
function linkProblem(value: string): string | null {
  try {
    parseLink(value);
    return null;
  } catch (error) {
    return messageOf(error);
  }
}

export const command: Command = {
  usage: "network connect [OPTIONS] NETWORK CONTAINER",
  summary: "Connect a container to a network",
  flags: [
    { name: "alias", type: "list", help: "Add network-scoped alias for the container" },
    { name: "driver-opt", type: "list", help: "driver options for the network" },
    { name: "gw-priority", type: "int", help: "Highest gw-priority provides the default gateway. Accepts positive and negative values." },
    { name: "ip", type: "string", help: "IPv4 address (e.g., \"172.30.100.104\")" },
    { name: "ip6", type: "string", help: "IPv6 address (e.g., \"2001:db8::33\")" },
    { name: "link", type: "list", check: linkProblem, help: "Add link to another container" },
    { name: "link-local-ip", type: "list", help: "Add a link-local address for the container (refused: not in this version)", missing: true },
  ],
  operands: [2, 2],
  run: ({ context, flags, operands: [network = "", container = ""] }) => {
    connectContainer(context, { network, container, settings: settingsOf(flags) });
    return 0;
  },
};

function settingsOf(flags: Values): EndpointSettings {
  const options = wordsOf(flags, "driver-opt").map((text) => {
    const [key = "", ...rest] = text.split("=");
    if (rest.length === 0 || key.trim() === "") throw new CommandError(EXIT.failure, "invalid-flag", "invalid key/value pair format in driver options");
    return [key.trim(), rest.join("=").trim()];
  });
  const some = (list: readonly string[]): string[] | null => (list.length === 0 ? null : [...list]);
  const [ip, ip6] = [flags.string("ip") ?? "", flags.string("ip6") ?? ""];
  const settings = {
    ...ANY_ENDPOINT, IPAMConfig: ip === "" && ip6 === "" ? null : { IPv4Address: ip, IPv6Address: ip6 }, Links: some(flags.list("link")), Aliases: some(wordsOf(flags, "alias")),
    DriverOpts: options.length === 0 ? null : Object.fromEntries(options), GwPriority: flags.int("gw-priority") ?? 0,
  };
  const reasons = endpointReasons(settings);
  if (reasons.length > 0) throw new MdkError("invalid", "invalid-endpoint", endpointSentence(reasons));
  return decodeEndpoint(settings, "EndpointConfig");
}
