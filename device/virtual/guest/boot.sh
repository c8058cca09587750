#!/bin/busybox sh
# First program of the initial memory disk: drivers, file systems and network, then the root image.
# All is done by the static busybox: starting linked programs is what costs time in an emulator.
alias mount='/bin/busybox mount' ifconfig='/bin/busybox ifconfig'
mount -t devtmpfs dev /dev
for module in /modules/*.ko; do
    /bin/busybox insmod "$module"
done
mount -t ext4 -o ro,noatime /dev/vda /root
mount -t ext4 -o noatime,noinit_itable /dev/vdb /root/data
mount -t proc proc /root/proc
mount -t sysfs sys /root/sys
mount -t cgroup2 cgroup /root/sys/fs/cgroup
mount -t tmpfs tmp /root/tmp
mount -t tmpfs run /root/run
mount -o move /dev /root/dev
/bin/busybox mkdir -p /root/dev/pts /root/data/local/tmp
mount -t devpts devpts /root/dev/pts
ifconfig lo 127.0.0.1 up
ifconfig eth0 10.0.2.15 netmask 255.255.255.0 up
exec /bin/busybox switch_root /root /init
