#!/usr/bin/env bash
# usage: supervisor.sh RUN   Removes a lab run when the process that owns it is gone.
# The owner holds the other end of our stdin: it closes on purpose at the end of the run, and the kernel closes it after a
# crash, a Ctrl-C or a kill -9. Only namespaces of this run are touched, and only the processes inside them.
set -u
trap '' INT TERM HUP
run=$1
[[ $run =~ ^mu[0-9]+x[0-9]+$ ]] || { echo "not a run: $run" >&2; exit 2; }
[ "${2:-}" = now ] || cat >/dev/null

namespaces() { ip netns list | awk -v run="$run" '$1 ~ "^" run "[rdb]$" { print $1 }'; }
signal() { for ns in $(namespaces); do ip netns pids "$ns" | xargs -r kill "$1" 2>/dev/null; done; }
busy() { for ns in $(namespaces); do ip netns pids "$ns"; done | grep -q .; }

signal -TERM
for _ in $(seq 20); do busy || break; sleep 0.1; done
signal -KILL
for ns in $(namespaces); do ip netns del "$ns"; done
