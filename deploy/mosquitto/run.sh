#!/bin/sh
# Runs Mosquitto with what `industrialguard cloud broker-files` has written into a folder, and tells it (SIGHUP)
# when that was written again, so that a revocation counts within seconds:
#   sh run.sh /etc/industrialguard/broker
set -eu
folder=$1
content() { cat "$folder"/* | sha256sum; }

known=$(content)
mosquitto -c "$folder/mosquitto.conf" &
broker=$!
trap 'kill -TERM "$broker"' TERM INT
while kill -0 "$broker" 2>/dev/null; do
  sleep 2 &
  wait $! || true
  now=$(content)
  [ "$now" = "$known" ] || kill -HUP "$broker" || true
  known=$now
done
wait "$broker"
