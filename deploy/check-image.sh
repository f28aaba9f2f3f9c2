#!/bin/sh
# Checks the Dockerfile and docker-compose.yml as far as that goes without a Docker engine: linters, then the
# Dockerfile's own steps in a chroot, then the service started from the result as a container would run it.
#
# usage: deploy/check-image.sh    as root, on Debian with Node 20 or newer; a few minutes, 3 GB below TMPDIR, which must
#                                 not be mounted noexec or nodev
#
# One line per check; it ends with 0 when none failed. A check whose tools are missing is skipped, and says so; with CI
# set that is a failure. All it makes lies in one temporary folder, which it removes.
set -eu
# Files keep the modes that they have in a checkout, whatever the caller's mask.
umask 022
exec node "$(dirname "$0")/check-image/main.mjs" "$@"
