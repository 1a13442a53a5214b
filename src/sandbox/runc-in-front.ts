/** A folder on sandbox hosts that only systemd's services have in their PATH; a login does not. */
export const serviceOnlyFolder = "/usr/local/lib/sandbox-services";

/**
 * The `runc` that stands in front of the real one, wherever in PATH that appears later. Some virtual machines lack
 * CAP_SYS_RESOURCE in the bounding set. Two things then fail in runc: a lowered oom_score_adj (the kubelet asks for
 * -998), with "can't get final child's PID from pipe: EOF"; and containers that ask for every capability (kube-proxy),
 * with "unable to apply caps". This lowers the wishes to what is allowed, with nothing but bash and sed, and where the
 * capability is there it changes nothing.
 */
export const runcInFront = String.raw`#!/bin/bash
here=${serviceOnlyFolder}
bundle=. process= previous= command=
for word in "$@"; do
  case $previous in --bundle | -b) bundle=$word ;; --process | -p) process=$word ;; esac
  case $word in
    --bundle=*) bundle=${"$"}{word#*=} ;;
    --process=*) process=${"$"}{word#*=} ;;
    create | run | exec) [ -n "$command" ] || command=$word ;;
  esac
  previous=$word
done

may_raise() {
  while read -r key value; do
    [ "$key" = CapBnd: ] && return $((!(16#$value >> 24 & 1)))
  done </proc/self/status
  return 0
}

lower_wishes() {
  [ -f "$1" ] && ! may_raise || return 0
  local mine wished
  read -r mine </proc/self/oom_score_adj
  wished=$(sed -n -E 's/.*"oomScoreAdj"[[:space:]]*:[[:space:]]*(-?[0-9]+).*/\1/p' "$1" | head -n 1)
  if [ -n "$wished" ] && [ "$wished" -lt "$mine" ]; then
    sed -i -E 's/("oomScoreAdj"[[:space:]]*:[[:space:]]*)-?[0-9]+/\1'"$mine"'/' "$1"
  fi
  sed -i -z -E '
    :again
    s/("(bounding|effective|inheritable|permitted|ambient)"[[:space:]]*:[[:space:]]*\[[^]]*)"CAP_SYS_RESOURCE"[[:space:]]*,?/\1/
    t again
    s/("(bounding|effective|inheritable|permitted|ambient)"[[:space:]]*:[[:space:]]*\[[^]]*[^],[:space:]])[[:space:]]*,[[:space:]]*\]/\1]/g
  ' "$1"
}

case $command in
  create | run) lower_wishes "$bundle/config.json" ;;
  exec) [ -z "$process" ] || lower_wishes "$process" ;;
esac

IFS=:
for folder in $PATH /usr/local/sbin /usr/local/bin /usr/sbin /usr/bin; do
  [ "$folder" != "$here" ] && [ -x "$folder/runc" ] && exec "$folder/runc" "$@"
done
echo "runc: not found in $PATH" >&2
exit 127
`;
