#!/bin/sh
# The job of every recipe here: starts the image under test, waits until it answers, asks it, shows its log, leaves nothing. IMAGE: what to test.
set -e
mdk doctor
trap 'mdk logs web; mdk clean -f' EXIT
mdk run -d --wait --name web -p 127.0.0.1:8080:80 "${IMAGE:-docker.io/library/nginx:alpine}"
wget -qO- http://127.0.0.1:8080/
