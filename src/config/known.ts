/** Keys of dockerd's daemon.json (docs.docker.com, dockerd, "Daemon configuration file") that mdk does nothing with. Pure. */

/**
 * They mean nothing here: of a daemon, its log, its socket, its builder, of clusters, of other runtimes. Users bring their files, so they are
 * taken, and told in `mdk info`.
 */
export const IDLE_KEYS: ReadonlySet<string> = new Set([
  "$schema", "api-cors-header", "builder", "cdi-spec-dirs", "cluster-advertise", "cluster-store", "cluster-store-opts", "containerd", "containerd-namespace",
  "containerd-plugins-namespace", "debug", "deprecated-key-path", "exec-opts", "experimental", "features", "group", "host-gateway-ip", "hosts",
  "init-path", "labels", "live-restore", "log-format", "log-level", "metrics-addr", "min-api-version", "network-control-plane-mtu", "network-diagnostic-port",
  "node-generic-resources", "oom-score-adjust", "pidfile", "raw-logs", "runtimes", "shutdown-timeout", "storage-opts", "swarm-default-advertise-addr",
  "tls", "tlscacert", "tlscert", "tlskey", "tlsverify", "userland-proxy", "userland-proxy-path",
]);

/** What they ask for would be missed: each with the values that mean what mdk does anyway, as JSON. */
export const NOT_YET_KEYS: Readonly<Record<string, readonly string[]>> = {
  "allow-direct-routing": ["false"], "allow-nondistributable-artifacts": ["[]"], "authorization-plugins": ["[]"], bridge: ['""'], "bridge-accept-fwmark": ['""'],
  "cpu-rt-period": ["0"], "cpu-rt-runtime": ["0"], "default-gateway": ['""'], "default-gateway-v6": ['""'], "default-runtime": ['"runc"', '""'], "firewall-backend": ['""', '"nftables"'],
  ip6tables: ["true"], "ip-forward": ["true"], "ip-forward-no-drop": ["false"], iptables: ["true"], "selinux-enabled": ["false"], "userns-remap": ['""'],
};
