use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::debian::{INITRD, INITRD_LEAST, KERNEL, check, debian, download};
use super::*;
use crate::image::testing::Elf;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A kernel and a RAM disk in `folder`, as good as the real ones for a check.
fn files(folder: &Path) -> (PathBuf, PathBuf) {
    let (kernel, initrd) = (folder.join(KERNEL), folder.join(INITRD));
    fs::write(&kernel, Elf::new(false).bytes()).unwrap();
    let mut bytes = vec![0; INITRD_LEAST];
    bytes[..2].copy_from_slice(&[0x1f, 0x8b]);
    fs::write(&initrd, bytes).unwrap();
    (kernel, initrd)
}

/// What `download` makes of an apt-get that says `stderr` and fails.
fn refused(stderr: &str) -> String {
    let folder = folder();
    let apt = folder.path().join("apt");
    fs::write(
        &apt,
        format!("#!/bin/sh\necho 'W: old'>&2\necho '{stderr}' >&2\nexit 100\n"),
    )
    .unwrap();
    fs::set_permissions(&apt, fs::Permissions::from_mode(0o755)).unwrap();
    download(&folder, apt.to_str().unwrap())
        .unwrap_err()
        .to_string()
}

#[test]
fn files_that_are_there_are_checked() {
    let folder = folder();
    let (kernel, initrd) = files(folder.path());
    assert_eq!(check(&kernel, &initrd), Ok(()));
    fs::write(&initrd, [0x1f, 0x8b]).unwrap();
    assert_eq!(
        check(&kernel, &initrd),
        Err(("initrd", "it has only 2 bytes".to_owned()))
    );
    fs::write(&initrd, vec![0; INITRD_LEAST]).unwrap();
    assert_eq!(
        check(&kernel, &initrd),
        Err(("initrd", "it is not compressed with gzip".to_owned()))
    );
    fs::write(&kernel, "<html>").unwrap();
    assert_eq!(check(&kernel, &initrd).unwrap_err().0, "kernel");
}

#[test]
fn apt_s_complaints_become_one_line() {
    let folder = folder();
    assert_eq!(
        download(&folder, "/no/apt-get").unwrap_err().to_string(),
        "there is no apt-get here; download package debian-installer-12-netboot-mipsel from \
         https://packages.debian.org and give it as --deb FILE"
    );
    assert!(refused("E: Unable to locate package x").starts_with("apt does not know package"));
    assert_eq!(
        refused("E: Temporary failure resolving"),
        "apt-get cannot download debian-installer-12-netboot-mipsel: \
         E: Temporary failure resolving; check the network, run 'apt-get update' as root \
         if the lists are old, or give the package as --deb FILE"
    );
}

#[test]
fn nothing_is_left_of_a_failed_fetch() {
    let folder = folder();
    let deb = folder.path().join("x.deb");
    fs::write(&deb, "no package").unwrap();
    let to = folder.path().join("to");
    let error = debian(&to, Some(&deb)).unwrap_err();
    assert!(
        matches!(error, FetchError::Unpack { .. } | FetchError::NoDpkg),
        "{error}"
    );
    assert!(!error.to_string().contains('\n'));
    assert_eq!(fs::read_dir(&to).unwrap().count(), 0);
    let missing = debian(&to, Some(Path::new("/no/x.deb")))
        .unwrap_err()
        .to_string();
    assert!(missing.starts_with("/no/x.deb: No such file"), "{missing}");
}
