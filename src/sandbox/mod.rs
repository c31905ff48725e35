//! The process confines itself: after it has read its inputs, and before a guest runs.
//!
//! There are three layers. One is Landlock: only the folders of the run's outputs can be reached by
//! name. Another is seccomp: only the system calls that are needed, with less for threads that
//! translate and for those that move the bytes of consoles, and others for networks. And all
//! capabilities but one are given up. None can be taken back, and threads inherit them from the thread
//! that starts them.
//!
//! What is forbidden fails with `EPERM`, so that a library that tries something new is told so
//! and can do without.

mod calls;
mod folders;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::thread::{CapabilitySet, CapabilitySets};

pub use calls::Duty;

/// What the kernel does not enforce.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum Lacking {
    #[error("the sandbox does not restrict system calls: {0}")]
    Calls(#[from] seccompiler::Error),
    #[error("the sandbox does not restrict files: {0}")]
    Folders(#[from] landlock::RulesetError),
    #[error("the sandbox does not restrict files: the host's kernel has no Landlock")]
    NoLandlock,
    #[error("the sandbox does not give up capabilities: {0}")]
    Capabilities(#[from] io::Error),
}

/// Whether the process has confined itself.
static CONFINED: AtomicBool = AtomicBool::new(false);

/// Confines this thread, and all that it starts from now on: of the file system they reach what is
/// to be `read` and what is to be `written`, files and folders. Does as much of it as the kernel
/// can, and says what that lacks.
#[must_use]
pub fn confine(read: &[PathBuf], written: &[PathBuf]) -> Vec<Lacking> {
    let mut lacking = Vec::new();
    lacking.extend(drop_capabilities().err().map(Lacking::from));
    match folders::confine(read, written) {
        Ok(true) => {}
        Ok(false) => lacking.push(Lacking::NoLandlock),
        Err(error) => lacking.push(error.into()),
    }
    match calls::confine(Duty::Run) {
        Ok(()) => CONFINED.store(true, Ordering::Relaxed),
        Err(error) => lacking.push(error.into()),
    }
    lacking
}

/// Confines this thread alone, which was started before the process confines itself, to the system
/// calls that its duty needs; it reaches nothing of the file system by name.
pub fn confine_thread(duty: Duty) {
    confine_thread_to(duty, &[], &[]);
}

/// The same, but for files and folders that it reaches: those to `read`, and those to be `written`.
pub fn confine_thread_to(duty: Duty, read: &[PathBuf], written: &[PathBuf]) {
    let capabilities = drop_capabilities().map_err(Lacking::from);
    let folders = folders::confine(read, written).map_err(Lacking::from);
    let calls = calls::confine(duty).map_err(Lacking::from);
    let lacking = [capabilities.err(), folders.err(), calls.err()];
    for error in lacking.into_iter().flatten() {
        tracing::warn!("a thread may do more than it needs: {error}");
    }
}

/// Restricts this thread, if the process is confined, to the system calls that its duty needs.
pub fn narrow(duty: Duty) {
    if CONFINED.load(Ordering::Relaxed)
        && let Err(error) = calls::confine(duty)
    {
        tracing::warn!("a thread keeps system calls that it does not need: {error}");
    }
}

/// Gives up what only root can do, but for writing to files of other users: outputs are opened
/// later, where Landlock lets them be.
fn drop_capabilities() -> io::Result<()> {
    let kept = rustix::thread::capabilities(None)?.permitted & CapabilitySet::DAC_OVERRIDE;
    let sets = CapabilitySets {
        effective: kept,
        permitted: kept,
        inheritable: CapabilitySet::empty(),
    };
    Ok(rustix::thread::set_capabilities(None, sets)?)
}

#[cfg(test)]
mod tests;
