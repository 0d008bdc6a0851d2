#!/bin/sh
# One scheduled run: the records received before DAY (default: today, UTC), following the newest
# finished run of an earlier day, so that cluster ids last. For cron, a systemd timer, Airflow.
#
#   RINGTRACE_INPUT  folder with complaints/ and, if there are any, calls/
#   RINGTRACE_RUNS   folder of the runs; this one becomes RINGTRACE_RUNS/DAY
#
# Further arguments go to `ringtrace batch`. A run that is repeated replaces itself, so a retry is
# safe. Exit status: that of `ringtrace batch`.
#
# `daily.sh check [DAY]` compares that run with the one that it followed: `ringtrace health`, to
# which further arguments go. Its exit status 1 needs a person, and no retry.
set -eu

: "${RINGTRACE_INPUT:?name the folder of the records}" "${RINGTRACE_RUNS:?name the folder of the runs}"
check=
[ "${1-}" = check ] && check=yes && shift
day=$(date -u +%F)
case ${1-} in
[0-9]*) day=$1 && shift ;;
esac

previous=
for run in "$RINGTRACE_RUNS"/[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]; do
  # Names sort as days do; a run without its manifest is not finished.
  if [ -f "$run/manifest.json" ] && [ "$(printf '%s\n' "$day" "${run##*/}" | sort | head -n 1)" != "$day" ]; then
    previous=$run
  fi
done

[ -n "$previous" ] && set -- --previous "$previous" "$@"
[ -n "$check" ] && exec ringtrace health "$RINGTRACE_RUNS/$day" "$@"
set -- --complaints "$RINGTRACE_INPUT/complaints" --as-of "${day}T00:00:00Z" \
  --output "$RINGTRACE_RUNS/$day" --overwrite "$@"
[ -d "$RINGTRACE_INPUT/calls" ] && set -- --calls "$RINGTRACE_INPUT/calls" "$@"
exec ringtrace batch "$@"
