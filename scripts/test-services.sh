# Sourced (bash) after toolchain.sh. The real parts that the tests talk to: what a machine already has is used, what it
# lacks is installed from Debian's packages where that is possible, and what was started here is stopped here.

docker_answers() { docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }

has_postgres() { [ -n "${CICD_TEST_DATABASE_URL:-}" ] || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null; }

has_compose() { docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null; }

# The Debian packages that this machine lacks for the tests, on one line.
missing_packages() {
  local missing=()
  if ! command -v docker >/dev/null || ! { docker_answers || command -v dockerd >/dev/null; }; then
    missing+=(docker.io cgroupfs-mount)
  fi
  has_postgres || missing+=(postgresql)
  command -v debootstrap >/dev/null || missing+=(debootstrap)
  command -v busybox >/dev/null || missing+=(busybox-static)
  command -v docker-registry >/dev/null || missing+=(docker-registry)
  command -v tmux >/dev/null || missing+=(tmux)
  if [[ ${parts:-} == *" faults "* ]] && ! has_compose; then missing+=(docker-compose); fi
  echo "${missing[*]}"
}

ensure_packages() {
  local missing
  missing=$(missing_packages)
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null; then
    fail "the tests need parts that this machine lacks, named here as Debian's packages: $missing" "install them"
  fi
  [ "$(id -u)" = 0 ] || fail "the tests need packages that are not installed" "sudo apt-get install $missing"
  say "installing $missing"
  without_services retry apt-get -qq update
  # shellcheck disable=SC2086 # a list of package names
  without_services retry apt-get -qq install -y --no-install-recommends -o DPkg::Lock::Timeout=120 $missing
}

# Runs a command three times at most, and shows what it said only when it failed.
retry() {
  local said attempt
  for attempt in 1 2 3; do
    if said=$(DEBIAN_FRONTEND=noninteractive "$@" 2>&1 </dev/null); then return 0; fi
    sleep $((attempt * 5))
  done
  say "$said"
  fail "this failed three times: $*"
}

# Runs a command while Debian's packages start no service of their own.
without_services() {
  local policy=/usr/sbin/policy-rc.d
  if [ -e $policy ]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod +x $policy
  ("$@") || {
    rm -f $policy
    exit 1
  }
  rm -f $policy
}

# Starts a Docker engine unless one answers, and leaves its process id in `dockerd_pid`.
start_docker() {
  docker_answers && return
  [ -z "${DOCKER_HOST:-}" ] || fail "Docker does not answer at $DOCKER_HOST" "start it, or unset DOCKER_HOST"
  [ "$(id -u)" = 0 ] || fail "Docker does not answer" "start it, set DOCKER_HOST, or run scripts/test as root"
  mountpoint -q /sys/fs/cgroup || cgroupfs-mount
  say "starting dockerd"
  local log deadline=$((SECONDS + 60))
  log=$(mktemp)
  rm -f /var/run/docker.pid
  setsid dockerd >"$log" 2>&1 </dev/null &
  dockerd_pid=$!
  until docker_answers; do
    if ((SECONDS > deadline)) || ! kill -0 $dockerd_pid 2>/dev/null; then
      tail -n 20 "$log" >&2
      fail "dockerd did not start" "the lines above are the end of its log, $log"
    fi
    sleep 0.2
  done
}

stop_docker() {
  [ -n "${dockerd_pid:-}" ] || return 0
  say "stopping the dockerd that was started for the tests"
  kill "$dockerd_pid" 2>/dev/null || true
  wait "$dockerd_pid" 2>/dev/null || true
}
