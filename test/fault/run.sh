#!/bin/sh
# The full sweep: `npm run fault [-- SCENARIO…]`, as root. Every state-changing system call of command and shim is struck, first
# by a kill, then by an error of the kernel, each in a run of its own: a quarter of an hour. Status 1 if anything is wrong.
# MDK_FAULT_BINARY: another mdk than dist/mdk.
set -eu
cd "$(dirname "$0")/../.."
. test/helpers/common.sh
. test/helpers/packages.sh
need_root
ensure_packages "$test_packages"
[ -n "${MDK_FAULT_BINARY:-}" ] || sh shim/zig.sh build
sh test/helpers/fixtures.sh >/dev/null
status=0
node_modules/.bin/bun test/fault/sweep.ts "$@" || status=1
node_modules/.bin/bun test/fault/sweep.ts --errors "$@" || status=1
exit $status
