#!/bin/sh
# All tests, on a fresh Debian 12 with Node.js, npm, Python 3, pip, git and root: `npm test`. Prints and installs what is
# missing (no service is started), builds, makes the fixtures, runs the tests of the shim, of mdk and of the virtual
# machine, and ends with "N passed, N failed, N skipped". Status 1 if any failed; with CI=true also if a test was skipped
# that test/skips.txt does not name.
# MDK_TEST_CACHE: where fixtures are kept (.cache). MDK_TEST_ONLY: some of "check zig bun vm" (all).
set -u
cd "$(dirname "$0")/.."
. test/helpers/common.sh
. test/helpers/packages.sh

only=${MDK_TEST_ONLY:-check zig bun vm}
wanted() { case " $only " in *" $1 "*) true ;; *) false ;; esac }
need_root
started=$(date +%s)
results=$cache/results
rm -rf "$results"
mkdir -p "$results"

# stage NAME SECONDS COMMAND…: runs with a limit, shows and keeps the output, and leaves the exit status for the report.
stage() {
  stage_name=$1 limit=$2
  shift 2
  { timeout -k 10 "$limit" "$@" </dev/null 2>&1; echo $? >"$results/$stage_name.status"; } | tee "$results/$stage_name.log"
  return "$(cat "$results/$stage_name.status")"
}
quietly() { stage "$@" >/dev/null; }

say "packages"
ensure_packages "$test_packages"

if wanted check; then
  say "check: format, types, generated file" # first: a build rewrites the generated file and would hide a stale one
  stage check 300 sh shim/zig.sh build check
fi

say "build"
if stage build 600 sh shim/zig.sh build; then
  say "images"
  stage images 600 sh test/helpers/fixtures.sh

  if wanted zig; then
    say "tests of the shim"
    stage zig 300 sh shim/zig.sh build test --summary all
  fi
  if wanted bun; then
    say "tests of mdk"
    stage bun 780 node_modules/.bin/bun test/helpers/shares.ts "$results"
  fi
  if wanted vm; then
    say "virtual machines: the smoke test on pure cgroup v2, on a new kernel and on Debian 12's own (both at once: takes a minute or two)"
    for series in 6.12 6.1; do
      quietly "vm-$series" 420 env MDK_VM_KERNEL=$series sh test/vm/run.sh dist/mdk &
    done
    wait
    for series in 6.12 6.1; do
      if [ "$(cat "$results/vm-$series.status")" = 0 ]; then
        grep '^kernel:\|^smoke test\|^job passed\|^boot passed' "$results/vm-$series.log"
      else
        tail -n 40 "$results/vm-$series.log"
      fi
    done
  fi
fi

say "result after $(($(date +%s) - started)) s"
if node_modules/.bin/bun --version >/dev/null 2>&1; then
  exec node_modules/.bin/bun test/helpers/report.ts "$results" "$only"
fi
echo "Bun is not there: nothing could be built"
echo "0 passed, 1 failed, 0 skipped"
exit 1
