use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn the_tables_are_good() {
    for (index, package) in PACKAGES.iter().enumerate() {
        assert!(!PACKAGES[..index].contains(package), "{package} twice");
    }
    for path in KEPT
        .iter()
        .chain(recipe::SETTINGS.iter().map(|(path, _)| path))
    {
        assert!(!path.starts_with('/') && !path.ends_with('/'), "{path}");
    }
}

#[test]
fn the_initrd_has_what_it_needs_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    for path in [
        "bin/busybox",
        "sbin/e2fsck",
        "lib/mipsel-linux-gnu/libc.so.6",
        "lib/modules/6.1/kernel/sound/core/snd.ko",
        "boot/vmlinuz-6.1",
    ] {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    for module in MODULES {
        let path = root.join(format!("lib/modules/6.1/kernel/{module}.ko"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "x").unwrap();
    }
    let making = Making::new(folder.path(), folder.path(), STEPS);
    let mut tree = making.boot_tree().unwrap();
    tree.file("base", 0o644, "a.deb");
    making.boot_files(&tree, "label").unwrap();
    assert!(folder.path().join(KERNEL).exists());
    assert!(initrd::is_whole(&folder.path().join(INITRD), "label"));
    let bytes = fs::read(folder.path().join(INITRD)).unwrap();
    let mut text = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(bytes.as_slice());
    std::io::Read::read_to_end(&mut decoder, &mut text).unwrap();
    let has = |name: &str| text.windows(name.len()).any(|part| part == name.as_bytes());
    for name in [
        "bin/busybox",
        "libc.so.6",
        "lib/modules/virtio_blk.ko",
        "settings/etc/fstab",
        "base",
    ] {
        assert!(has(name), "{name}");
    }
    assert!(!has("e2fsck\0") && !has("snd.ko") && !has("vmlinuz-6.1"));
}

/// apt-get as a script that answers with what it is asked.
#[test]
fn apt_is_asked_for_what_belongs_together() {
    let folder = tempfile::tempdir().unwrap();
    let apt = folder.path().join("apt-get");
    let text = "#!/bin/sh\nfor word; do last=$word; done\ncase \"$*\" in\n\
                *print-uris*) echo Reading; echo \"'http://x/a%3a1.deb' $last_a%3a1.deb 5 SHA256:0\";;\n\
                *'install nothing'*) echo 'E: no such thing' >&2; exit 100;;\nesac\n";
    fs::write(&apt, text.replace("$last_", "${last}_")).unwrap();
    fs::set_permissions(&apt, fs::Permissions::from_mode(0o755)).unwrap();
    let open = || {
        Archive::open(
            "http://x/",
            folder.path().join("apt"),
            apt.to_str().unwrap(),
        )
    };
    let archive = match open() {
        Err(FetchError::NoKeyring(_)) => return,
        archive => archive.unwrap(),
    };
    assert_eq!(archive.files(&["gcc"]).unwrap(), ["gcc_a%3a1.deb"]);
    let to = folder.path().join("to");
    archive.collect(&["gcc"], &to).unwrap();
    assert!(to.join("partial").is_dir());
}
