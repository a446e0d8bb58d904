# Runs a command in a build root, with some host directories at their own paths.
#
#   enter.sh ROOT DIR BIND.. -- COMMAND..
#
# It is called in a mount and pid name space of its own: what it mounts is gone with it. The root
# is composed on a tmpfs, so that a bound path leaves no directory behind in the cached root, and
# so that a user who may not write there can enter too.
set -eu
root=$1
dir=$2
shift 2
new=$root/mnt
mount -t tmpfs -o mode=0755 vk-root "$new"
for entry in "$root"/*; do
    name=${entry##*/}
    case $name in
    mnt | proc | dev | sys | tmp | run | home | root) continue ;;
    esac
    if [ -L "$entry" ]; then
        cp -P "$entry" "$new/$name"
    elif [ -d "$entry" ]; then
        mkdir "$new/$name"
        mount --rbind "$entry" "$new/$name"
    fi
done
mkdir -p "$new/proc" "$new/dev" "$new/tmp" "$new/run" "$new/root"
chmod 1777 "$new/tmp"
mount -t proc proc "$new/proc" 2>/dev/null || mount --rbind /proc "$new/proc"
mount --rbind /dev "$new/dev"
if [ -e /etc/resolv.conf ] && [ -f "$new/etc/resolv.conf" ]; then
    mount --bind "$(readlink -f /etc/resolv.conf)" "$new/etc/resolv.conf"
fi
while [ "$1" != -- ]; do
    mkdir -p "$new$1"
    mount --rbind "$1" "$new$1"
    shift
done
shift
exec chroot "$new" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
    TERM="${TERM:-dumb}" DEBIAN_FRONTEND=noninteractive /bin/sh -c 'cd "$0" && exec "$@"' "$dir" "$@"
