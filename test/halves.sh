#!/bin/sh
# The tests of mdk, in two halves at once: most of their time they wait for processes. `sh test/halves.sh RESULTS` leaves bun.xml there, and
# prints what each half said, one after the other. Status 1 if one of them failed.
set -u
cd "$(dirname "$0")/.."
results=$1

# half NAME FILE…
half() {
  name=$1
  shift
  node_modules/.bin/bun test --timeout 120000 --reporter=junit --reporter-outfile="$results/bun-$name.xml" "$@" </dev/null >"$results/bun-$name.out" 2>&1
}

containers=$(find test/root/container test/root/store test/root/network -name '*.test.ts' | sort)
others=$(find test -name '*.test.ts' ! -path 'test/root/container/*' ! -path 'test/root/store/*' ! -path 'test/root/network/*' | sort)
half containers $containers &
first=$!
half others $others
second=$?
wait $first
first=$?
cat "$results/bun-containers.out" "$results/bun-others.out"
cat "$results/bun-containers.xml" "$results/bun-others.xml" >"$results/bun.xml"
[ $first = 0 ] && [ $second = 0 ]
