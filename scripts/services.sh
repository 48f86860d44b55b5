#!/usr/bin/env bash
# Starts the real servers that tests need, installing what is missing where it may. Does nothing twice.
# Usage: services.sh start|stop <service>...      services: postgres
#
# Shared by every checkout of a user, unless CLAVIGER_SERVICES names a directory of one's own and CLAVIGER_POSTGRES_PORT
# a port: `npm test` does that, and stops at its end what it started.
set -euo pipefail

RUN=${CLAVIGER_SERVICES:-${TMPDIR:-/tmp}/claviger-services-$(id -u)}
PG_PORT=${CLAVIGER_POSTGRES_PORT:-25432}

# need <command or file> <Debian package>...: makes sure that it is there, or says why it cannot be.
need() {
  local probe=$1
  shift
  if command -v "$probe" >/dev/null 2>&1 || [ -e "$probe" ]; then return; fi
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
    echo "$probe is not installed (Debian: $*), and only root can install it" >&2
    exit 3
  fi
  apt-get -o DPkg::Lock::Timeout=300 update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "$@" >/dev/null
  echo "installed $*"
}

# The newest installed PostgreSQL; Debian keeps its programs out of the path.
postgres_programs() {
  if command -v pg_ctl >/dev/null 2>&1; then
    dirname "$(readlink -f "$(command -v pg_ctl)")"
  else
    find /usr/lib/postgresql -path '*/bin/pg_ctl' -printf '%h\n' 2>/dev/null | sort -V | tail -n 1
  fi
}

# PostgreSQL refuses to run as root: root becomes the user that the package made.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --init-groups "$@"; else "$@"; fi
}

answers_as_postgres() {
  "$1/psql" -w -h 127.0.0.1 -p "$PG_PORT" -U postgres -d postgres -Atc 'SELECT 1' </dev/null >/dev/null 2>&1
}

start_postgres() {
  local programs data=$RUN/postgres
  need "$(postgres_programs)/pg_ctl" postgresql
  programs=$(postgres_programs)
  # Another user's, or one that was started by hand: what answers as tests need it is used, and left alone.
  if [ ! -f "$data/postmaster.pid" ] && answers_as_postgres "$programs"; then return; fi
  if [ ! -f "$data/PG_VERSION" ]; then
    rm -rf "$data"
    install -d -m 700 "$data"
    if [ "$(id -u)" = 0 ]; then chown postgres:postgres "$data"; fi
    as_postgres "$programs/initdb" -D "$data" -A trust -U postgres -E UTF8 --locale=C.UTF-8 >/dev/null
    echo "made a PostgreSQL cluster in $data"
  fi
  if as_postgres "$programs/pg_ctl" -D "$data" status >/dev/null 2>&1; then return; fi
  as_postgres "$programs/pg_ctl" -D "$data" -w -l "$data/log" \
    -o "-p $PG_PORT -k '' -c listen_addresses=127.0.0.1 -c fsync=on -c max_connections=200" start >/dev/null
  echo "started PostgreSQL on 127.0.0.1:$PG_PORT"
}

stop_postgres() {
  local data=$RUN/postgres
  if [ ! -f "$data/postmaster.pid" ]; then return; fi
  as_postgres "$(postgres_programs)/pg_ctl" -D "$data" -m fast stop >/dev/null
  echo "stopped PostgreSQL"
}

action=${1:?start or stop}
shift
mkdir -p "$RUN"
chmod 755 "$RUN"
# Two test files may ask at once.
exec 9>"$RUN/lock"
flock 9
for service in "$@"; do "${action}_${service}" 9>&-; done
