#!/bin/busybox sh
# First program of the initial memory disk: drivers, file systems and network, then the root image.
# All is done by the static busybox: starting linked programs is what costs time in an emulator.
# The kernel hands its unknown parameters over as environment: taskzip_flash_mib and what follows
# with the counted clock, whose flash is in the guest, because QEMU's disks answer in real time.
alias mount='/bin/busybox mount' ifconfig='/bin/busybox ifconfig'

# A null_blk device reads and writes one flash page after another, each for so many nanoseconds.
make_flash() {
    for module in /modules/flash/*.ko; do
        /bin/busybox insmod "$module" nr_devices=0
    done
    mount -t configfs config /flash/config
    flash=/flash/config/nullb/flash
    /bin/busybox mkdir "$flash"
    set_attributes memory_backed 1 size "$taskzip_flash_mib" blocksize 4096 \
        max_sectors $((taskzip_flash_page_bytes / 512)) irqmode 2 \
        completion_nsec "$taskzip_flash_page_ns" hw_queue_depth 1 power 1
    /bin/busybox umount /flash/config
    mount -t sysfs sys /root
    echo mq-deadline >/root/block/flash/queue/scheduler
    echo 64 >/root/block/flash/queue/nr_requests
    /bin/busybox umount /root
    for part in /flash/content/*; do
        /bin/busybox dd if="$part" of=/dev/flash bs=4096 seek="${part##*/}" 2>/dev/null
    done
}

# The flash is kept in memory that programs do not get.
limit_memory() {
    echo +memory >/root/sys/fs/cgroup/cgroup.subtree_control
    /bin/busybox mkdir /root/sys/fs/cgroup/programs
    echo "${taskzip_memory_mib}M" >/root/sys/fs/cgroup/programs/memory.max
}

set_attributes() {
    while [ $# -gt 0 ]; do
        echo "$2" >"$flash/$1"
        shift 2
    done
}

mount -t devtmpfs dev /dev
for module in /modules/*.ko; do
    /bin/busybox insmod "$module"
done
data=/dev/vdb
if [ -n "$taskzip_flash_mib" ]; then
    make_flash
    data=/dev/flash
fi
mount -t ext4 -o ro,noatime /dev/vda /root
mount -t ext4 -o noatime,noinit_itable $data /root/data
mount -t proc proc /root/proc
mount -t sysfs sys /root/sys
mount -t cgroup2 cgroup /root/sys/fs/cgroup
if [ -n "$taskzip_memory_mib" ]; then
    limit_memory
fi
mount -t tmpfs tmp /root/tmp
mount -t tmpfs run /root/run
mount -o move /dev /root/dev
/bin/busybox mkdir -p /root/dev/pts /root/data/local/tmp
mount -t devpts devpts /root/dev/pts
ifconfig lo 127.0.0.1 up
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
exec /bin/busybox switch_root /root /init
