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
# while somebody is connected, nor soon after: `idle`, of the lowest priority, runs when no other
# program does, and makes /run/awake once it does. Who measures waits for the file, once connected;
# so it goes before the last look for a connection, and is back for who came in between.
LINGER_QUARTERS=20
idler=
stay_awake() {
    [ -z "$idler" ] || return
    idle &
    idler=$!
}
fall_asleep() {
    [ -e /run/awake ] || return
    rm /run/awake
    if adbd_has_socket $ESTABLISHED; then
        : >/run/awake
        return
    fi
    kill $idler
    wait $idler
    idler=
}

# Seconds are counted in quarters, because the shell has no fractions.
pause_quarters() { pause "$(($1 / 4)).$((25 * ($1 % 4)))"; }

# While somebody is connected, nothing but adbd's own children runs between two looks, which are
# far apart, so that measurements stay undisturbed.
power_off_when_idle() {
    limit=$((4 * taskzip_idle_stop_seconds))
    interval=$((limit / 20))
    ((interval < 4)) && interval=4
    ((interval > 240)) && interval=240
    connected_interval=$interval
    is_counted && interval=1 connected_interval=8
    idle=0
    while ((idle < limit)); do
        if adbd_has_socket $ESTABLISHED; then
            idle=0
            is_counted && stay_awake
            pause_quarters $connected_interval
        else
            ((idle < LINGER_QUARTERS)) || fall_asleep
            pause_quarters $interval
            ((idle += interval))
        fi
    done
    echo "taskzip: powered off after $((idle / 4)) idle seconds"
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
