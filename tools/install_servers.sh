#!/bin/sh
# Installs what the tests want from the system: Mosquitto, PostgreSQL, Java and Maven (which fetches Kafka), Chromium, nginx, SoftHSM, Request Tracker.
# Only root on a machine with apt-get is asked to do so; elsewhere, and when it fails, the tests that need them say so
# themselves. Never leaves a server running.
set -eu

has() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null; }

packages=
has mosquitto || packages="$packages mosquitto"
has postgres || [ -n "$(find /usr/lib/postgresql -name postgres -type f 2>/dev/null)" ] || packages="$packages postgresql-15"
has java || packages="$packages openjdk-17-jre-headless"
[ -n "${KAFKA_HOME:-}" ] || has mvn || packages="$packages maven"
has chromium || has chromium-browser || has google-chrome || packages="$packages chromium fonts-dejavu-core"
has nginx || packages="$packages nginx-light"
[ -x /usr/share/request-tracker5/libexec/rt-server ] || packages="$packages request-tracker5 rt5-standalone rt5-db-sqlite"
has softhsm2-util || packages="$packages softhsm2"
[ -n "$packages" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! has apt-get; then
    echo "tests: without$packages some tests are skipped; their summary says which." >&2
    exit 0
fi

# Debian starts a server as soon as it is installed, unless this file says 101: "action forbidden by policy".
policy=/usr/sbin/policy-rc.d
kept=$(mktemp -d)
restore() {
    if [ -e "$kept/policy" ]; then mv -f "$kept/policy" "$policy"; else rm -f "$policy"; fi
    rm -rf "$kept"
}
if [ -e "$policy" ] || [ -L "$policy" ]; then mv "$policy" "$kept/policy"; fi
trap restore EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

echo "tests: installing$packages" >&2
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # a list of package names
if ! { apt-get update -qq && apt-get install -qq -y --no-install-recommends $packages; } </dev/null >"$kept/log" 2>&1; then
    tail -n 5 "$kept/log" >&2
    echo "tests: could not install$packages; the tests that need them say so." >&2
fi
