#!/bin/sh
# The first program in the initrd of the disk. It loads what the disk needs and starts the system
# there; with the word "install" on the command line it makes that system, out of packages on the
# second disk.

/bin/busybox --install -s /bin
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
export DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true
SYSTEM=/system

fail() {
    echo "disk: failed: $1"
    poweroff -f
}

step() {
    echo "disk: step $1"
}

# The disk that is called one of these; it may take a moment to appear.
disk() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        for name; do
            [ -b "/dev/$name" ] && echo "/dev/$name" && return 0
        done
        sleep 1
    done
}

mount_host() {
    for folder in proc sys dev; do
        mount --bind "/$folder" "$SYSTEM/$folder" || fail "binding $folder"
    done
}

inside() {
    chroot "$SYSTEM" "$@"
}

# What dpkg itself and the packages' scripts need to run at all.
unpack_base() {
    cd "$SYSTEM" || fail "no system"
    for folder in bin sbin lib; do
        mkdir -p "usr/$folder" && ln -s "usr/$folder" "$folder" || fail "folder $folder"
    done
    for package in $(cat /base); do
        dpkg-deb -x "packages/$package" . || fail "unpacking $package"
    done
    cd /
}

settle_base() {
    mkdir -p "$SYSTEM/var/lib/dpkg"
    : >"$SYSTEM/var/lib/dpkg/status"
    : >"$SYSTEM/var/lib/dpkg/available"
    # Nothing is to start while it is installed.
    printf '#!/bin/sh\nexit 101\n' >"$SYSTEM/usr/sbin/policy-rc.d"
    chmod 755 "$SYSTEM/usr/sbin/policy-rc.d"
    ln -sf mawk "$SYSTEM/usr/bin/awk"
}

install_packages() {
    cd "$SYSTEM/packages" || fail "no packages"
    set -- *.deb
    cd /
    step "unpacking $# packages"
    inside /bin/sh -c 'cd /packages && dpkg --force-unsafe-io --force-depends --unpack base-passwd_*.deb base-files_*.deb &&
        dpkg --force-depends --configure base-passwd base-files &&
        dpkg --force-unsafe-io --force-depends --unpack *.deb' || fail "unpacking"
    step "configuring $# packages"
    inside /usr/bin/dpkg --force-unsafe-io --configure -a || fail "configuring"
}

settle_system() {
    dpkg-deb -x "$SYSTEM/packages/kernel" "$SYSTEM" || fail "modules"
    cp -r /settings/. "$SYSTEM/" || fail "settings"
    inside /usr/bin/passwd -d root || fail "password"
    inside /usr/bin/systemctl enable systemd-networkd || fail "network"
    inside /sbin/depmod "$(uname -r)" || fail "modules"
    rm -rf "$SYSTEM/packages" "$SYSTEM/usr/sbin/policy-rc.d"
}

install() {
    to=$(disk vda sda hda)
    from=$(disk vdb sdb hdb)
    [ -n "$to" ] && [ -n "$from" ] || fail "there are no two disks"
    step "making a file system"
    /sbin/mke2fs -q -F -t ext4 -L debian "$to" || fail "mke2fs"
    mount -t ext4 "$to" "$SYSTEM" || fail "mounting $to"
    mkdir "$SYSTEM/packages" "$SYSTEM/proc" "$SYSTEM/sys" "$SYSTEM/dev"
    step "copying packages"
    (cd "$SYSTEM/packages" && cpio -i <"$from") || fail "copying packages"
    step "unpacking the base"
    unpack_base
    mount_host
    settle_base
    install_packages
    step "finishing"
    settle_system
    umount "$SYSTEM/dev" "$SYSTEM/sys" "$SYSTEM/proc"
    umount "$SYSTEM" || fail "unmounting"
    echo "disk: installed"
    poweroff -f
}

start() {
    root=$(disk vda sda hda)
    mount -t ext4 -o ro "$root" "$SYSTEM" || fail "no system on the disk"
    umount /proc /sys
    mount --move /dev "$SYSTEM/dev"
    exec switch_root "$SYSTEM" /sbin/init
}

mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in $(cat /modules); do
    insmod "/lib/modules/$module.ko"
done
if grep -qw install /proc/cmdline; then
    install
else
    start
fi
