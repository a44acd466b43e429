#!/usr/bin/env bash
# Owns the start of the broker: KAFKA_SOME_NAME in the environment is some.name in the properties, as in the official
# image; a log directory that is new is formatted for CLUSTER_ID.
set -euo pipefail

properties=$(mktemp)
while IFS='=' read -r name value; do
  case $name in
    KAFKA_HEAP_OPTS | KAFKA_OPTS) continue ;;
    KAFKA_*) ;;
    *) continue ;;
  esac
  key=${name#KAFKA_}
  key=${key,,}
  echo "${key//_/.}=$value" >>"$properties"
done < <(env)

broker() { java ${KAFKA_HEAP_OPTS:-} ${KAFKA_OPTS:-} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '/opt/kafka/libs/*' "$@"; }

broker kafka.tools.StorageTool format --ignore-formatted -t "${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" -c "$properties"
# The broker takes the place of the shell, so that signals reach it.
exec java ${KAFKA_HEAP_OPTS:-} ${KAFKA_OPTS:-} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
  -cp '/opt/kafka/libs/*' kafka.Kafka "$properties"
