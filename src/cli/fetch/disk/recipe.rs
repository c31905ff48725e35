//! What is on the disk with Debian, and in the initrd that boots it.

use crate::cli::fetch::initrd::Tree;

/// The bytes of the disk; of the host's it takes what is written.
pub(super) const SIZE: u64 = 4 << 30;

/// What apt-get is to install, with all that belongs to it.
pub(super) const PACKAGES: &[&str] = &[
    "?essential",
    "?priority(required)",
    "usr-is-merged",
    "apt",
    "ca-certificates",
    "dbus",
    "debian-archive-keyring",
    "e2fsprogs",
    "gcc",
    "iproute2",
    "iputils-ping",
    "kmod",
    "less",
    "libc6-dev",
    "login",
    "make",
    "nano",
    "netbase",
    "openssh-server",
    "passwd",
    "procps",
    "systemd-sysv",
    "udev",
    "wget",
];

/// What has to be unpacked before dpkg and the packages' scripts run at all.
pub(super) const BASE: &[&str] = &["?essential", "usr-is-merged"];

/// What the initrd is made of.
pub(super) const BOOT_PACKAGES: &[&str] = &[
    "busybox-static",
    "e2fsprogs",
    "libblkid1",
    "libc6",
    "libcom-err2",
    "libext2fs2",
    "libuuid1",
];

/// The kernel that goes with the disk.
pub(super) const KERNEL_PACKAGE: &str = "linux-image-4kc-malta";

/// What is kept of the initrd's packages: files, and folders with all that is in them.
pub(super) const KEPT: &[&str] = &[
    "bin/busybox",
    "etc/mke2fs.conf",
    "lib/ld.so.1",
    "lib/mipsel-linux-gnu",
    "sbin/mke2fs",
    "usr/lib/mipsel-linux-gnu/libblkid.so.1",
    "usr/lib/mipsel-linux-gnu/libblkid.so.1.1.0",
    "usr/lib/mipsel-linux-gnu/libuuid.so.1",
    "usr/lib/mipsel-linux-gnu/libuuid.so.1.3.0",
];

/// The kernel's modules between the initrd and a disk, and those for a network, each after those
/// that it needs.
pub(super) const MODULES: &[&str] = &[
    "lib/crc16",
    "fs/mbcache",
    "fs/jbd2/jbd2",
    "crypto/crc32c_generic",
    "fs/ext4/ext4",
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio_pci_modern_dev",
    "drivers/virtio/virtio_pci_legacy_dev",
    "drivers/virtio/virtio_pci",
    "drivers/block/virtio_blk",
    "drivers/ata/ata_piix",
];

/// Files that no package has: where they are on the disk, and what they hold.
pub(super) const SETTINGS: &[(&str, &str)] = &[
    ("etc/fstab", "LABEL=debian / ext4 errors=remount-ro 0 1\n"),
    ("etc/hostname", "debian\n"),
    ("etc/hosts", "127.0.0.1 localhost\n127.0.1.1 debian\n"),
    ("etc/resolv.conf", "nameserver 10.0.2.3\n"),
    (
        "etc/apt/sources.list",
        "deb http://deb.debian.org/debian bookworm main\n\
         deb http://deb.debian.org/debian bookworm-updates main\n\
         deb http://security.debian.org/debian-security bookworm-security main\n",
    ),
    (
        "etc/systemd/network/wired.network",
        "[Match]\nName=en* eth*\n\n[Network]\nDHCP=yes\n",
    ),
];

/// The initrd's first program.
const INIT: &str = include_str!("init.sh");

/// Whether `path` is kept because of `kept`: it is that, or lies in it, or leads there.
pub(super) fn keeps(kept: &str, path: &str) -> bool {
    let below = |folder: &str, path: &str| {
        let rest = path.strip_prefix(folder);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    below(kept, path) || below(path, kept)
}

/// Adds what the initrd has and no package.
pub(super) fn add_own(tree: &mut Tree) {
    for folder in ["dev", "proc", "settings", "sys", "system"] {
        tree.folder(folder);
    }
    let mut folders = vec!["lib/modules".to_owned()];
    for (path, text) in SETTINGS {
        let path = format!("settings/{path}");
        tree.file(&path, 0o644, text);
        folders.extend(path.match_indices('/').map(|(at, _)| path[..at].to_owned()));
    }
    for folder in &folders {
        tree.folder(folder);
    }
    let names = MODULES.iter().filter_map(|path| path.rsplit('/').next());
    tree.file("modules", 0o644, &names.collect::<Vec<_>>().join("\n"));
    tree.file("init", 0o755, INIT);
    tree.link("bin/sh", "busybox");
    tree.device("dev/console", 0o600, 5, 1);
    tree.device("dev/null", 0o666, 1, 3);
}

/// What a disk is told from an older one by: all that it is made by, but for the versions of
/// packages.
pub(super) fn label() -> String {
    let recipe =
        format!("{PACKAGES:?}{BOOT_PACKAGES:?}{KEPT:?}{MODULES:?}{SETTINGS:?}{INIT}{SIZE}");
    format!(
        "mirrorball disk {}",
        blake3::hash(recipe.as_bytes()).to_hex()
    )
}
