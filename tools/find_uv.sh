#!/bin/sh
# Prints the path of a usable uv: the one on the PATH when it is new enough, else one of our own in .uv/.
# Everything but the path goes to stderr.
set -eu
cd "$(dirname "$0")/.."

MINIMUM=0.8 # the first 0.x series in which `uv pip install` knows --group and verifies hashes of constraints

# is_new_enough UV: whether its version is at least MINIMUM.
is_new_enough() {
    "$1" --version 2>/dev/null | awk -v minimum="$MINIMUM" '
        { split($2, have, "."); split(minimum, want, ".")
          ok = (have[1] + 0 > want[1] + 0) || (have[1] + 0 == want[1] + 0 && have[2] + 0 >= want[2] + 0) }
        END { exit !ok }'
}

for candidate in "${UV:-}" "$(command -v uv || true)" "$PWD/.uv/bin/uv"; do
    if [ -n "$candidate" ] && [ -x "$candidate" ] && is_new_enough "$candidate"; then
        echo "$candidate"
        exit 0
    fi
done

if ! command -v python3 >/dev/null; then
    echo "setup: neither uv nor Python 3 was found. Install one of them (any Python from 3.8 on will do)," >&2
    echo "setup: for instance: apt-get install python3-venv, or brew install uv; then run make again." >&2
    exit 1
fi

echo "setup: no uv $MINIMUM or newer on the PATH; putting one into .uv/ (about 20 MB)" >&2
if ! python3 -m venv .uv >&2; then
    rm -rf .uv
    echo "setup: python3 cannot make virtual environments. On Debian: apt-get install python3-venv" >&2
    exit 1
fi
if ! .uv/bin/python -m pip install --quiet --disable-pip-version-check "uv>=$MINIMUM,<1" >&2; then
    rm -rf .uv
    echo "setup: pip could not fetch uv; is the network, or pip's configured mirror, reachable?" >&2
    exit 1
fi
echo "$PWD/.uv/bin/uv"
