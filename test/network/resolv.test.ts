/** The texts of resolv.conf and hosts. */
import { expect, test } from "bun:test";
import { generateHosts, generateResolvConf, parseResolvConf, type HostsOptions, type ResolvOptions } from "../../src/network/resolv.ts";

const resolv = (options: Partial<ResolvOptions>) =>
  generateResolvConf({ host: null, systemd: () => null, servers: [], search: [], options: [], sharesHost: false, hasResolver: false, ...options });

test("the host's name servers, search list and options are taken over", () => {
  const host = "# comment\ndomain old.example\nsearch a.example b.example\nnameserver 192.0.2.1\nnameserver\t192.0.2.2 ; second\noptions ndots:2\noptions timeout:1\n";
  expect(resolv({ host })).toEqual({ text: "search a.example b.example\nnameserver 192.0.2.1\nnameserver 192.0.2.2\noptions ndots:2 timeout:1\n", upstream: [], warning: null });
});

test("loopback and IPv6 servers are left out; only where none is left is systemd's file asked", () => {
  expect(resolv({ host: "nameserver 127.0.0.11\nnameserver ::1\nnameserver 10.0.0.1\n", systemd: () => { throw new Error("asked"); } }).text).toBe("nameserver 10.0.0.1\n");
  expect(resolv({ host: "nameserver 127.0.0.53\noptions edns0\nsearch lan\n", systemd: () => "nameserver 10.0.0.9\nsearch other\n" })).toEqual({
    text: "search lan\nnameserver 10.0.0.9\noptions edns0\n", upstream: [], warning: null,
  });
});

test("without any server a default is used, and told", () => {
  for (const host of [null, "", "nameserver 127.0.0.1\n"]) {
    const { text, warning } = resolv({ host });
    expect(text).toBe("nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    expect(warning).toContain("--dns");
  }
});

test("flags replace what the host has; a dot takes the search list away; given servers are taken as they are", () => {
  const host = "search lan\nnameserver 127.0.0.53\noptions edns0\n";
  expect(resolv({ host, servers: ["127.0.0.1", "1.1.1.1"], search: ["x.example"], options: ["ndots:5"] })).toEqual({
    text: "search x.example\nnameserver 127.0.0.1\nnameserver 1.1.1.1\noptions ndots:5\n", upstream: [], warning: null,
  });
  expect(resolv({ host: "search lan\nnameserver 10.0.0.1\n", search: ["."] }).text).toBe("nameserver 10.0.0.1\n");
});

test("the host's own network keeps the host's loopback servers", () => {
  expect(resolv({ host: "nameserver 127.0.0.53\n", sharesHost: true })).toEqual({ text: "nameserver 127.0.0.53\n", upstream: [], warning: null });
});

test("with a resolver it alone is asked, and it asks whom the host would, loopback servers too", () => {
  const host = "search lan\nnameserver 127.0.0.53\noptions edns0\n";
  expect(resolv({ host, hasResolver: true })).toEqual({ text: "search lan\nnameserver 127.0.0.11\noptions edns0 ndots:0\n", upstream: ["127.0.0.53"], warning: null });
  expect(resolv({ host, hasResolver: true, servers: ["192.0.2.7"], options: ["ndots:3"] })).toEqual({ text: "search lan\nnameserver 127.0.0.11\noptions ndots:3\n", upstream: ["192.0.2.7"], warning: null });
  expect(resolv({ hasResolver: true }).upstream).toEqual(["8.8.8.8", "8.8.4.4"]);
});

test("hostile lines do not become settings", () => {
  expect(parseResolvConf("nameserver\nsearch\n;nameserver 1.1.1.1\nfoo bar\n\n")).toEqual({ servers: [], search: [], options: [] });
});

test("a server that is no address and a domain that is none are refused, line breaks included", () => {
  for (const server of ["dns.example", "1.2.3", "", "1.1.1.1\nsearch x"]) expect(() => resolv({ servers: [server] })).toThrow("is not an ip address");
  for (const domain of ["", "a b", "a\nnameserver 6.6.6.6"]) expect(() => resolv({ search: [domain] })).toThrow("is not a valid domain");
  expect(resolv({ servers: ["2001:db8::1"], options: ["a\nnameserver 6.6.6.6"] }).text).toBe("nameserver 2001:db8::1\noptions a nameserver 6.6.6.6\n");
});

const hosts = (options: Partial<HostsOptions>) =>
  generateHosts({ hostname: "web", domainname: "", addresses: ["172.17.0.2"], links: [], extra: [], gateway: "172.17.0.1", ...options });

test("hosts is Docker's: the defaults, what was added, the container itself last", () => {
  expect(hosts({ extra: ["db:10.0.0.5", "six:2001:db8::1", "up:host-gateway", "eq=10.0.0.6", "b:[::1]"] })).toBe(
    "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\n" +
      "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n10.0.0.5\tdb\n2001:db8::1\tsix\n172.17.0.1\tup\n10.0.0.6\teq\n::1\tb\n172.17.0.2\tweb\n",
  );
});

test("a line for each address, and for each link", () => {
  const text = hosts({ addresses: ["172.18.0.2", "fd00::2"], links: [{ address: "172.17.0.9", names: ["db", "0123456789ab", "postgres"] }] });
  expect(text).toEndWith("172.17.0.9\tdb 0123456789ab postgres\n172.18.0.2\tweb\nfd00::2\tweb\n");
});

test("a fully qualified name is followed by its first label; without address there is no line", () => {
  expect(hosts({ hostname: "web.example.com" })).toEndWith("172.17.0.2\tweb.example.com web\n");
  expect(hosts({ domainname: "example.com" })).toEndWith("172.17.0.2\tweb.example.com web\n");
  expect(hosts({ addresses: [] })).toEndWith("ip6-allrouters\n");
});

test("an --add-host that is no name and address is refused, line breaks included", () => {
  for (const entry of ["", "db", "db:", ":10.0.0.1", "db:10.0.0", "db:10.0.0.256", "a b:10.0.0.1", "x\n1.1.1.1 y:10.0.0.1", "x:10.0.0.1\nfoo", "#:10.0.0.1"]) {
    expect(() => hosts({ extra: [entry] })).toThrow("bad format for add-host");
  }
  expect(() => hosts({ extra: ["x:host-gateway"], gateway: null })).toThrow("host-gateway");
});
