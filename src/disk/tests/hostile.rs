//! Images that are made to do harm.

use std::panic;

use super::*;

/// A file that no guest is to read.
const SECRET: &str = "secret";

/// A folder with an image in a folder in it, which is based on one that lies above.
fn elsewhere() -> (TempDir, PathBuf, PathBuf) {
    let folder = folder();
    let secret = folder.path().join(SECRET);
    fs::write(&secret, vec![b'k'; DISK as usize]).unwrap();
    fs::create_dir(folder.path().join("own")).unwrap();
    let path = folder.path().join("own/top.qcow2");
    let creation = Creation {
        path: &path,
        format: Format::Qcow2,
        size: None,
        base: Some(&secret),
    };
    creation.make().unwrap();
    (folder, path, secret)
}

#[test]
fn no_image_reads_a_file_that_the_user_did_not_mean() {
    let (folder, path, secret) = elsewhere();
    let line = refused(&spec(&path, Access::Write));
    let hint = format!("say backing={}", secret.canonicalize().unwrap().display());
    assert!(line.ends_with(&hint), "{line}");
    // Nor by a link that lies beside it.
    symlink(&secret, folder.path().join("own/link")).unwrap();
    let base = qcow2::Base {
        name: "link".to_owned(),
        format: Some("raw".to_owned()),
    };
    let linked = folder.path().join("own/linked.qcow2");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&linked);
    qcow2::create(file.unwrap(), DISK, Some(base)).unwrap();
    assert!(refused(&spec(&linked, Access::Read)).contains("is not in its folder"));
    // The user may.
    let meant = DiskSpec {
        backing: Some(secret),
        ..spec(&path, Access::Write)
    };
    assert_eq!(
        read(&mut *meant.open().unwrap(), 0, 512).unwrap(),
        [b'k'; 512]
    );
}

#[test]
fn a_base_that_is_none_is_refused() {
    let folder = folder();
    let raw = image(&folder, "a.img", None);
    let alone = image(&folder, "b.qcow2", None);
    for path in [&raw, &alone] {
        let spec = DiskSpec {
            backing: Some(raw.clone()),
            ..spec(path, Access::Read)
        };
        assert!(refused(&spec).contains("is based on no other image"));
    }
    // An image that is its own base.
    let circle = folder.path().join("circle.qcow2");
    let base = qcow2::Base {
        name: "circle.qcow2".to_owned(),
        format: Some("qcow2".to_owned()),
    };
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&circle);
    qcow2::create(file.unwrap(), DISK, Some(base)).unwrap();
    assert!(refused(&spec(&circle, Access::Read)).contains("and so on, 16 times"));
    assert!(refused(&spec(&circle, Access::Write)).contains("is in use"));
}

#[test]
fn a_guest_does_not_make_its_raw_image_another() {
    let folder = folder();
    let path = image(&folder, "a.img", None);
    let other = image(&folder, "b.qcow2", None);
    let header = fs::read(&other).unwrap();
    write(&mut *open(&path, Access::Write), 0, &header[..65536]).unwrap();
    let line = refused(&spec(&path, Access::Write));
    assert!(line.contains("say format=raw"), "{line}");
    let raw = DiskSpec {
        format: Some(Format::Raw),
        ..spec(&path, Access::Write)
    };
    assert_eq!(
        read(&mut *raw.open().unwrap(), 0, 512).unwrap(),
        header[..512]
    );
}

#[test]
fn headers_that_lie_are_refused() {
    let folder = folder();
    image(&folder, "base.img", None);
    let path = image(&folder, "a.qcow2", Some("base.img"));
    let good = fs::read(&path).unwrap();
    let format = good
        .windows(4)
        .position(|w| w == 0xe279_2aca_u32.to_be_bytes())
        .unwrap();
    let cases: [(usize, &[u8], &str); 12] = [
        (4, &[0, 0, 0, 9], "other than 2 and 3"),
        (20, &[0, 0, 0, 63], "no size that is allowed"),
        (20, &[0, 0, 0, 64], "no size that is allowed"),
        (24, &[255], "its disk is too large"),
        (24, &[0, 1], "its table of tables is too small"),
        (32, &[0, 0, 0, 1], "it is encrypted"),
        (36, &[255; 4], "its table of tables is not in the file"),
        (40, &[255; 8], "its table of tables is not in the file"),
        (48, &[127; 8], "its table of counts is not in the file"),
        (79, &[1], "it was not closed well"),
        (79, &[4], "it keeps its data in another file"),
        (
            format,
            &[1, 2, 3, 4],
            "does not say which format base.img has",
        ),
    ];
    for (at, bytes, why) in cases {
        let mut bad = good.clone();
        bad[at..at + bytes.len()].copy_from_slice(bytes);
        fs::write(&path, bad).unwrap();
        let line = refused(&spec(&path, Access::Write));
        assert!(line.contains(why), "{at}: {line}");
    }
}

/// Damages images at random: each is refused, or works as far as it can.
#[test]
fn damaged_images_do_no_harm() {
    let folder = folder();
    let path = image(&folder, "a.qcow2", None);
    write(
        &mut *open(&path, Access::Write),
        0,
        &vec![1; DISK as usize / 2],
    )
    .unwrap();
    let good = fs::read(&path).unwrap();
    let tables: Vec<usize> = (0..good.len())
        .step_by(8)
        .filter(|&at| good[at..at + 8] != [0; 8])
        .collect();
    let mut random = fastrand::Rng::with_seed(1);
    for _ in 0..300 {
        let mut bad = good.clone();
        for _ in 0..random.usize(1..4) {
            // Where something is, and mostly in the tables.
            let at = tables[random.usize(..tables.len().min(200))] + random.usize(..8);
            bad[at] = random.u8(..);
        }
        fs::write(&path, bad).unwrap();
        let ended = panic::catch_unwind(|| {
            let Ok(mut disk) = spec(&path, Access::Write).open() else {
                return;
            };
            let sectors = disk.sectors().min(4096);
            for sector in (0..sectors).step_by(64) {
                let _ = read(&mut *disk, sector, 512);
                let _ = write(&mut *disk, sector, &[2; 512]);
            }
            let _ = run(&mut *disk, Command::Flush);
        });
        assert!(ended.is_ok());
    }
    assert!(File::open(&path).unwrap().read_at(&mut [0], 0).is_ok());
}
