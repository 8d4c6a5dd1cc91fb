# Debian packages: `ensure_packages NAME…` prints and installs those that are missing. Sourced after common.sh.
# No service is started by it: a policy-rc.d that says no stands in for the duration where the machine has none of its
# own, and units that came with the new packages are disabled, so that the next boot does not start them either.

# What the tests use and why (name:reason); a fresh Debian 12 with Node.js, npm, Python 3, pip and git has none of it.
base_packages="
  ca-certificates:TLS_of_the_package_mirrors
  busybox-static:the_busybox_image,_the_guest_of_the_virtual_machine,_nc
  debootstrap:the_Debian_image
  debian-archive-keyring:its_signatures
  umoci:independent_writer_and_reader_of_layers
  skopeo:independent_writer_of_registries
  docker-registry:the_registry
  iproute2:witness_of_links,_addresses_and_routes
  nftables:witness_of_the_firewall
  procps:witness_of_processes
"
test_packages="$base_packages
  strace:what_is_executed;_kill_at_every_call
  crun:second_runtime
  runc:second_runtime
  docker.io:Docker's_own_answers_beside_mdk's
  podman:starts_CI_jobs;_peer
  systemd:checks_the_unit_of_system_install
  libcap2-bin:file_capabilities_in_layers
  attr:extended_attributes_in_layers
  openssh-client:an_agent_and_its_client_for_RUN_--mount=type=ssh
  musl:a_root_without_glibc
  bindfs:a_data_root_on_FUSE
  zstd:zstd_layers,_the_virtual_machine's_initrd
  curl:witness_of_published_ports
  python3:clients_and_servers_of_raw_packets
  iptables:the_firewalls_of_others
  bind9-dnsutils:asks_a_container's_resolver
  dnsmasq-base:a_name_server_behind_it
  openssl:certificates_of_test_registries
  qemu-system-x86:the_virtual_machine_with_cgroup_v2
  cpio:its_initrd
  kmod:its_modules
  e2fsprogs:its_disk
  xz-utils:its_compressed_modules
"
bench_packages="$test_packages
  netavark:its_network
  aardvark-dns:its_names
  iperf3:network_throughput
  time:what_a_pull_takes
"

apt_log=${TMPDIR:-/tmp}/mdk-apt.$$

installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# ensure_packages "name:reason …"
ensure_packages() {
  missing=
  for entry in $1; do
    name=${entry%%:*}
    installed "$name" && continue
    missing="$missing $name"
    printf '  %-16s %s\n' "$name" "$(printf %s "${entry#*:}" | tr _ ' ')"
  done
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null || die "apt-get is not here: install$missing by hand"
  echo "installing$missing"
  policy=/usr/sbin/policy-rc.d made_policy=
  if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy && made_policy=1
    trap 'rm -f $policy' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
  fi
  status=0 links=$(unit_links)
  install_packages $missing || { apt-get -q update && install_packages $missing; } || status=$?
  disable_new_units "$links"
  if [ -n "$made_policy" ]; then
    rm -f $policy
    trap - EXIT INT TERM HUP
  fi
  [ $status = 0 ] || die "apt-get could not install$missing"
}

install_packages() {
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends -o Dpkg::Use-Pty=0 \
    -o Dpkg::Options::=--force-unsafe-io -o Acquire::Retries=3 "$@" </dev/null >"$apt_log" 2>&1 || {
    tail -n 15 "$apt_log" >&2
    rm -f "$apt_log"
    return 1
  }
  rm -f "$apt_log"
}

# Links by which systemd starts something at boot or on demand.
unit_links() { find /etc/systemd/system -path '*.wants/*' -type l 2>/dev/null | sort; }

# disable_new_units LINKS-OF-BEFORE
disable_new_units() {
  unit_links | while read -r link; do
    printf '%s\n' "$1" | grep -qxF "$link" || rm -f "$link"
  done
}
