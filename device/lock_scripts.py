"""What runs on the device for its lock: `lock`, a file under flock that names its holder and the
process that holds it, and `lock.beat`, the uptime in seconds at which the holder's lease ends.

The uptime goes on through changes of the clock, and starts anew with the device, when no lock is
held. Only a process that has the lock's file open is the one that holds it: pids are used again.
"""

LOST = 75
"""The exit code, and the test, of a lock that is another's now."""

HELD_TEST = r'[ "/proc/$holder/fd/9" -ef "$lock" ]'
BEAT = r'read -r up _ </proc/uptime && echo $((${up%.*} + lease)) >"$lock.beat"'

# A file that was removed by its last holder may still be open here; its lock protects nothing,
# so the file that is open must be the one that has the name.
TRY = r"""
lock=$1 lease=$4
mkdir -p "${lock%/*}" || exit
(
    flock -n 9 || {
        read -r now _ </proc/uptime
        now=${now%.*}
        read -r ends <"$lock.beat" 2>/dev/null
        case $ends in '' | *[!0-9]*) ends=$((now + lease)) ;; esac
        { read -r holder; read -r name; } <"$lock"
        [ "$now" -ge "$ends" ] && HELD_TEST && kill -9 "$holder" || {
            echo "held $((ends - now)) $name"
            exit 0
        }
        echo "broke $name"
        flock 9 || exit
        : >"$lock"
    }
    [ "$(stat -L -c %i /proc/self/fd/9)" = "$(stat -c %i "$lock" 2>/dev/null)" ] || exit 0
    { read -r holder && read -r name && echo "left $name"; } <"$lock"
    exec sh -c '
        lock=$1 lease=$4
        BEAT
        printf "%s\n" "$$" "$2" >"$lock"
        echo "holding $$"
        exec sleep "$3"
    ' hold "$lock" "$2" "$3" "$lease"
) 9>>"$lock"
""".replace("HELD_TEST", HELD_TEST).replace("BEAT", BEAT)

AWAIT = r"""
[ ! -e "$1" ] || (flock 9) 9<"$1"
exit 0
"""

RENEW = f"""
lock=$1 holder=$2 lease=$3
{HELD_TEST} || exit {LOST}
{BEAT}
"""

RELEASE = f"""
lock=$1 holder=$2
{HELD_TEST} && rm -f "$lock" "$lock.beat" && kill "$holder" && rmdir "${{lock%/*}}" 2>/dev/null
exit 0
"""
