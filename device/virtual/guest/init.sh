#!/system/bin/sh
# Process 1 of the emulated device: starts adbd, and powers off when nobody is connected for long.
# The kernel hands its unknown parameters over as environment: taskzip_idle_stop_seconds.
typeset +x taskzip_idle_stop_seconds
export PATH=/system/bin HOME=/data
ADB_PORT=5555
ADB_PORT_HEX=15B3
ESTABLISHED=01
LISTENING=0A

# Whether adbd has a socket in that state; reads without starting a process.
adbd_has_socket() {
    while read -r _ address _ state _; do
        case "$address $state" in *:"$ADB_PORT_HEX $1") return 0 ;; esac
    done </proc/net/tcp6
    return 1
}

# `sleep` without starting a process: nothing is ever written to descriptor 3.
mkfifo /run/never
exec 3<>/run/never
pause() { read -r -t "$1" -u3 _; }

# Nothing but adbd's own children runs between two looks, so that measurements stay undisturbed.
power_off_when_idle() {
    interval=$((taskzip_idle_stop_seconds / 20))
    ((interval < 1)) && interval=1
    ((interval > 60)) && interval=60
    idle=0
    while ((idle < taskzip_idle_stop_seconds)); do
        pause $interval
        if adbd_has_socket $ESTABLISHED; then idle=0; else ((idle += interval)); fi
    done
    echo "taskzip: powered off after $idle idle seconds"
    sync
    poweroff -f
}

ADB_TCP_PORT=$ADB_PORT ANDROID_LOG_TAGS='*:w' adbd 2>/run/adbd.log &
until adbd_has_socket $LISTENING; do pause 0.05; done
echo "taskzip: listening"
power_off_when_idle
