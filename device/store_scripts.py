"""What runs on the device for its store; starting a program is what costs time there.

`printf` is one, in Android's shell; `echo` is not.
"""

from taskzip.device.running import END_RUNNING

# A runner that outlived its connection is ended too: adbd may notice late that a host is gone.
# The links come last: who reads what is there need not wait for them.
OPEN = r"""
home=$1 name=$2 format=$3 links=$4 is_new=yes
[ ! -L "$home" ] || { echo "$home is a link" >&2; exit 1; }
if cd "$home" 2>/dev/null; then
    if [ -e work ] || [ -L work ]; then
        END_RUNNING
        rm -rf work || exit
    fi
    if [ -d store ] && [ ! -L store ]; then
        is_new=no
    elif [ -e store ] || [ -L store ]; then
        rm -rf store || exit
    fi
fi
mkdir -p "$home/work" "$home/store" && cd "$home/store" && df -k . || exit
echo "
%"
[ $is_new = yes ] || find . -mindepth 1 -maxdepth 1 ! -path ./.stamp '(' \
    -type f '(' -name "$name" -o -name "$name.partial" ')' -exec stat -c "$format" {} + \
    -o -exec rm -rf {} + ')' || exit
echo "
%"
[ ! -f .stamp ] || cat .stamp
echo "
%"
[ -z "$links" ] || { cd ../work && echo "$links" | base64 -d | tar -xf -; }
""".replace("END_RUNNING", END_RUNNING)
HASH = r"""
format=$1
cd "$2" || exit
shift 2
stat -c "$format" -- "$@" || exit
printf '\0'
sha256sum -- "$@" || exit
printf '\0'
stat -c "$format" -- "$@"
"""
# Of partial files, their states then.
_NAME = r"""
chmod 755 "$@" || exit
for file do
    shift
    name=${file%.partial}
    [ "$file" = "$name" ] || mv -f "$file" "$name" || exit
    set -- "$@" "$name"
done
stat -c "$format" -- "$@"
"""
# Written back later, it would take flash and processor from what is measured. `fsync` tells whether
# it could be written.
_FLUSH = r"""
fsync "$@" 2>/dev/null || for file do
    dd if=/dev/null of="$file" conv=notrunc,fsync 2>/dev/null || {
        echo "$file: cannot be written to the flash" >&2
        exit 1
    }
done
"""
FLUSH = 'cd "$1" && shift || exit' + _FLUSH
PUBLISH = (
    r"""
format=$1
[ "$2" = . ] || cd "$2" || exit
shift 2
"""
    + _FLUSH
    + _NAME
)
# Leaves those that are what their names promise.
_CHECK = r"""
stat -c "$format" -- "$@" || exit
hashes=$(sha256sum -- "$@") || exit
printf '\0%s\0' "$hashes"
for file do
    shift
    case $hashes in *"${file%.partial}"\ ?"$file"*) set -- "$@" "$file" ;; esac
done
[ $# -gt 0 ] || exit 0
"""
# Publishes those. `flush` writes many bytes to the flash sooner, and meanwhile: one waits for the
# flash, the other for the processor.
SETTLE = (
    r"""
format=$1 flush=$3
cd "$2" || exit
shift 3
"$flush" >/dev/null 2>&1 &
"""
    + _CHECK
    + r"""
wait
set -- "$format" . "$@"
"""
    + PUBLISH
)
# Gives those their names, all of which are in one word, and becomes another program. What keeps it
# from naming is told from what keeps the program from running.
NOT_NAMED = 9
NAME_AND_RUN = (
    r"""
format=$1 names=$3
cd "$2" || exit NOT_NAMED
shift 3
(
set -- $names
[ $# -gt 0 ] || exit 0
"""
    + _CHECK
    + _NAME
    + r"""
) || exit NOT_NAMED
exec "$@"
"""
).replace("NOT_NAMED", str(NOT_NAMED))
APPEND = r'cd "$1" && cat "$2" >>"$3" && rm -f "$2"'
REMOVE = r'cd "$1" && shift && rm -f -- "$@"'
RENAME = r'cd "$1" && mv -f "$2" "$3"'
LINK = r'cd "$1" && echo "$2" | base64 -d | tar -xf -'
STAMP = r'cd "$1" && printf %s "$2" >.stamp.partial && mv -f .stamp.partial .stamp'
