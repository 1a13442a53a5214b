/** A bash function: `within SECONDS COMMAND...` ends a command that does not come to its end, and says so. */
export const within = `
within() {
  local status=0
  timeout "$@" || status=$?
  [ "$status" != 124 ] || echo "no answer within $1 seconds: \${*:2:4}" >&2
  return "$status"
}
`;
