# Debian's docker-registry on a free port of loopback, for shell scripts. Sourced after common.sh.
#   registry_start FOLDER    storage and log in FOLDER; sets $registry (host:port) and $registry_pid
#   registry_push LAYOUT NAME:TAG
#   registry_stop

registry_start() {
  mkdir -p "$1/storage"
  cat >"$1/config.yml" <<YAML
version: 0.1
log: { level: info, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: $1/storage }, delete: { enabled: true } }
http: { addr: 127.0.0.1:0 }
YAML
  OTEL_TRACES_EXPORTER=none docker-registry serve "$1/config.yml" </dev/null >"$1/log" 2>&1 &
  registry_pid=$! registry=
  tries=0
  while [ -z "$registry" ]; do
    registry=$(sed -n 's/.*listening on \(127\.0\.0\.1:[0-9]*\).*/\1/p' "$1/log" | head -n 1)
    tries=$((tries + 1))
    if [ $tries -gt 600 ] || ! kill -0 "$registry_pid" 2>/dev/null; then
      cat "$1/log" >&2
      return 1
    fi
    [ -n "$registry" ] || sleep 0.1
  done
}

registry_push() { skopeo copy --quiet --dest-tls-verify=false "oci:$1" "docker://$registry/$2"; }

registry_stop() {
  [ -n "${registry_pid:-}" ] || return 0
  kill "$registry_pid" 2>/dev/null || true
  wait "$registry_pid" 2>/dev/null || true
  registry_pid=
}
