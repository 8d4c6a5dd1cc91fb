#!/bin/sh
# The job of every recipe here: starts the image under test, asks it, shows its log, leaves nothing. IMAGE: what to test.
set -e
mdk doctor
mdk run -d --name web -p 127.0.0.1:8080:80 "${IMAGE:-docker.io/library/nginx:alpine}"
trap 'mdk logs web; mdk clean -f' EXIT
for second in 1 2 3 4 5 6 7 8 9 10; do
  wget -qO- http://127.0.0.1:8080/ && exit 0
  sleep 1
done
exit 1
