#!/system/bin/sh
# Process 1 of the emulated device: starts adbd, and powers off when nobody is connected for long.
# The kernel hands its unknown parameters over as environment: taskzip_idle_stop_seconds, and with
# the counted clock taskzip_memory_mib.
typeset +x taskzip_idle_stop_seconds taskzip_memory_mib
typeset +x taskzip_flash_mib taskzip_flash_page_bytes taskzip_flash_page_ns
export PATH=/system/bin HOME=/data
ADB_PORT=5555
ADB_PORT_HEX=15B3
ESTABLISHED=01
LISTENING=0A

ANY_ADDRESS='????????????????????????????????:????'

# Whether adbd has a socket in that state; reads without starting a process.
adbd_has_socket() {
    case $(</proc/net/tcp6) in *:"$ADB_PORT_HEX "$ANY_ADDRESS" $1 "*) return 0 ;; esac
    return 1
}

# `sleep` without starting a process: nothing is ever written to descriptor 3.
mkfifo /run/never
exec 3<>/run/never
pause() { read -r -t "$1" -u3 _; }

is_counted() { [ -n "$taskzip_memory_mib" ]; }

# With the counted clock, time in which the processor sleeps is the host's. So it does not sleep
# while somebody is connected: a program of the lowest priority runs when no other does.
idler=
stay_awake() {
    [ -z "$idler" ] || return
    chrt -i 0 idle &
    idler=$!
}
fall_asleep() {
    [ -n "$idler" ] || return
    kill $idler
    wait $idler
    idler=
}

# Nothing but adbd's own children runs between two looks, so that measurements stay undisturbed.
power_off_when_idle() {
    interval=$((taskzip_idle_stop_seconds / 20))
    ((interval < 1)) && interval=1
    ((interval > 60)) && interval=60
    is_counted && interval=2
    idle=0
    while ((idle < taskzip_idle_stop_seconds)); do
        pause $interval
        if adbd_has_socket $ESTABLISHED; then
            is_counted && stay_awake
            idle=0
        else
            fall_asleep
            ((idle += interval))
        fi
    done
    echo "taskzip: powered off after $idle idle seconds"
    sync
    poweroff -f
}

# All that runs over adb shares the memory that the device was given.
start_adbd() {
    is_counted && echo 0 >/sys/fs/cgroup/programs/cgroup.procs
    ADB_TCP_PORT=$ADB_PORT ANDROID_LOG_TAGS='*:w' exec adbd 2>/run/adbd.log
}

start_adbd &
until adbd_has_socket $LISTENING; do pause 0.05; done
echo "taskzip: listening"
power_off_when_idle
