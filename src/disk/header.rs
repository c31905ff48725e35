//! What the header of a qcow2 image says, checked before the library for qcow2 relies on it. The
//! file may come from anywhere.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;

/// What a qcow2 image begins with.
pub(super) const MAGIC: [u8; 4] = *b"QFI\xfb";

/// The bits of features without which an image cannot be read. The others are the library's to
/// know.
const DIRTY: u64 = 1 << 0;
const CORRUPT: u64 = 1 << 1;
const DATA_FILE: u64 = 1 << 2;

/// The largest disk: what offsets in the tables reach.
const LARGEST: u64 = 1 << 56;

/// A qcow2 image's header, as far as it is needed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The bytes of a cluster: the unit in which the file is used.
    pub cluster: u64,
    /// The bytes of the disk.
    pub size: u64,
}

impl Header {
    /// Reads the header of `file`; answers with what is wrong with it if it is not to be relied on.
    pub(super) fn read(file: &File) -> io::Result<Result<Self, &'static str>> {
        let mut bytes = [0; 104];
        match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => Ok(Self::parse(&bytes, file.metadata()?.len())),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Err("it has no header")),
            Err(error) => Err(error),
        }
    }

    /// What `bytes` say of an image in a file of `length` bytes.
    fn parse(bytes: &[u8; 104], length: u64) -> Result<Self, &'static str> {
        let word = |at: usize| {
            bytes[at..at + 4]
                .iter()
                .fold(0, |n, &b| n << 8 | u64::from(b))
        };
        let long = |at: usize| word(at) << 32 | word(at + 4);
        let version = word(4);
        let features = if version == 2 { 0 } else { long(72) };
        let (bits, size) = (word(20), long(24));
        let cluster = 1_u64.checked_shl(bits as u32).unwrap_or(0);
        let inside = |at: u64, bytes: u64| at.checked_add(bytes).is_some_and(|end| end <= length);
        // Each of these covers a cluster full of clusters.
        let tables = size.div_ceil(cluster.max(1)).div_ceil(cluster.max(8) / 8);
        let checks = [
            (bytes[..4] == MAGIC, "it does not begin as one"),
            (
                matches!(version, 2 | 3),
                "it is of a version other than 2 and 3",
            ),
            (
                (9..=21).contains(&bits),
                "its clusters have no size that is allowed",
            ),
            (size <= LARGEST, "its disk is too large"),
            (
                word(32) == 0,
                "it is encrypted; decrypt it with qemu-img convert",
            ),
            (
                features & DATA_FILE == 0,
                "it keeps its data in another file; make one file of them with qemu-img convert",
            ),
            (
                features & (DIRTY | CORRUPT) == 0,
                "it was not closed well; repair it with qemu-img check -r all",
            ),
            (
                inside(long(40), word(36) * 8),
                "its table of tables is not in the file",
            ),
            (word(36) >= tables, "its table of tables is too small"),
            (
                inside(long(48), word(56) * cluster),
                "its table of counts is not in the file",
            ),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            Some((_, why)) => Err(why),
            None => Ok(Self { cluster, size }),
        }
    }
}
