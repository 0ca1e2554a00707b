#!/bin/bash
# Machines for tests: `nodes.sh DIRECTORY COUNT` makes COUNT of them on this one, each with a network, processes, mounts, a
# host name (node1, ...) and a Docker engine of its own, joined by a switch: 10.213.7.11, 10.213.7.12, ... The engines
# listen on DIRECTORY/N/docker.sock. Prints "ready", then does what the lines of its standard input say, and answers each
# with "done":
#   off N    takes the power of a machine away: engine and containers are gone at once, its disk stays
#   stop N   stops its engine in order, as `systemctl stop docker` does, and with it the machine
#   on N     the machine starts again
# The end of its input, however that comes, removes everything. Needs root, iproute2, util-linux and dockerd.
set -euo pipefail
directory=$1
count=$2
id=cicd-nodes-$$
declare -A machine

clean_up() {
  set +e
  trap '' INT TERM HUP
  for n in "${!machine[@]}"; do power_off "$n"; done
  for n in $(seq "$count"); do ip netns del "$id-$n"; done
  ip netns del "$id-switch"
  # What was killed is gone a little later.
  for _ in $(seq 50); do
    find /sys/fs/cgroup -depth -type d -path "*/$id*" -exec rmdir {} +
    [ -z "$(find /sys/fs/cgroup -maxdepth 2 -name "$id")" ] && rm -rf "$directory" && break
    sleep 0.2
  done
} 2>/dev/null

join_switch() {
  local n=$1
  ip netns add "$id-$n"
  ip -n "$id-switch" link add "port$n" type veth peer name eth0 netns "$id-$n"
  ip -n "$id-switch" link set "port$n" master switch up
  ip -n "$id-$n" link set lo up
  ip -n "$id-$n" link set eth0 up
  ip -n "$id-$n" addr add "10.213.7.1$n/24" dev eth0
  ip -n "$id-$n" route add default via 10.213.7.1
}

# The machine's own /run holds the sockets and states of its engine; names outside of its network are refused at once
# rather than asked for in vain; /sys is that of its own network.
MACHINE='
  hostname "node$2"
  mount -t tmpfs -o mode=755 tmpfs /run
  mkdir /run/cgroup
  mount --rbind /sys/fs/cgroup /run/cgroup
  mount -t sysfs sysfs /sys
  mount --rbind /run/cgroup /sys/fs/cgroup
  umount -l /run/cgroup
  echo nameserver 127.0.0.1 >/run/resolv.conf
  mount --bind /run/resolv.conf /etc/resolv.conf
  mkdir -p /etc/docker /var/lib/docker
  mount --bind "$1/etc" /etc/docker
  mount --bind "$1/docker" /var/lib/docker
  exec dockerd -H unix:///run/docker.sock -H "unix://$1/docker.sock" --pidfile /run/docker.pid --cgroup-parent "/$3/$2"
'

power_on() {
  local n=$1 home=$directory/$1
  mkdir -p "$home"/{docker,etc}
  rm -f "$home/docker.sock"
  nsenter --net="/run/netns/$id-$n" unshare --mount --uts --pid --fork --kill-child --mount-proc \
    sh -euc "$MACHINE" machine "$home" "$n" "$id" >>"$home/log" 2>&1 </dev/null &
  machine[$n]=$!
  for _ in $(seq 300); do
    if docker -H "unix://$home/docker.sock" version >/dev/null 2>&1; then return; fi
    kill -0 "${machine[$n]}" 2>/dev/null || break
    sleep 0.1
  done
  tail -n 20 "$home/log" >&2
  exit 1
}

power_off() {
  kill -KILL "${machine[$1]}"
  wait "${machine[$1]}" || true
  unset "machine[$1]"
} 2>/dev/null

stop() {
  pkill -TERM -P "${machine[$1]}"
  wait "${machine[$1]}" || true
  unset "machine[$1]"
}

trap clean_up EXIT
trap 'exit 130' INT TERM HUP
ip netns add "$id-switch"
ip -n "$id-switch" link add switch type bridge
ip -n "$id-switch" link set switch up
for n in $(seq "$count"); do
  join_switch "$n"
  power_on "$n"
done
echo ready
while read -r word n; do
  case $word in
    off) power_off "$n" ;;
    stop) stop "$n" ;;
    on) power_on "$n" ;;
  esac
  echo "done"
done
