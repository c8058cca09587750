#!/bin/busybox sh
# First program of the initial memory disk: loads the drivers, hands over to the root image.
/bin/busybox mount -t devtmpfs dev /dev
for module in /modules/*.ko; do
    /bin/busybox insmod "$module"
done
/bin/busybox mount -t ext4 -o ro,noatime /dev/vda /root
exec /bin/busybox switch_root /root /init
