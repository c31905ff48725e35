//! What is in the initrd with Debian's programs: packages, what of them is left out, and what no
//! package has.

/// Debian's packages for mipsel. The programs come first, then the libraries that they need.
pub(super) const PACKAGES: &[&str] = &[
    "bash",
    "bc",
    "binutils",
    "binutils-mipsel-linux-gnu",
    "busybox-static",
    "bzip2",
    "coreutils",
    "cpp-12",
    "dash",
    "diffutils",
    "findutils",
    "gcc-12",
    "grep",
    "gzip",
    "libc6-dev",
    "libgcc-12-dev",
    "libpython3.11-minimal",
    "linux-libc-dev",
    "mawk",
    "openssl",
    "perl-base",
    "pigz",
    "python3.11-minimal",
    "sed",
    "sqlite3",
    "tar",
    "xz-utils",
    "zstd",
    "libacl1",
    "libatomic1",
    "libattr1",
    "libbinutils",
    "libbz2-1.0",
    "libc6",
    "libcrypt1",
    "libctf-nobfd0",
    "libctf0",
    "libexpat1",
    "libgcc-s1",
    "libgmp10",
    "libisl23",
    "libjansson4",
    "liblz4-1",
    "liblzma5",
    "libmpc3",
    "libmpfr6",
    "libpcre2-8-0",
    "libreadline8",
    "libselinux1",
    "libsqlite3-0",
    "libssl3",
    "libtinfo6",
    "libzstd1",
    "zlib1g",
];

/// What is left out of the packages, so that the unpacked initrd leaves most of 256 MiB to the
/// programs: patterns of paths, where * stands for anything, slashes included.
pub(super) const LEFT_OUT: &[&str] = &[
    "etc/*",
    "lib/systemd/*",
    "usr/share/*",
    "usr/lib/systemd/*",
    "usr/lib/python3/*",
    // For other character sets and for the compiler's link-time optimization.
    "usr/lib/mipsel-linux-gnu/gconv/*",
    "usr/lib/gcc/*/lto1",
    "usr/lib/gcc/*/lto-wrapper",
    "usr/lib/gcc/*/plugin/*",
    "usr/bin/*lto-dump*",
    // Static libraries, other than those that each program is linked with.
    "usr/lib/*/libc.a",
    "usr/lib/*/libm.a",
    "usr/lib/*/libm-2.36.a",
    "usr/lib/*/libmvec.a",
    "usr/lib/*/libmcheck.a",
    "usr/lib/*/libresolv.a",
    "usr/lib/gcc/*/libgcov.a",
    "usr/lib/gcc/*/libgomp.*",
    // Tools that no program here calls.
    "usr/lib/compat-ld*",
    "usr/lib/gold-ld*",
    "usr/lib/*/gprofng*",
    "usr/lib/*/ldscripts/*",
    "usr/lib/*/engines-3/*",
    "usr/bin/*-gold",
    "usr/bin/*ld.gold",
    "usr/bin/*dwp",
    "usr/bin/*elfedit",
    "usr/bin/*gcc-ar*",
    "usr/bin/*gcc-nm*",
    "usr/bin/*gcc-ranlib*",
    "usr/bin/*gcov*",
    "usr/bin/*gp-*",
    "usr/bin/*gprof*",
    "usr/bin/*objcopy",
    "usr/bin/*objdump",
    "usr/bin/*readelf",
    "usr/bin/*strip",
    "usr/bin/mipsel-linux-gnu-cpp*",
    // Needs libstdc++, which nothing else does.
    "usr/bin/pzstd",
    // The same file once more.
    "usr/bin/perl5.36.0",
    "usr/bin/unpigz",
    // Large tables of characters.
    "usr/lib/*/perl-base/unicore/lib/*",
    "usr/lib/*/perl-base/unicore/To/*",
    "usr/lib/python3.11/encodings/big*",
    "usr/lib/python3.11/encodings/cp*",
    "usr/lib/python3.11/encodings/euc*",
    "usr/lib/python3.11/encodings/iso*",
    "usr/lib/python3.11/encodings/mac*",
    // Modules and headers for what a program on one machine does not do.
    "usr/lib/python3.11/email/*",
    "usr/lib/python3.11/urllib/*",
    "usr/lib/python3.11/logging/*",
    "usr/include/drm/*",
    "usr/include/rdma/*",
    "usr/include/sound/*",
    "usr/include/scsi/*",
    "usr/include/video/*",
    "usr/include/linux/netfilter*",
    "usr/include/linux/usb/*",
    "usr/include/linux/dvb/*",
    "usr/include/linux/can/*",
];

/// Folders that no package has.
pub(super) const FOLDERS: &[&str] = &["dev", "etc", "proc", "root", "run", "sys", "tmp", "usr/tmp"];

/// Symbolic links that Debian makes when it installs packages, and what they lead to.
pub(super) const LINKS: &[(&str, &str)] = &[
    ("bin/dmesg", "busybox"),
    ("bin/mount", "busybox"),
    ("bin/poweroff", "busybox"),
    ("bin/ps", "busybox"),
    ("bin/reboot", "busybox"),
    ("bin/umount", "busybox"),
    ("usr/bin/awk", "mawk"),
    ("usr/bin/cc", "gcc-12"),
    ("usr/bin/gcc", "gcc-12"),
    ("usr/bin/python3", "python3.11"),
];

/// Files of our own: path, permissions, text.
pub(super) const FILES: &[(&str, u32, &str)] = &[
    ("etc/group", 0o644, "root:x:0:\n"),
    ("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\n"),
    ("init", 0o755, include_str!("init.sh")),
];

/// Character devices that are there before devtmpfs is: path, permissions, major, minor.
pub(super) const DEVICES: &[(&str, u32, u32, u32)] = &[
    ("dev/console", 0o600, 5, 1),
    ("dev/null", 0o666, 1, 3),
    ("dev/ttyS0", 0o600, 4, 64),
];
