# Sourced by ./run, ./test and .ci/run: installs the Debian packages of the lists that are missing.
# Quiet and without network when nothing is missing.
need_packages() {
  local wanted missing=() package sudo=()
  wanted=$(cat "$@" | grep -v '^#')
  for package in $wanted; do
    dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed ||
      missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  command -v apt-get >/dev/null || {
    echo "vramcast is built with Debian 12's packages; this system lacks: ${missing[*]}" >&2
    return 4
  }
  echo "installing from Debian: ${missing[*]}" >&2
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "root is needed for that, and there is no sudo" >&2; return 4; }
    sudo=(sudo)
  fi
  local log code=0
  log=$(mktemp)
  (
    # No package may start its service (prometheus would): Debian asks this file.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      trap '"${sudo[@]}" rm -f "$policy"' EXIT
      printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy"
      "${sudo[@]}" chmod +x "$policy"
    fi
    "${sudo[@]}" apt-get update &&
      "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y \
        --no-install-recommends "${missing[@]}"
  ) >"$log" 2>&1 || code=4
  [ "$code" -eq 0 ] || tail -n 20 "$log" >&2
  rm -f "$log"
  return "$code"
}

# build PRESET [TARGET…]: configures and builds; speaks only when it has to.
build() {
  local preset=$1 log
  shift
  log=$(mktemp)
  if ! { [ -f "build/$preset/build.ninja" ] || cmake --preset "$preset"; } >"$log" 2>&1 ||
     ! cmake --build --preset "$preset" ${1:+--target "$@"} >>"$log" 2>&1; then
    tail -n 60 "$log" >&2
    rm -f "$log"
    return 5
  fi
  rm -f "$log"
}
