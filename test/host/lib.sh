# shellcheck shell=sh disable=SC2034
# Sourced by the scripts beside it: where things are, and how the host is found again.
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# The release of Debian that the host is: bookworm (Debian 12) or trixie (Debian 13).
release=${ADVERSARY_TESTHOST_RELEASE:-bookworm}
cache=${ADVERSARY_TESTHOST_CACHE:-/var/cache/adversary-testhost}
# Another slot is another host, for a run beside this one: in a network namespace of its own, for there is
# one address, and with a cache of its own, for an image is one host's at a time.
slot=${ADVERSARY_TESTHOST_SLOT:-}
machine=advhost$slot
group=adversary-testhost$slot
outside=198.51.100.1
address=198.51.100.2

say() { printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2; }
die() {
  say "$*"
  exit 1
}

case $release in
bookworm | trixie) ;;
*) die "ADVERSARY_TESTHOST_RELEASE is bookworm or trixie, not '$release'" ;;
esac

# Of names and contents, so that a file that changed or moved makes another digest.
digest() {
  (cd "$here" && find "$@" -type f -print | LC_ALL=C sort | xargs sha256sum) | sha256sum | cut -c 1-16
}

# The host runs in a control group of its own, of this name in each hierarchy. That is how it is
# found, also after the run that booted it was killed: an id in a file may be anybody's by then.
# Deepest first, as they are removed.
control_groups() {
  find /sys/fs/cgroup -depth -type d \( -path "*/$group" -o -path "*/$group/*" \) 2>/dev/null
}

# PID 1 of the host, as this side numbers it.
host_init() {
  for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
    head -n 1 "$hierarchy/$group/payload/init.scope/cgroup.procs" 2>/dev/null |
      grep . && return
  done
  return 1
}

# One `up` or `down` at a time, also when the run that started it was killed and it goes on alone.
one_at_a_time() {
  mkdir -p "$cache"
  exec 8>"$cache/up.lock"
  flock 8
}

# Ends the host, in whatever state it is, and removes all that it left on this machine.
end_host() {
  # The host's PID 1, with which the kernel ends all the rest of it. (nspawn would be the wrong one to
  # kill: the host outlives it. It ends by itself when the host has ended.)
  if init=$(host_init); then kill -KILL "$init"; fi

  tries=0
  while control_groups | grep -q .; do
    tries=$((tries + 1))
    # An nspawn that hangs, or that a killed run left before it had a host.
    # shellcheck disable=SC2038 # ids, not names
    [ $tries -ne 30 ] ||
      find /sys/fs/cgroup \( -path "*/$group/cgroup.procs" -o -path "*/$group/*/cgroup.procs" \) -exec cat {} + | xargs -r kill -KILL
    [ $tries -lt 100 ] || die "processes of the host do not end: $(control_groups | tr '\n' ' ')"
    # What is still busy is tried again.
    control_groups | xargs rmdir 2>/dev/null || sleep 0.1
  done
  # It goes with the host's network, a moment after the host.
  while ip link show "ve-$machine" >/dev/null 2>&1; do
    ip link delete "ve-$machine" 2>/dev/null || sleep 0.1
  done
  rm -rf "/run/systemd/nspawn/propagate/$machine"
}
