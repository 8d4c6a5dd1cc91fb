/** The variables of `--link`, as a dockerd makes them of the same containers. */
import { expect, test } from "bun:test";
import { completeEnv } from "../../src/spec/environment.ts";
import { linkVariables } from "../../src/spec/link-variables.ts";

const variables = (exposed: string[], environment: string[] = [], name = "/lk/m"): string[] => linkVariables({ name, address: "172.17.0.2", exposed, environment });

test("name and environment, but for what every container has", () => {
  expect(variables([], ["IMG=1", "HOME=/r", "PATH=/x", "E==x", "Y=a b", "NOVAL"], "/lk/my-multi.x")).toEqual(["MY_MULTI.X_NAME=/lk/my-multi.x", "MY_MULTI.X_ENV_IMG=1", "MY_MULTI.X_ENV_E==x", "MY_MULTI.X_ENV_Y=a b"]);
});

test("ports by number, tcp first; the lowest one is the port", () => {
  expect(variables(["80/tcp", "53/udp", "53/tcp"])).toEqual([
    "M_PORT=tcp://172.17.0.2:53",
    "M_PORT_53_TCP=tcp://172.17.0.2:53", "M_PORT_53_TCP_ADDR=172.17.0.2", "M_PORT_53_TCP_PORT=53", "M_PORT_53_TCP_PROTO=tcp",
    "M_PORT_53_UDP=udp://172.17.0.2:53", "M_PORT_53_UDP_ADDR=172.17.0.2", "M_PORT_53_UDP_PORT=53", "M_PORT_53_UDP_PROTO=udp",
    "M_PORT_80_TCP=tcp://172.17.0.2:80", "M_PORT_80_TCP_ADDR=172.17.0.2", "M_PORT_80_TCP_PORT=80", "M_PORT_80_TCP_PROTO=tcp",
    "M_NAME=/lk/m",
  ]);
});

test("three and more that follow one another are told as a range before them, with Docker's count and its words for two protocols", () => {
  const ranges = (...exposed: string[]): string[] => variables(exposed).filter((line) => /_(START|END)=/.test(line));
  expect(ranges("90/tcp", "91/tcp")).toEqual([]);
  expect(ranges("93/tcp", "90/tcp", "91/tcp", "92/tcp", "80/udp", "80/tcp", "82/tcp")).toEqual([
    "M_PORT_80_TCP_START=tcp://172.17.0.2:80", "M_PORT_80_TCP_PORT_START=80", "M_PORT_80_TCP_END=tcp://172.17.0.2:82", "M_PORT_80_TCP_PORT_END=82",
    "M_PORT_90_TCP_START=tcp://172.17.0.2:90", "M_PORT_90_TCP_PORT_START=90", "M_PORT_90_TCP_END=tcp://172.17.0.2:93", "M_PORT_90_TCP_PORT_END=93",
  ]);
  expect(ranges("80/tcp", "81/tcp", "82/udp")).toEqual(["M_PORT_80_TCP_START=tcp://172.17.0.2:80", "M_PORT_80_TCP_PORT_START=80", "M_PORT_80_UDP_END=udp://172.17.0.2:82", "M_PORT_80_UDP_PORT_END=82"]);
  // Each variable once in the end, in the place of its first mention.
  const whole = completeEnv(variables(["80/tcp", "81/tcp", "82/udp"]), { hostname: "h", tty: false, home: "/" });
  expect(whole.filter((line) => line.startsWith("M_PORT_80_TCP")).map((line) => line.slice("M_PORT_80_TCP".length, line.indexOf("=")))).toEqual(["_START", "_ADDR", "_PROTO", "_PORT_START", "", "_PORT"]);
});
