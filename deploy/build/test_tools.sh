#!/usr/bin/env bash
# Brings what the tests need from the system. Never fails: a test that misses its tool is skipped and says so.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/build/system_packages.sh

missing_packages() {
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || echo postgresql
  command -v redis-server >/dev/null || echo redis-server
  command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || echo chromium
  compgen -G '/usr/share/fonts/*/noto*/NotoSansCJK*' >/dev/null || echo fonts-noto-cjk
}

mapfile -t missing < <(missing_packages)
[ "${#missing[@]}" -eq 0 ] && exit 0

echo "Installing for the tests: ${missing[*]} …"
install_system_packages "${missing[@]}" || true

mapfile -t missing < <(missing_packages)
[ "${#missing[@]}" -eq 0 ] || echo "Missing: ${missing[*]}. Tests that need them are skipped. Install them with: apt-get install ${missing[*]}"
