#!/usr/bin/env bash
# Makes .venv with the given Python, or says in one line why it cannot.
set -euo pipefail
cd "$(dirname "$0")/../.."
python="${1:-}"

if [ -z "$python" ] || ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  found="$(python3 --version 2>/dev/null || echo none)"
  echo "Mingyuan needs Python 3.11 or newer (found: $found). Install it, or name one: make setup PYTHON=/path/to/python3.11" >&2
  exit 1
fi

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  # Debian and Ubuntu keep these two modules in a package of their own.
  . deploy/build/system_packages.sh
  package="python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
  if ! install_system_packages "$package"; then
    echo "Python's venv module is missing. Install it first: apt-get install $package" >&2
    exit 1
  fi
fi

echo "Making .venv with $("$python" --version) …"
"$python" -m venv --clear .venv
