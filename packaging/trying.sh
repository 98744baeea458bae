# What both tries of packages share; sourced. It makes the folder $work, which goes away at the end with all that was
# started, and finds out $version. The caller is in the project's folder.
# shellcheck shell=bash

# shellcheck disable=SC2034 # used by those who source this
version=$(sed -n '/^version = /{s/.*"\(.*\)"/\1/p;q;}' Cargo.toml)
work=$(mktemp -d)
# Where programs that are started here write, and what a failure shows.
log=$work/log
started=()

end() {
  local pid
  for pid in ${started[@]+"${started[@]}"}; do
    if kill "$pid" 2>/dev/null; then wait "$pid" 2>/dev/null || true; fi
  done
  rm -rf "$work"
}
trap end EXIT

fail() {
  if [ -s "$log" ]; then tail -20 "$log" >&2; fi
  echo "FAILED: $*" >&2
  exit 1
}
ok() { echo "ok: $*"; }

# Retries a command for half a minute; fails with the words $1.
until_true() {
  local what=$1 tries=150
  shift
  until "$@" >/dev/null 2>&1; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || fail "$what"
    sleep 0.2
  done
}

ping() {
  python3 - "$1" <<'PYTHON'
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5) as node:
    node.sendall(b"PING\r\n")
    sys.exit(node.recv(16) != b"+PONG\r\n")
PYTHON
}

# The first of two ports that nobody has.
free_port() {
  python3 - <<'PYTHON'
import random, socket
while True:
    port = random.randrange(22000, 30000)
    try:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
    except OSError:
        continue
    print(port)
    break
PYTHON
}

# Starts a master and a replica by the command, and waits for both; sets `port` and `cluster`, the process.
start_cluster() {
  port=$(free_port)
  "$@" up --replicas 1 --port "$port" >"$log" 2>&1 &
  cluster=$!
  started+=("$cluster")
  until_true 'no PONG from the master' ping "$port"
  until_true 'no PONG from the replica' ping $((port + 1))
}

# Starts a display of its own, and makes it the one that programs find.
start_display() {
  Xvfb -displayfd 9 -screen 0 "$1x24" -nolisten tcp 9>"$work/display" 2>/dev/null &
  started+=($!)
  until_true 'Xvfb does not start' [ -s "$work/display" ]
  DISPLAY=:$(cat "$work/display")
  export DISPLAY
  unset WAYLAND_DISPLAY
}

# Sets `window` to the one with this title.
find_window() { window=$(xdotool search --onlyvisible --name "$1" | tail -1) && [ -n "$window" ]; }
