# Builds programs of the kernel's selftests over a source that stays as it is.
#
#   selftests.sh SOURCE PLACE INTO PROGRAM..
#
# It runs in the build root, in a mount name space of its own, and in an empty directory.
set -eu
source=$1
place=$2
into=$3
shift 3
mkdir upper work tree
mount -t overlay overlay -o "lowerdir=$source,upperdir=$PWD/upper,workdir=$PWD/work" tree
here=$PWD/tree
make -s -C "$here" headers_install INSTALL_HDR_PATH=usr
for program; do
    make -C "$here/$place" "$here/$place/$program"
    cp "$here/$place/$program" "$into/"
done
