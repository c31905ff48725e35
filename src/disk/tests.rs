//! Images in temporary folders, as guests and users find them.

mod hostile;
mod worker;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, symlink};

use mirrorball_runtime::device::disk::{Command, DiskError, Reply};
use tempfile::TempDir;

use super::*;

const DISK: u64 = 1 << 20;

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Makes a disk image called `name`, based on `base`.
fn image(folder: &TempDir, name: &str, base: Option<&str>) -> PathBuf {
    let path = folder.path().join(name);
    let base = base.map(|base| folder.path().join(base));
    let creation = Creation {
        path: &path,
        format: Format::by_name(&path),
        size: base.is_none().then_some(DISK),
        base: base.as_deref(),
    };
    assert_eq!(creation.make().unwrap(), DISK);
    path
}

fn spec(path: &Path, access: Access) -> DiskSpec {
    DiskSpec {
        access,
        ..DiskSpec::new(path.to_owned())
    }
}

fn open(path: &Path, access: Access) -> Box<dyn Disk> {
    spec(path, access).open().unwrap()
}

fn refused(spec: &DiskSpec) -> String {
    let error = spec.open().err().expect("it is refused").to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

fn run(disk: &mut dyn Disk, command: Command) -> Reply {
    disk.start(7, command);
    disk.finish(7)
}

fn write(disk: &mut dyn Disk, sector: u64, data: &[u8]) -> Reply {
    let data = data.to_vec();
    run(disk, Command::Write { sector, data })
}

fn read(disk: &mut dyn Disk, sector: u64, bytes: u32) -> Reply {
    run(disk, Command::Read { sector, bytes })
}

/// Each kind of disk, with what its folder has to stay as it is.
fn kinds(folder: &TempDir) -> Vec<Box<dyn Disk>> {
    let base = image(folder, "base.img", None);
    let old: Vec<u8> = (0..DISK).map(|at| (at / 512) as u8).collect();
    fs::write(&base, old).unwrap();
    image(folder, "middle.qcow2", Some("base.img"));
    vec![
        open(&image(folder, "raw.img", None), Access::Write),
        open(&image(folder, "alone.qcow2", None), Access::Write),
        open(
            &image(folder, "top.qcow2", Some("middle.qcow2")),
            Access::Write,
        ),
        open(&base, Access::Snapshot),
        open(&folder.path().join("middle.qcow2"), Access::Snapshot),
    ]
}

#[test]
fn a_qcow2_image_is_whole_before_it_is_flushed() {
    let folder = folder();
    let path = image(&folder, "a.qcow2", None);
    let mut disk = open(&path, Access::Write);
    write(&mut *disk, 0, &[7; 512]).unwrap();
    // As the file would be left if the process ended now.
    let bytes = fs::read(&path).unwrap();
    let long = |at: u64| u64::from_be_bytes(bytes[at as usize..][..8].try_into().unwrap());
    let cluster_bits = bytes[23];
    let table = long(long(40)) & 0x00ff_ffff_ffff_fe00;
    assert_ne!(table, 0, "it is in place");
    let count = (long(long(48)) + 2 * (table >> cluster_bits)) as usize;
    assert_ne!(bytes[count..count + 2], [0, 0], "its cluster is taken");
}

/// Random commands, against a memory that is the disk. What was discarded is undefined: zeros are
/// written there.
#[test]
fn every_kind_of_disk_keeps_what_is_written() {
    let folder = folder();
    for (number, mut disk) in kinds(&folder).into_iter().enumerate() {
        assert_eq!((disk.sectors(), disk.read_only()), (DISK / 512, false));
        let mut random = fastrand::Rng::with_seed(number as u64);
        let mut right = read(&mut *disk, 0, DISK as u32).unwrap();
        for _ in 0..400 {
            let sectors = random.u64(1..=40);
            let sector = random.u64(0..=DISK / 512 - sectors);
            let bytes = (sector * 512) as usize..((sector + sectors) * 512) as usize;
            match random.u8(0..5) {
                0 | 1 => {
                    right[bytes.clone()].fill_with(|| random.u8(..));
                    write(&mut *disk, sector, &right[bytes]).unwrap();
                }
                2 => {
                    right[bytes].fill(0);
                    run(&mut *disk, Command::WriteZeroes { sector, sectors }).unwrap();
                }
                3 => {
                    run(&mut *disk, Command::Discard { sector, sectors }).unwrap();
                    right[bytes].fill(0);
                    run(&mut *disk, Command::WriteZeroes { sector, sectors }).unwrap();
                }
                _ => {
                    let found = read(&mut *disk, sector, bytes.len() as u32).unwrap();
                    assert!(found == right[bytes], "disk {number}");
                }
            }
        }
        run(&mut *disk, Command::Flush).unwrap();
        assert!(
            read(&mut *disk, 0, DISK as u32).unwrap() == right,
            "disk {number}"
        );
    }
}

#[test]
fn what_was_written_is_there_in_the_next_run() {
    let folder = folder();
    image(&folder, "base.img", None);
    for (name, base) in [
        ("a.img", None),
        ("b.qcow2", None),
        ("c.qcow2", Some("base.img")),
    ] {
        let path = image(&folder, name, base);
        write(&mut *open(&path, Access::Write), 9, &[5; 1024]).unwrap();
        let mut disk = open(&path, Access::Read);
        assert_eq!(read(&mut *disk, 8, 2048).unwrap()[512..1536], [5; 1024]);
    }
    let base = fs::read(folder.path().join("base.img")).unwrap();
    assert!(
        base.iter().all(|&byte| byte == 0),
        "the base is not written"
    );
}

#[test]
fn what_a_snapshot_has_written_is_gone() {
    let folder = folder();
    for name in ["a.img", "b.qcow2"] {
        let path = image(&folder, name, None);
        let before = fs::read(&path).unwrap();
        let mut disk = open(&path, Access::Snapshot);
        write(&mut *disk, 3, &[1; 512]).unwrap();
        run(&mut *disk, Command::Flush).unwrap();
        assert_eq!(read(&mut *disk, 3, 512).unwrap(), [1; 512]);
        drop(disk);
        assert!(fs::read(&path).unwrap() == before, "{name}");
        assert_eq!(
            read(&mut *open(&path, Access::Snapshot), 3, 512).unwrap(),
            [0; 512]
        );
    }
}

#[test]
fn room_that_is_given_up_is_the_hosts() {
    let folder = folder();
    let path = image(&folder, "a.img", None);
    let taken = || Info::of(&path).unwrap().taken;
    let mut disk = open(&path, Access::Write);
    write(&mut *disk, 0, &vec![1; DISK as usize]).unwrap();
    run(&mut *disk, Command::Flush).unwrap();
    drop(disk);
    assert!(taken() >= DISK);
    let sectors = DISK / 512;
    run(
        &mut *open(&path, Access::Write),
        Command::Discard { sector: 0, sectors },
    )
    .unwrap();
    assert!(taken() < DISK, "{}", taken());
}

#[test]
fn an_image_has_one_writer_or_several_readers() {
    let folder = folder();
    let base = image(&folder, "base.img", None);
    let top = image(&folder, "top.qcow2", Some("base.img"));
    let other = image(&folder, "other.qcow2", Some("base.img"));
    let writer = open(&top, Access::Write);
    for access in [Access::Write, Access::Read, Access::Snapshot] {
        let line = refused(&spec(&top, access));
        assert!(line.contains("is in use by another"), "{line}");
    }
    let readers = [
        open(&other, Access::Write),
        open(&base, Access::Read),
        open(&base, Access::Snapshot),
    ];
    assert!(refused(&spec(&base, Access::Write)).contains("base.img: is in use"));
    drop((writer, readers));
    drop(open(&base, Access::Write));
}

#[test]
fn a_disk_that_is_only_read_is_not_written() {
    let folder = folder();
    let path = image(&folder, "a.img", None);
    let mut disk = open(&path, Access::Read);
    assert!(disk.read_only());
    assert_eq!(write(&mut *disk, 0, &[1; 512]), Err(DiskError));
    let (sector, sectors) = (0, 1);
    for command in [
        Command::Discard { sector, sectors },
        Command::WriteZeroes { sector, sectors },
    ] {
        assert_eq!(run(&mut *disk, command), Err(DiskError));
    }
    assert_eq!(run(&mut *disk, Command::Flush), Ok(Vec::new()));
    assert!(fs::read(&path).unwrap().iter().all(|&byte| byte == 0));
}

#[test]
fn sectors_that_are_not_there_are_refused() {
    let folder = folder();
    let last = DISK / 512;
    let mut disk = open(&image(&folder, "a.img", None), Access::Write);
    for sector in [last, last - 1, u64::MAX / 512, u64::MAX] {
        assert_eq!(read(&mut *disk, sector, 1024), Err(DiskError));
        assert_eq!(write(&mut *disk, sector, &[1; 1024]), Err(DiskError));
        for sectors in [2, u64::MAX] {
            assert_eq!(
                run(&mut *disk, Command::Discard { sector, sectors }),
                Err(DiskError)
            );
        }
    }
    assert_eq!(read(&mut *disk, 0, 100), Err(DiskError));
    assert_eq!(read(&mut *disk, last - 1, 512).unwrap().len(), 512);
}

#[test]
fn a_part_that_is_missing_is_an_error_and_not_zeros() {
    let folder = folder();
    let shorten = |path: &Path, bytes| {
        let file = OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(bytes).unwrap();
    };
    let raw = image(&folder, "a.img", None);
    let mut disk = open(&raw, Access::Write);
    shorten(&raw, DISK / 2);
    assert_eq!(read(&mut *disk, 0, 512), Ok(vec![0; 512]));
    assert_eq!(read(&mut *disk, DISK / 512 - 1, 512), Err(DiskError));
    drop(disk);

    let qcow2 = image(&folder, "b.qcow2", None);
    write(
        &mut *open(&qcow2, Access::Write),
        0,
        &vec![1; DISK as usize],
    )
    .unwrap();
    shorten(&qcow2, fs::metadata(&qcow2).unwrap().len() - DISK / 2);
    let mut disk = open(&qcow2, Access::Read);
    assert_eq!(read(&mut *disk, 0, 512), Ok(vec![1; 512]));
    assert_eq!(read(&mut *disk, DISK / 512 - 1, 512), Err(DiskError));
}

#[test]
fn each_image_that_is_none_has_its_line() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let line = |name: &str| {
        let path = format!("{}: ", folder.path().join(name).display());
        let line = refused(&DiskSpec::new(at(name)));
        line.strip_prefix(&path).expect(&line).to_owned()
    };
    assert!(line("no.img").ends_with("; 'mirrorball disk create' makes a disk image"));
    fs::create_dir(at("folder")).unwrap();
    assert_eq!(
        line("folder"),
        "is no file and no block device; name a disk image"
    );
    fs::write(at("empty.img"), "").unwrap();
    assert!(line("empty.img").starts_with("is empty; "));
    fs::write(at("torn.img"), [0; 1000]).unwrap();
    assert!(line("torn.img").starts_with("has 1000 bytes, which are no whole sectors"));
    fs::write(at("text.qcow2"), [b'x'; 4096]).unwrap();
    assert_eq!(
        line("text.qcow2"),
        "is no qcow2 image: it does not begin as one"
    );
    let creation = Creation {
        path: &at("torn.img"),
        format: Format::Raw,
        size: Some(512),
        base: None,
    };
    assert!(
        creation
            .make()
            .unwrap_err()
            .to_string()
            .contains("name a file that is not there yet")
    );
}

#[test]
fn what_an_image_is_can_be_asked() {
    let folder = folder();
    image(&folder, "base.img", None);
    let path = image(&folder, "top.qcow2", Some("base.img"));
    let info = Info::of(&path).unwrap();
    assert_eq!((info.format, info.size), (Format::Qcow2, DISK));
    assert_eq!(info.base.as_deref(), Some("base.img"));
    assert!(info.taken < DISK);
}
