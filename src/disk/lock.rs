//! Locks that keep two programs, or two machines of one program, from writing one image.
//!
//! They belong to the open file and not to the process, and the host drops them however the process
//! ends. The bytes that are locked are those that QEMU locks, so that it takes part: of byte 100 up
//! for what a program does with the image, of byte 200 up for what it bears no other to do.

use std::fs::File;
use std::io;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// The first byte for what is done: reading.
const READS: i64 = 100;
/// That for writing.
const WRITES: i64 = 101;
/// That for the others' writing, and for their changing the size.
const BEARS_NO_WRITES: i64 = 201;
const BEARS_NO_RESIZES: i64 = 203;
/// All of them.
const ALL: (i64, i64) = (READS, BEARS_NO_RESIZES + 1 - READS);

/// Locks `file` for a reader that bears no writer; answers whether there is none.
pub(super) fn for_reading(file: &File) -> io::Result<bool> {
    for byte in [READS, BEARS_NO_WRITES, BEARS_NO_RESIZES] {
        if !set(file, libc::F_RDLCK, (byte, 1))? {
            return Ok(false);
        }
    }
    // QEMU's locks are all shared: a writer is known by that there is one.
    let mut writer = range(libc::F_WRLCK, (WRITES, 1));
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut writer))?;
    Ok(i32::from(writer.l_type) == libc::F_UNLCK)
}

/// Locks `file` for its only user; answers whether there is no other.
pub(super) fn for_writing(file: &File) -> io::Result<bool> {
    set(file, libc::F_WRLCK, ALL)
}

fn set(file: &File, kind: i32, bytes: (i64, i64)) -> io::Result<bool> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&range(kind, bytes))) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn range(kind: i32, (start, length): (i64, i64)) -> libc::flock {
    libc::flock {
        l_type: kind as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: start,
        l_len: length,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;

    #[test]
    fn a_writer_is_alone_and_readers_are_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = || {
            let mut options = OpenOptions::new();
            options.read(true).write(true).open(file.path()).unwrap()
        };
        let (one, two) = (open(), open());
        assert!(for_writing(&one).unwrap());
        assert!(!for_writing(&two).unwrap());
        assert!(!for_reading(&two).unwrap());
        drop(one);
        assert!(for_reading(&two).unwrap(), "the lock is gone with the file");
        let three = open();
        assert!(for_reading(&three).unwrap());
        assert!(!for_writing(&open()).unwrap());
    }

    /// What QEMU does for a disk that it writes: it shares the lock on what it does, and looks for
    /// those of others.
    #[test]
    fn a_writing_qemu_is_seen() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = || File::open(file.path()).unwrap();
        let qemu = open();
        for byte in [READS, WRITES, BEARS_NO_WRITES] {
            assert!(set(&qemu, libc::F_RDLCK, (byte, 1)).unwrap());
        }
        assert!(!for_reading(&open()).unwrap());
    }
}
