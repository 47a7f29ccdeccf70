#!/usr/bin/env bash
# Resolves pyproject.toml into requirements.lock and requirements-dev.lock: hashes, no addresses, one version for
# every Python from 3.11 on. Pass uv's options after the Python, for example --upgrade.
set -euo pipefail
cd "$(dirname "$0")/../.."
python="${1:?the Python to make the tool with}"
shift

[ -x .make/lock/bin/uv ] || { "$python" -m venv .make/lock && .make/lock/bin/pip install --quiet uv; }

compile() {
  .make/lock/bin/uv pip compile pyproject.toml --extra build --quiet \
    --universal --python-version 3.11 --fork-strategy fewest \
    --generate-hashes --no-emit-index-url --no-emit-find-links --strip-extras --no-annotate --no-header "$@"
}

compile --output-file requirements.lock "$@"
compile --extra dev --constraint requirements.lock --output-file requirements-dev.lock "$@"

if grep -nE '://|^--(index|extra-index|find-links|trusted)' requirements.lock requirements-dev.lock; then
  echo "A lock holds an address." >&2
  exit 1
fi
