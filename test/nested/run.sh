#!/bin/sh
# The whole matrix of hosts: `npm run test:hosts`, as root; `npm test` runs a few of its cells. Four minutes. Status 1 if a cell is wrong.
set -eu
cd "$(dirname "$0")/../.."
. test/helpers/common.sh
. test/helpers/packages.sh
need_root
ensure_packages "$test_packages"
[ -n "${MDK_TEST_EXECUTABLE:-}" ] || sh shim/zig.sh build
sh test/helpers/fixtures.sh >/dev/null
MDK_TEST_HOSTS=1 exec node_modules/.bin/bun test --timeout 120000 test/nested
