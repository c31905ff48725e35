//! Where consoles are written to: a stream with a thread that writes it.
//!
//! Printing never waits. Each console has a [`Lane`] to the stream, in which what it printed waits
//! to be written; what is in a lane arrives whole and in order. A lane that holds more than
//! [`ROOM`] is full until half of it is written: its guest, and no other, is to be held back for
//! as long.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::Waker;

use crate::sandbox::{Duty, narrow};

/// The bytes in a lane from which on it is full.
pub const ROOM: usize = 64 << 10;
/// What is written at once.
const PIECE: usize = 4096;
/// How long a small piece is gathered after the one before: guests print byte by byte.
const GATHER: Duration = Duration::from_millis(1);
/// How long to wait for a stream that takes nothing now and does not wait itself.
const PAUSE: Duration = Duration::from_millis(10);

#[derive(Debug)]
struct LaneState {
    /// Bytes that are not written yet.
    waiting: usize,
    full: bool,
    /// Called when it is not full any more.
    waker: Waker,
}

#[derive(Debug, Default)]
struct State {
    /// What is to be written, by lanes.
    pieces: VecDeque<(usize, Vec<u8>)>,
    lanes: Vec<LaneState>,
    /// What writing failed with: nothing is written any more.
    failure: Option<io::Error>,
    /// Whether the thread waits for something to write.
    idle: bool,
    /// Whether nothing more is printed.
    ended: bool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// What the thread waits for.
    printed: Condvar,
    /// What others wait for.
    written: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next piece, when there is one. Nothing at the end.
    fn next(&self) -> Option<(usize, Vec<u8>)> {
        let mut state = self.lock();
        state.idle = true;
        let waits = |state: &mut State| state.pieces.is_empty() && !state.ended;
        let state = self.printed.wait_while(state, waits);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.idle = false;
        state.pieces.pop_front()
    }

    /// Takes note that a piece was written, or could not be. Says whether it was.
    fn note(&self, lane: usize, written: io::Result<usize>) -> bool {
        let goes_on = written.is_ok();
        let mut state = self.lock();
        let wakers = match written {
            Ok(count) => state.lanes[lane].shrink(count).into_iter().collect(),
            Err(error) => state.fail(error),
        };
        drop(state);
        self.written.notify_all();
        wakers.iter().for_each(Waker::wake);
        goes_on
    }

    fn write(&self, out: &mut dyn Write) {
        while let Some((lane, bytes)) = self.next() {
            for piece in bytes.chunks(PIECE) {
                let written = write_all(out, piece).map(|()| piece.len());
                if !self.note(lane, written) {
                    return;
                }
            }
            if bytes.len() < PIECE {
                thread::sleep(GATHER);
            }
        }
    }
}

/// Writes all, to a stream that may not wait itself.
fn write_all(out: &mut dyn Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
    out.flush()
}

impl LaneState {
    /// So much was written. Says what to wake.
    fn shrink(&mut self, count: usize) -> Option<Waker> {
        self.waiting -= count;
        let wakes = self.full && self.waiting <= ROOM / 2;
        self.full &= !wakes;
        wakes.then(|| self.waker.clone())
    }
}

impl State {
    /// Nothing can be written any more. Says what to wake.
    fn fail(&mut self, error: io::Error) -> Vec<Waker> {
        self.failure = Some(error);
        self.pieces.clear();
        for lane in &mut self.lanes {
            (lane.waiting, lane.full) = (0, false);
        }
        self.lanes.iter().map(|lane| lane.waker.clone()).collect()
    }

    fn print(&mut self, lane: usize, bytes: &[u8]) {
        if self.failure.is_some() {
            return;
        }
        match self.pieces.back_mut() {
            Some((last, piece)) if *last == lane && piece.len() < PIECE => piece.extend(bytes),
            _ => self.pieces.push_back((lane, bytes.to_vec())),
        }
        let lane = &mut self.lanes[lane];
        lane.waiting += bytes.len();
        lane.full |= lane.waiting > ROOM;
    }
}

/// The thread goes on as long as this lives, and until all is written.
struct Open(Arc<Shared>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.printed.notify_all();
    }
}

/// A stream and its thread, which ends when this and all lanes have gone and all is written.
pub struct Outlet(Arc<Open>);

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outlet")
    }
}

impl Outlet {
    /// One that writes to `out`.
    ///
    /// # Errors
    /// When the host has no thread for it.
    pub fn new(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let writes = Arc::clone(&shared);
        thread::Builder::new()
            .name("console output".to_owned())
            .spawn(move || {
                narrow(Duty::Serve);
                writes.write(&mut out);
            })?;
        Ok(Self(Arc::new(Open(shared))))
    }

    /// One more console that is written there. `waker` is called when it is not full any more, or
    /// the stream failed.
    #[must_use]
    pub fn lane(&self, waker: Waker) -> Lane {
        let mut state = self.0.0.lock();
        state.lanes.push(LaneState {
            waiting: 0,
            full: false,
            waker,
        });
        Lane {
            open: Arc::clone(&self.0),
            number: state.lanes.len() - 1,
        }
    }
}

/// A console's way to a stream.
pub struct Lane {
    open: Arc<Open>,
    number: usize,
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lane {}", self.number)
    }
}

impl Lane {
    fn shared(&self) -> &Shared {
        &self.open.0
    }

    /// Has `bytes` written behind what was printed before.
    pub fn print(&self, bytes: &[u8]) {
        let mut state = self.shared().lock();
        state.print(self.number, bytes);
        if state.idle {
            self.shared().printed.notify_all();
        }
    }

    /// Whether more waits to be written than there is room for.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.shared().lock().lanes[self.number].full
    }

    /// How many bytes wait to be written. A guest is held back when that is `ROOM`.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.shared().lock().lanes[self.number].waiting
    }

    /// Why nothing can be written any more, if that is so.
    #[must_use]
    pub fn failure(&self) -> Option<io::Error> {
        let state = self.shared().lock();
        let error = state.failure.as_ref()?;
        let code = error.raw_os_error().map(io::Error::from_raw_os_error);
        Some(code.unwrap_or_else(|| error.kind().into()))
    }

    /// Waits until it is not full, for `time` at most.
    pub fn wait_for_room(&self, time: Duration) {
        self.wait_while(time, |lane| lane.full);
    }

    /// Waits until some of what is waiting is written, for `time` at most. Says what is left.
    pub fn wait_for_less(&self, time: Duration) -> usize {
        let before = self.shared().lock().lanes[self.number].waiting;
        self.wait_while(time, |lane| lane.waiting > 0 && lane.waiting >= before)
    }

    fn wait_while(&self, time: Duration, waits: impl Fn(&LaneState) -> bool) -> usize {
        let state = self.shared().lock();
        let waits = |state: &mut State| waits(&state.lanes[self.number]);
        let waited = self.shared().written.wait_timeout_while(state, time, waits);
        let state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.lanes[self.number].waiting
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Instant;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);
    const SETTLED: Duration = Duration::from_millis(50);

    fn outlet() -> (UnixStream, Outlet) {
        let (reader, out) = UnixStream::pair().unwrap();
        (reader, Outlet::new(out).unwrap())
    }

    /// Fills a lane, and the stream that it leads to.
    fn fill(lane: &Lane) -> Vec<u8> {
        let mut printed = Vec::new();
        let start = Instant::now();
        loop {
            while !lane.is_full() {
                assert!(start.elapsed() < SOON, "nothing reads it");
                let line = format!("line {}\n", printed.len());
                lane.print(line.as_bytes());
                printed.extend(line.bytes());
            }
            // The thread that writes may have found room in the stream.
            thread::sleep(SETTLED);
            if lane.is_full() {
                return printed;
            }
        }
    }

    #[test]
    fn all_arrives_in_order_however_late_it_is_read() {
        let (mut reader, outlet) = outlet();
        let lane = outlet.lane(Waker::none());
        let mut printed = fill(&lane);
        lane.print(b"the end");
        printed.extend(b"the end");
        drop((lane, outlet));
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert!(read == printed, "{} of {}", read.len(), printed.len());
    }

    #[test]
    fn one_full_lane_fills_no_other_and_wakes_when_it_is_read() {
        let (mut reader, outlet) = outlet();
        let woken = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&woken);
        let waker = Waker::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        });
        let (noisy, quiet) = (outlet.lane(waker), outlet.lane(Waker::none()));
        let printed = fill(&noisy);
        woken.store(0, Ordering::SeqCst);
        quiet.print(b"a word");
        assert!(noisy.is_full() && !quiet.is_full());
        assert_eq!(woken.load(Ordering::SeqCst), 0);
        reader.read_exact(&mut vec![0; printed.len()]).unwrap();
        noisy.wait_for_room(SOON);
        assert!(!noisy.is_full());
        let start = Instant::now();
        while woken.load(Ordering::SeqCst) == 0 {
            assert!(start.elapsed() < SOON, "it is woken");
            thread::yield_now();
        }
    }

    #[test]
    fn a_stream_that_fails_holds_no_guest_back() {
        let (reader, outlet) = outlet();
        let lane = outlet.lane(Waker::none());
        fill(&lane);
        drop(reader);
        lane.wait_for_room(SOON);
        assert!(!lane.is_full());
        assert_eq!(lane.wait_for_less(SOON), 0);
        let failure = lane.failure().unwrap().kind();
        // The second is what a socket says that was closed before all was read.
        let expected = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
        assert!(expected.contains(&failure), "{failure}");
    }

    #[test]
    fn a_stream_that_does_not_wait_is_waited_for() {
        let (mut reader, out) = UnixStream::pair().unwrap();
        out.set_nonblocking(true).unwrap();
        let outlet = Outlet::new(out).unwrap();
        let lane = outlet.lane(Waker::none());
        let printed = fill(&lane);
        thread::sleep(3 * PAUSE);
        drop((lane, outlet));
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert!(read == printed);
    }
}
