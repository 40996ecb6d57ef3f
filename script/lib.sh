# Shared by the scripts in this folder; sourced, never run.

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
umask 022

# The crash backtracer of the Swift runtime can hold a pipe open for minutes after a deliberate kill.
export SWIFT_BACKTRACE=enable=no

# Builds, the Python environment and their locks live outside the clone, so that a fresh clone starts warm.
# A folder that cannot be written falls back into the clone (.build*, ignored by git).
cache=${SALLYPORT_CACHE:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/sallyport}
if ! mkdir -p "$cache" 2>/dev/null || [ ! -w "$cache" ]; then
    cache=$root/.build
    mkdir -p "$cache"
fi
export SALLYPORT_CACHE=$cache
scratch=$cache/build
venv=$cache/venv
binary=$scratch/release/sallyport

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $*"
    exit 1
}

# phase NAME COMMAND...: runs the command, says how long it took, keeps its exit code.
phase() {
    local name=$1 start=$SECONDS code=0
    shift
    say "== $name"
    "$@" || code=$?
    if [ "$code" -eq 0 ]; then
        say "== $name: ok, $((SECONDS - start)) s"
    else
        say "== $name: FAILED with $code, $((SECONDS - start)) s"
    fi
    return "$code"
}

# locked NAME COMMAND...: one holder of the named lock at a time on this machine. The lock is closed in the command,
# so that a server which it leaves behind does not keep it.
locked() {
    local name=$1
    shift
    (
        exec 9>"$cache/$name.lock"
        if ! flock -n 9; then
            say "waiting for another $name to finish"
            flock 9
        fi
        "$@" 9>&-
    )
}
