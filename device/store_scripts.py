"""What runs on the device for its store; starting a program is what costs time there.

`printf` is one, in Android's shell; `echo` is not.
"""

from taskzip.device.running import END_RUNNING

# A runner that outlived its connection is ended too: adbd may notice late that a host is gone.
# Folders and links come last: who reads what is there need not wait for them, and adbd makes the
# folders of what it is sent.
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
        cd store || exit
    elif [ -e store ] || [ -L store ]; then
        rm -rf store || exit
    fi
else
    cd "${home%/*}" 2>/dev/null || { mkdir -p "$home" && cd "$home"; } || exit
fi
df -k . || exit
echo "
%"
[ $is_new = yes ] || find . -mindepth 1 -maxdepth 1 ! -path ./.stamp '(' \
    -type f '(' -name "$name" -o -name "$name.partial" ')' -exec stat -c "$format" {} + \
    -o -exec rm -rf {} + ')' || exit
echo "
%"
[ $is_new = yes ] || [ ! -f .stamp ] || cat .stamp
echo "
%"
mkdir -p "$home/work" "$home/store" && cd "$home/work" || exit
[ -z "$links" ] || { echo "$links" | base64 -d | tar -xf -; }
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
# Becomes a program of the store, once its bytes are those that are promised where they just came.
DAMAGED = 9
RUN = r"""
cd "$1" || exit
program=$2 promised=$3
shift 3
if [ -n "$promised" ]; then
    case $(sha256sum -- "$program") in "$promised "*) ;; *) exit DAMAGED ;; esac
    [ -x "$program" ] || chmod 755 "$program" || exit
fi
exec "./$program" "$@"
""".replace("DAMAGED", str(DAMAGED))
APPEND = r'cd "$1" && cat "$2" >>"$3" && rm -f "$2"'
REMOVE = r'cd "$1" && shift && rm -f -- "$@"'
RENAME = r'cd "$1" && mv -f "$2" "$3"'
LINK = r'cd "$1" && echo "$2" | base64 -d | tar -xf -'
STAMP = r'cd "$1" && printf %s "$2" >.stamp.partial && mv -f .stamp.partial .stamp'
