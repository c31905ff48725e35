//! The thread that waits for debuggers. One is served at a time; the next waits until it has left.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::place::Listener;
use super::session::{serve, wait_for_client};
use super::subject::{Desk, Subject};
use crate::sandbox::{Duty, narrow};

/// How long to wait before the next try when the host lets no client in.
const PAUSE: Duration = Duration::from_millis(50);

/// A machine's debugger, for as long as this lives.
#[derive(Debug)]
pub struct Server {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Waits for debuggers of `subject`, which meets them at `desk`.
    ///
    /// # Errors
    /// When the host has no thread for it.
    pub fn start(
        listener: Listener,
        subject: Arc<dyn Subject>,
        desk: Arc<Desk>,
    ) -> io::Result<Self> {
        let at = Arc::clone(&desk);
        let thread = thread::Builder::new()
            .name("debugger".to_owned())
            .spawn(move || {
                narrow(Duty::Debug);
                while !at.is_closed() {
                    if !wait_for_client(&listener, &at) {
                        continue;
                    }
                    match listener.accept() {
                        Ok(stream) => converse(stream, &subject, &at),
                        Err(_) => thread::sleep(PAUSE),
                    }
                }
            })?;
        Ok(Self {
            desk,
            thread: Some(thread),
        })
    }
}

/// Serves the one debugger of `subject` at `stream`, until it leaves. What fails here is told of, and ends
/// this client's session alone.
pub fn converse(stream: File, subject: &Arc<dyn Subject>, desk: &Arc<Desk>) {
    drop(catch_unwind(AssertUnwindSafe(|| {
        serve(stream, subject, desk);
    })));
}

impl Drop for Server {
    /// The machine is at its end, and so is its debugger once it knows.
    fn drop(&mut self) {
        self.desk.close();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
    }
}
