#!/usr/bin/env bash
# Slurm Prolog and Epilog: no job starts on, or leaves behind, GPUs that dead jobs' processes hold.
#   slurm.conf:  Prolog=/etc/slurm/vramcast-leftovers.sh
#                Epilog=/etc/slurm/vramcast-leftovers.sh
# Ends left-over processes (their program is gone, the GPU is idle) of users who have no job on this
# node any more. Exit code 1, upon which Slurm drains the node, if one cannot be ended.
# VRAMCAST, SQUEUE: the programs, where they are not in PATH.
set -u
vramcast=${VRAMCAST:-vramcast}
squeue=${SQUEUE:-squeue}
node=${SLURMD_NODENAME:-$(hostname -s)}

leftovers() {  # "PID USER BYTES" a line
  "$vramcast" check --json 2>/dev/null | python3 -c '
import json, sys
for p in json.load(sys.stdin).get("leftovers", []):
    if p["leftover"] == "orphan":
        print(p["pid"], p["user"] or "-", p["used_bytes"] or 0)'
}

has_job() {  # USER: a job on this node beside the one that begins or ends
  "$squeue" -h -o %A -w "$node" -u "$1" 2>/dev/null | grep -qvx "${SLURM_JOB_ID:-none}"
}

alive() {  # a zombie holds nothing any more
  kill -0 "$1" 2>/dev/null && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null
}

failed=0
while read -r pid user bytes; do
  if [ "$user" != - ] && has_job "$user"; then continue; fi
  logger -t vramcast -- "ends left-over process $pid of $user, which holds $bytes bytes of GPU memory" 2>/dev/null
  kill -TERM "$pid" 2>/dev/null
  for _ in $(seq 50); do
    alive "$pid" || break
    sleep 0.1
  done
  alive "$pid" && kill -KILL "$pid" 2>/dev/null
  for _ in $(seq 50); do
    alive "$pid" || break
    sleep 0.1
  done
  if alive "$pid"; then
    echo "vramcast: left-over process $pid of $user cannot be ended" >&2
    failed=1
  fi
done < <(leftovers)
exit "$failed"
