# To be sourced. install_system_packages NAME… installs Debian packages when this user may; otherwise it fails quietly.

install_system_packages() {
  command -v apt-get >/dev/null || return 1
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null && sudo -n true 2>/dev/null || return 1
    as_root=(sudo -n)
  fi
  local log
  log="$(mktemp)"
  # RUNLEVEL=1: the tests start their own private servers, so the packages' services need not run.
  if "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 bash -c '
      apt-get -q update && apt-get -q install -y --no-install-recommends "$@"' install "$@" >"$log" 2>&1 </dev/null; then
    rm -f "$log"
    return 0
  fi
  tail -n 3 "$log" >&2
  rm -f "$log"
  return 1
}
