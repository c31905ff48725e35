//! What carries the bytes between two monitors that do not know of each other.

use std::io::{self, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread;

use thiserror::Error;

use super::frame::{Frame, Report};

/// Why a machine has not moved, or it is not known whether it has.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum CarryError {
    #[error("{vm} has not moved: {why}")]
    Stayed { vm: String, why: String },
    #[error("the connection broke: {0}; `mirrorball ctl show` tells where the machine runs")]
    Broken(#[from] io::Error),
}

/// Carries what is said between the monitor that has the machine `vm` and the one that is to have it,
/// until it is known what came of it.
///
/// # Errors
/// When the machine stays where it is, or a connection breaks.
pub fn carry(vm: &str, here: &UnixStream, there: &UnixStream) -> Result<Report, CarryError> {
    let (forth, back) = thread::scope(|scope| {
        let back = scope.spawn(|| {
            let failed = answer(there, here);
            // Whatever is still on its way there has no use any more.
            if !matches!(failed, Ok(None)) {
                let _ = here.shutdown(Shutdown::Write);
                let _ = there.shutdown(Shutdown::Both);
            }
            failed
        });
        let forth = tell(here, there);
        let _ = there.shutdown(Shutdown::Both);
        (forth, back.join())
    });
    let stayed = |why| CarryError::Stayed {
        vm: vm.to_owned(),
        why,
    };
    match (forth, back) {
        (Ok(Ok(report)), _) => Ok(report),
        // What went wrong first is what the other side answered.
        (_, Ok(Ok(Some(why)))) | (Ok(Err(why)), _) => Err(stayed(why)),
        (Err(error), _) => Err(error.into()),
    }
}

/// Carries what `here` says to `there`: what came of it in the end, or why it failed.
fn tell(mut here: &UnixStream, mut there: &UnixStream) -> io::Result<Result<Report, String>> {
    loop {
        let frame = Frame::read(&mut here)?;
        // If it takes no more, this side is told, and says what comes of it.
        let _ = match &frame {
            // The console of the machine hears this, and no frame.
            Frame::Typed(bytes) => there.write_all(bytes),
            Frame::Told(_) => Ok(()),
            frame => frame.write(&mut there),
        };
        match frame {
            Frame::Told(report) => return Ok(Ok(report)),
            Frame::Failed(why) => return Ok(Err(why)),
            _ => {}
        }
    }
}

/// Carries what `there` answers to `here`, until the machine goes on, or why it does not.
fn answer(mut there: &UnixStream, mut here: &UnixStream) -> io::Result<Option<String>> {
    loop {
        let frame = Frame::read(&mut there)?;
        frame.write(&mut here)?;
        match frame {
            Frame::Failed(why) => return Ok(Some(why)),
            Frame::Goes => return Ok(None),
            _ => {}
        }
    }
}
