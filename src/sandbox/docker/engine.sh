#!/bin/sh
# A Docker engine that leaves nothing behind on its machine. It and all its containers live in a process namespace and a
# mount namespace of their own and end when standard input does: the kernel sees to that even when whoever held the other
# end was killed. Then its bridges, cgroups and files go, too.
#
#   engine.sh FOLDER NAME NET DOCKERD [ARGUMENT...]
#
# NAME is that of its default bridge and its cgroup, and at the same time the lock on its addresses, NET.0.0/16. Exit code 3:
# somebody else has them. Reads lines: `start`, `stop` (SIGTERM) and `kill` (SIGKILL). Writes `ended` after each end.
set -u

if [ "$1" = inside ]; then
  shift
  dir=$1
  shift
  # Places that all engines share whatever they are told. Here they are empty and our own.
  for shared in /etc/docker /run/docker /run/containerd; do
    mkdir -p "$shared" && mount -t tmpfs tmpfs "$shared" || exit 1
  done
  exec 3<&0
  (
    while read -r word; do
      case $word in
        start) ("$@" >>"$dir/log" 2>&1 3<&- & echo $! >"$dir/engine"; wait $!; echo ended) & ;;
        stop) kill -TERM "$(cat "$dir/engine")" ;;
        kill) kill -KILL "$(cat "$dir/engine")" ;;
      esac
    done
  ) <&3 &
  # As the first process we reap what others leave, and that is done by waiting.
  wait $!
  exit
fi

dir=$1 name=$2 net=$3
shift 3
range=$net.0.0/16

if [ -n "$(ip -4 route show root "$range"; ip -4 route show match "$range" | grep -v '^default')" ]; then
  rm -rf "$dir"
  exit 3
fi
ip link add "$name" type bridge || { rm -rf "$dir"; exit 3; }
# Only the end of standard input ends us. A handler, not `trap ''`: children would inherit that.
trap : HUP INT TERM

# Where the kernel filters bridged packets (another engine has it do so), they may need leave to pass.
let_through() {
  [ "$(cat /proc/sys/net/bridge/bridge-nf-call-iptables 2>/dev/null)" != 1 ] ||
    iptables -w "$1" FORWARD -s "$range" -d "$range" -j ACCEPT
}

ip address add "$net.0.1/24" dev "$name" && ip link set "$name" up && let_through -I &&
  unshare --pid --fork --kill-child --mount --mount-proc sh "$0" inside "$dir" "$@"
code=$?

let_through -D 2>/dev/null
# All bridges stand in the engine's database, except for one that it had no time to write down: that has our addresses.
{
  grep -aoE '"BridgeName":"[^"]+"' "$dir/data/network/files/local-kv.db" | cut -d '"' -f 4
  ip -o -4 address show to "$range" | awk '{ print $2 }'
  echo "$name"
} 2>/dev/null | sort -u | while read -r link; do ip link delete "$link" 2>/dev/null; done
find /sys/fs/cgroup -depth -type d -path "*/$name*" -exec rmdir {} \; 2>/dev/null
rm -rf "$dir"
exit "$code"
