#!/usr/bin/env bash
# Owns the programs that the engines suite drives: AWS CLI, rclone, s3cmd, restic; and Java with Maven, by which
# tests/support/kafka-server.ts gets and runs Kafka. What is there is used as it is; what is missing is installed
# as a Debian package. Fails with the names of the parts that it could not get.
set -euo pipefail

declare -A package_of=([aws]=awscli [rclone]=rclone [s3cmd]=s3cmd [restic]=restic
  [java]=default-jre-headless [mvn]=maven)

works() { "$1" "${2:---version}" >/dev/null 2>&1; }
present() { case $1 in aws | s3cmd | mvn) works "$1" ;; java) works "$1" -version ;; *) works "$1" version ;; esac; }

missing=()
for program in "${!package_of[@]}"; do
  present "$program" || missing+=("$program")
done
[ ${#missing[@]} -eq 0 ] && exit 0

packages=()
for program in "${missing[@]}"; do packages+=("${package_of[$program]}"); done
echo "engines-setup: installing ${packages[*]}" >&2

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "engines-setup: missing ${missing[*]}; install ${packages[*]}, or run as root" >&2; exit 1; }
  as_root=(sudo -n)
fi
command -v apt-get >/dev/null || { echo "engines-setup: missing ${missing[*]}, and there is no apt-get to install ${packages[*]}" >&2; exit 1; }

export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -q </dev/null >&2 || echo "engines-setup: apt-get update failed; trying with the lists as they are" >&2
"${as_root[@]}" apt-get install -q -y --no-install-recommends "${packages[@]}" </dev/null >&2 || true

still=()
for program in "${missing[@]}"; do present "$program" || still+=("$program"); done
if [ ${#still[@]} -gt 0 ]; then
  echo "engines-setup: could not get ${still[*]}" >&2
  exit 1
fi
