//! A disk over a medium that fails.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};

use super::super::medium::{Medium, Reach};
use super::*;

/// A medium that does what a test says.
struct Bad {
    full: Arc<AtomicBool>,
    /// Reads wait for a word from here, if there is one.
    gate: Option<mpsc::Receiver<()>>,
}

impl Medium for Bad {
    fn size(&self) -> u64 {
        DISK
    }

    fn read(&mut self, at: u64, _: &mut [u8], reach: Reach) -> io::Result<()> {
        assert!(at != 512, "as a library might");
        if reach == Reach::AtHand {
            return match at {
                1024 => Ok(()),
                _ => Err(io::ErrorKind::WouldBlock.into()),
            };
        }
        if let Some(gate) = &self.gate {
            gate.recv().map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn write(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        match self.full.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => Ok(()),
        }
    }

    fn zero(&mut self, _: Range<u64>) -> io::Result<()> {
        Ok(())
    }

    fn discard(&mut self, _: Range<u64>) -> io::Result<()> {
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write(0, &[])
    }
}

fn disk(full: &Arc<AtomicBool>, gate: Option<mpsc::Receiver<()>>, flushes: bool) -> HostDisk {
    let full = Arc::clone(full);
    let face = Face {
        read_only: false,
        serial: "A1".to_owned(),
        flushes,
    };
    let report = Report::of("bad".to_owned());
    HostDisk::start(Box::new(Bad { full, gate }), face, report).unwrap()
}

#[test]
fn a_full_host_is_an_error_and_a_flush_that_failed_stays_failed() {
    let full = Arc::default();
    let mut disk = disk(&full, None, true);
    assert_eq!(disk.serial(), "A1");
    assert!(write(&mut disk, 0, &[1; 512]).is_ok());
    assert!(run(&mut disk, Command::Flush).is_ok());
    full.store(true, Ordering::Relaxed);
    assert_eq!(write(&mut disk, 0, &[1; 512]), Err(DiskError));
    assert_eq!(run(&mut disk, Command::Flush), Err(DiskError));
    full.store(false, Ordering::Relaxed);
    assert!(write(&mut disk, 0, &[1; 512]).is_ok());
    assert_eq!(
        run(&mut disk, Command::Flush),
        Err(DiskError),
        "what was lost is lost"
    );
}

#[test]
fn flushes_may_be_left_to_the_host() {
    let full = Arc::new(AtomicBool::new(true));
    assert!(run(&mut disk(&full, None, false), Command::Flush).is_ok());
}

#[test]
fn a_panic_over_an_image_is_an_error_of_the_disk() {
    let mut disk = disk(&Arc::default(), None, true);
    assert_eq!(read(&mut disk, 1, 512), Err(DiskError));
    assert!(read(&mut disk, 0, 512).is_ok());
}

#[test]
fn jobs_run_beside_the_guest() {
    let (open, gate) = mpsc::channel();
    let mut disk = disk(&Arc::default(), Some(gate), true);
    for job in [1, 2] {
        disk.start(
            job,
            Command::Read {
                sector: 0,
                bytes: 512,
            },
        );
    }
    assert!(!disk.ended(1), "the guest does not wait");
    open.send(()).unwrap();
    assert_eq!(disk.finish(1).unwrap().len(), 512);
    assert!(!disk.ended(2));
    open.send(()).unwrap();
    while !disk.ended(2) {
        std::thread::yield_now();
    }
    assert!(disk.finish(2).is_ok());
}

#[test]
fn what_the_host_has_in_memory_is_read_at_once_but_not_before_its_turn() {
    let (open, gate) = mpsc::channel();
    let mut disk = disk(&Arc::default(), Some(gate), true);
    for (job, sector) in [(1, 2), (2, 0), (3, 2)] {
        disk.start(job, Command::Read { sector, bytes: 512 });
    }
    assert!(disk.ended(1), "no thread is asked");
    assert_eq!(disk.finish(1).unwrap().len(), 512);
    assert!(
        !disk.ended(2) && !disk.ended(3),
        "jobs begin in their order"
    );
    for job in [2, 3] {
        open.send(()).unwrap();
        assert!(disk.finish(job).is_ok());
    }
}

#[test]
fn a_job_that_was_never_started_has_failed() {
    let mut disk = disk(&Arc::default(), None, true);
    disk.start(1, Command::Flush);
    assert!(disk.ended(2), "there is nothing to wait for");
    assert_eq!(disk.finish(2), Err(DiskError));
    assert_eq!(disk.finish(1), Ok(Vec::new()));
    assert_eq!(disk.finish(1), Err(DiskError), "once");
}
