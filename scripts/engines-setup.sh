#!/usr/bin/env bash
# Owns the programs that the engines suite drives: AWS CLI, rclone, s3cmd, restic, openstack, swift; slapd, without a
# configuration of its own; Java with Maven, by which tests/support/kafka-server.ts gets and runs Kafka; Docker, Compose
# and debootstrap for the cluster in containers (tests/compose). What is there is used as it is; what is missing is
# installed as a Debian package. Fails with the names of the parts that it could not get. Starts nothing: a test starts
# the daemon that it needs.
set -euo pipefail

declare -A package_of=(
  [aws]=awscli [rclone]=rclone [s3cmd]=s3cmd [restic]=restic
  [openstack]=python3-openstackclient [swift]=python3-swiftclient [slapd]=slapd
  [java]=default-jre-headless [mvn]=maven
  [docker]=docker.io [dockerd]=docker.io [iptables]=iptables [compose]=docker-compose [debootstrap]=debootstrap
)

works() { "$1" "${2:---version}" >/dev/null 2>&1; }
# A daemon that answers needs neither one of our own nor what that would need.
serves() { docker version >/dev/null 2>&1; }
present() {
  case $1 in
    aws | s3cmd | openstack | swift | mvn | debootstrap | docker) works "$1" ;;
    slapd) command -v slapd >/dev/null || [ -x /usr/sbin/slapd ] ;;
    java) works "$1" -version ;;
    dockerd | iptables) serves || works "$1" ;;
    compose) docker compose version >/dev/null 2>&1 || works docker-compose version ;;
    *) works "$1" version ;;
  esac
}

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
if [[ " ${packages[*]} " == *" slapd "* ]]; then
  echo 'slapd slapd/no_configuration boolean true' | "${as_root[@]}" debconf-set-selections >&2 || true
fi
"${as_root[@]}" apt-get install -q -y --no-install-recommends "${packages[@]}" </dev/null >&2 || true

still=()
for program in "${missing[@]}"; do present "$program" || still+=("$program"); done
if [ ${#still[@]} -gt 0 ]; then
  echo "engines-setup: could not get ${still[*]}" >&2
  exit 1
fi
