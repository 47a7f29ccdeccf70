#!/usr/bin/env bash
# Brings what the tests need from the system. Never fails: a test that misses its tool is skipped and says so.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/build/system_packages.sh

missing_packages() {
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || echo postgresql
  command -v redis-server >/dev/null || echo redis-server
  command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || echo chromium
  # what the fault runs break things with; all of it small
  command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || echo nginx-light
  command -v xfs_io >/dev/null || [ -x /usr/sbin/xfs_io ] || echo xfsprogs
  compgen -G '/usr/lib/*/faketime/libfaketime.so.1' >/dev/null || echo libfaketime
  command -v nft >/dev/null || [ -x /usr/sbin/nft ] || echo nftables
  command -v iptables >/dev/null || [ -x /usr/sbin/iptables ] || echo iptables
  command -v ip >/dev/null || [ -x /usr/sbin/ip ] || echo iproute2
  compgen -G '/usr/share/fonts/*/noto*/NotoSansCJK*' >/dev/null || echo fonts-noto-cjk
}

mapfile -t missing < <(missing_packages)
[ "${#missing[@]}" -eq 0 ] && exit 0

echo "Installing for the tests: ${missing[*]} …"
install_system_packages "${missing[@]}" || true

mapfile -t missing < <(missing_packages)
[ "${#missing[@]}" -eq 0 ] || echo "Missing: ${missing[*]}. Tests that need them are skipped, faults are not run. Install them with: apt-get install ${missing[*]}"
