//! The file of a timeline: whole at every moment, and bounded.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use mirrorball_runtime::clock::{Cycles, INSTRUCTIONS_PER_SECOND};

use super::Track;

/// The most bytes that are written unless something else is said.
pub const MOST: u64 = 256 << 20;

/// How much is gathered before it is written.
const PIECE: usize = 1 << 16;
/// What stays free for the ends of slices that are open, and for a word on the size.
const KEPT: u64 = 1 << 14;
/// What ends the file. It is written with every piece, and the next one over it.
const END: &str = "\n]}\n";
const CYCLES_PER_MICRO: u64 = INSTRUCTIONS_PER_SECOND / 1_000_000;

/// A file of trace events.
#[derive(Debug)]
pub struct TraceFile {
    file: File,
    /// What is to be written next, and where.
    text: String,
    to: u64,
    most: u64,
    /// The moment of what comes next: never before that of what is there.
    now: Cycles,
    /// When the present machine began: after those before it.
    base: u64,
    /// How many slices of each track are open.
    open: [u32; Track::ALL.len() + 1],
    full: bool,
    start: Instant,
    failed: Option<io::Error>,
}

impl TraceFile {
    /// Begins a timeline in `file`, which is empty, of at most so many bytes.
    ///
    /// # Errors
    /// When the host refuses.
    pub fn new(file: File, most: u64) -> io::Result<Self> {
        let mut new = Self {
            file,
            text: String::from("{\"displayTimeUnit\":\"ns\",\"traceEvents\":["),
            to: 0,
            most: most.max(2 * KEPT),
            now: Cycles(0),
            base: 0,
            open: [0; Track::ALL.len() + 1],
            full: false,
            start: Instant::now(),
            failed: None,
        };
        new.text.push_str(
            "\n{\"ph\":\"M\",\"pid\":1,\"tid\":0,\"name\":\"process_name\",\"args\":{\"name\":\"guest\"}}",
        );
        for (track, name) in Track::ALL {
            let tid = track as u32;
            new.text.push_str(&format!(
                ",\n{{\"ph\":\"M\",\"pid\":1,\"tid\":{tid},\"name\":\"thread_name\",\"args\":{{\"name\":\"{name}\"}}}}"
            ));
        }
        new.flush()?;
        Ok(new)
    }

    /// What comes next is of a new machine, whose time begins anew.
    pub fn begin_machine(&mut self) {
        self.end_all();
        self.base = self.now.0;
    }

    /// What comes next is of this moment of the machine's.
    pub fn at(&mut self, now: Cycles) {
        self.now = self.now.max(self.moment(now));
    }

    fn moment(&self, at: Cycles) -> Cycles {
        Cycles(self.base.saturating_add(at.0))
    }

    fn end_all(&mut self) {
        for (track, _) in Track::ALL {
            while self.open[track as usize] > 0 {
                self.end(track);
            }
        }
    }

    /// Begins a slice. `about` are members of a JSON object.
    pub fn begin(&mut self, track: Track, name: &str, about: &str) {
        if self.has_room() {
            self.open[track as usize] += 1;
            let about = format!(",\"name\":{},\"args\":{{{about}}}", quoted(name));
            self.put("B", track, self.now, &about);
        }
    }

    /// Ends the slice of the track that began last.
    pub fn end(&mut self, track: Track) {
        let open = &mut self.open[track as usize];
        if *open > 0 {
            *open -= 1;
            self.put("E", track, self.now, "");
        }
    }

    /// A slice that ends at `end` and took so long, in which nothing else happened.
    pub fn slice(&mut self, track: Track, name: &str, end: Cycles, took: Cycles) {
        if self.has_room() {
            let end = self.moment(end).max(self.now);
            let start = Cycles(end.0.saturating_sub(took.0)).max(self.now);
            let took = micros(Cycles(end.0 - start.0));
            let about = format!(",\"dur\":{took},\"name\":{}", quoted(name));
            self.put("X", track, start, &about);
        }
    }

    /// A mark, with how many microseconds the host has taken until now.
    pub fn mark(&mut self, track: Track, name: &str, about: &str) {
        if self.has_room() {
            let host = self.start.elapsed().as_micros();
            let about = match about {
                "" => format!("\"host µs\":{host}"),
                about => format!("{about},\"host µs\":{host}"),
            };
            let about = format!(
                ",\"s\":\"t\",\"name\":{},\"args\":{{{about}}}",
                quoted(name)
            );
            self.put("i", track, self.now, &about);
        }
    }

    /// Ends the slices that are open and writes what is left, for the last time. Says whether all that
    /// happened is there.
    ///
    /// # Errors
    /// When the host has refused to write.
    pub fn finish(&mut self) -> io::Result<bool> {
        self.end_all();
        self.write();
        self.failed.take().map_or(Ok(!self.full), Err)
    }

    /// Whether there is room for one more event.
    fn has_room(&mut self) -> bool {
        self.full |= self.to + self.text.len() as u64 + KEPT > self.most;
        !self.full
    }

    fn put(&mut self, kind: &str, track: Track, at: Cycles, about: &str) {
        let (tid, at) = (track as u32, micros(at));
        self.text.push_str(&format!(
            ",\n{{\"ph\":\"{kind}\",\"pid\":1,\"tid\":{tid},\"ts\":{at}{about}}}"
        ));
        if self.text.len() >= PIECE {
            self.write();
        }
    }

    fn write(&mut self) {
        if self.failed.is_none() {
            self.failed = self.flush().err();
        }
        self.full |= self.failed.is_some();
    }

    fn flush(&mut self) -> io::Result<()> {
        let length = self.text.len();
        self.text.push_str(END);
        self.file.write_all_at(self.text.as_bytes(), self.to)?;
        self.to += length as u64;
        self.text.clear();
        Ok(())
    }
}

/// Cycles in microseconds, exactly.
fn micros(cycles: Cycles) -> String {
    let (whole, rest) = (cycles.0 / CYCLES_PER_MICRO, cycles.0 % CYCLES_PER_MICRO);
    format!("{whole}.{rest:02}")
}

/// A text as JSON has it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn events(file: &File) -> Vec<Value> {
        let mut bytes = vec![0; file.metadata().unwrap().len() as usize];
        file.read_exact_at(&mut bytes, 0).unwrap();
        let all: Value = serde_json::from_slice(&bytes).unwrap();
        all["traceEvents"].as_array().unwrap().clone()
    }

    #[test]
    fn the_file_is_whole_before_it_is_finished() {
        let file = tempfile::tempfile().unwrap();
        let mut trace = TraceFile::new(file.try_clone().unwrap(), MOST).unwrap();
        assert_eq!(events(&file).len(), 5);
        for number in 0..3000 {
            trace.at(Cycles(100 * number + 7));
            trace.begin(Track::Exceptions, "a \"name\"", "");
        }
        let before = events(&file).len();
        assert!(before > 100, "{before}");
        assert!(trace.finish().unwrap());
        let all = events(&file);
        assert_eq!(all.len(), 5 + 6000);
        assert_eq!(all[6]["ts"].as_f64(), Some(1.07));
        assert_eq!(all[6]["name"], "a \"name\"");
    }

    #[test]
    fn a_file_that_is_full_has_the_ends_of_what_began() {
        let file = tempfile::tempfile().unwrap();
        let mut trace = TraceFile::new(file.try_clone().unwrap(), 0).unwrap();
        trace.begin(Track::Processes, "shell", "");
        for _ in 0..10_000 {
            trace.begin(Track::Exceptions, "exception", "");
            trace.mark(Track::Devices, "read", "");
            trace.end(Track::Exceptions);
            trace.end(Track::Exceptions);
        }
        assert!(!trace.finish().unwrap(), "it says that it is full");
        assert!(file.metadata().unwrap().len() <= 2 * KEPT);
        let all = events(&file);
        let count = |kind: &str| all.iter().filter(|event| event["ph"] == kind).count();
        assert_eq!(count("B"), count("E"));
        assert!(count("B") > 50);
    }
}
