#!/bin/busybox sh
# The first program of the guest: mounts its root file system and hands over to vk-guest.
die() {
    echo "vk init: $1" >/dev/console
    /bin/busybox reboot -f
}
/bin/busybox mount -t devtmpfs dev /dev || die "no devtmpfs"
for module in /modules/*.ko; do
    [ -e "$module" ] || continue
    /bin/busybox insmod "$module" || die "cannot load $module"
done
n=0
while [ ! -b /dev/vda ]; do
    n=$((n + 1))
    [ $n -lt 200 ] || die "no disk"
    /bin/busybox usleep 50000
done
/bin/busybox mount -t ext4 -o noatime /dev/vda /root || die "cannot mount the disk"
/bin/busybox mount -t tmpfs -o mode=0755 vk /root/vk || die "no place for the payload"
/bin/busybox cp -a /payload/. /root/vk/ || die "cannot copy the payload"
/bin/busybox rm -rf /payload
/bin/busybox umount /dev
exec /bin/busybox switch_root /root /vk/vk-guest || die "cannot start vk-guest"
