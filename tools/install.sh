#!/bin/sh
# Installs the project into .venv, pinned by requirements.lock.
#
#   tools/install.sh demo    what `make demo` needs: edge, cloud, embedded broker, terminal view
#   tools/install.sh all     that, training and the developers' tools
set -eu
cd "$(dirname "$0")/.."

case "${1:-}" in
demo) set -- -e '.[demo]' ;;
all) set -- -e '.[demo,fleet,pipeline,telemetry]' --group dev ;;
*)
    echo "usage: tools/install.sh demo|all" >&2
    exit 2
    ;;
esac

uv=$(sh tools/find_uv.sh)
version=$(cat .python-version)

# An environment of another Python, or one whose Python was removed, is of no use.
if ! .venv/bin/python -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')" 2>/dev/null; then
    echo "setup: making .venv with Python $version" >&2
    if ! "$uv" venv --quiet --clear --python "$version" .venv; then
        echo "setup: Python $version is not here and could not be fetched; install it and run make again." >&2
        exit 1
    fi
fi

echo "setup: installing $*, pinned by requirements.lock" >&2
# uv draws a progress bar on a terminal; elsewhere its list of packages would only fill a log.
quiet=--quiet
[ -t 2 ] && quiet=
# shellcheck disable=SC2086 # an empty $quiet must vanish
"$uv" pip install $quiet --python .venv/bin/python -c requirements.lock "$@"
