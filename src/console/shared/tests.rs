use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::*;
use crate::console::Pace;

/// What a terminal was sent.
#[derive(Clone, Debug, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Bench {
    paper: Paper,
    /// What it prints is written after all that was printed before.
    probe: Lane,
    desk: Arc<Desk>,
    vms: Vec<Console>,
    woken: Arc<AtomicU32>,
}

fn bench(width: Option<fn() -> usize>) -> Bench {
    let paper = Paper::default();
    let woken = Arc::new(AtomicU32::new(0));
    let waker = || {
        let count = woken.clone();
        Waker::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
        })
    };
    let outlet = Outlet::new(paper.clone()).unwrap();
    let probe = outlet.lane(Waker::none());
    let desk = Arc::new(Desk::new(Screen::new(outlet, width), waker()));
    let vms = ["a", "b"].map(|name| desk.console(name, waker())).into();
    Bench {
        paper,
        probe,
        desk,
        vms,
        woken,
    }
}

impl Bench {
    /// What was written by now.
    fn shown(&self) -> String {
        self.probe.print(b"\0");
        while self.probe.wait_for_less(Duration::from_secs(1)) > 0 {}
        let text = std::mem::take(&mut *self.paper.0.lock().unwrap());
        let text = String::from_utf8(text).unwrap();
        text.strip_suffix('\0').unwrap().to_owned()
    }

    fn prints(&mut self, number: usize, text: &str) -> String {
        self.vms[number].out.print(text.as_bytes());
        self.shown()
    }

    fn types(&self, keys: &[u8]) -> String {
        read_keys(keys, Some(Escape::default()), |typed| {
            self.desk.lock().take(&typed, &self.desk.quit);
            true
        });
        self.shown()
    }

    fn source(&mut self, number: usize) -> &mut Source {
        self.vms[number].source.as_mut().unwrap()
    }

    fn typed(&mut self, number: usize) -> Vec<u8> {
        let taken = self.source(number).take(usize::MAX);
        taken.into_iter().map(Stroke::byte).collect()
    }
}

#[test]
fn lines_say_whose_they_are() {
    let mut bench = bench(None);
    assert_eq!(bench.prints(0, "one\r\ntw"), "[a] one\n");
    assert_eq!(bench.prints(1, "uno\n"), "[b] uno\n");
    assert_eq!(bench.prints(0, "o\nrest"), "[a] two\n");
    bench.vms.clear();
    assert_eq!(bench.shown(), "[a] rest\n", "nothing is lost at the end");
}

#[test]
fn on_a_terminal_the_open_line_of_the_chosen_vm_stays_below() {
    let mut bench = bench(Some(|| 80));
    assert_eq!(bench.prints(0, "# "), "[a] # ");
    assert_eq!(bench.prints(0, "l"), "\r\x1b[K[a] # l");
    assert_eq!(bench.prints(1, "login: "), "", "it is not typed to");
    assert_eq!(bench.prints(1, "\n"), "\r\x1b[K[b] login:\n[a] # l");
    assert_eq!(bench.prints(0, "\x08"), "\r\x1b[K[a] # l\x1b[1D");
    assert_eq!(bench.prints(0, "\nx\n"), "\r\x1b[K[a] # l\n[a] x\n");
}

#[test]
fn a_long_open_line_stays_on_one_row() {
    let mut bench = bench(Some(|| 15));
    assert_eq!(bench.prints(0, "0123456789abcdef"), "[a] 6789abcdef");
    assert_eq!(bench.prints(0, "\r"), "\r\x1b[K[a] 0123456789\x1b[10D");
}

#[test]
fn keys_go_to_the_chosen_vm() {
    let mut bench = bench(Some(|| 80));
    bench.prints(1, "login: ");
    bench.prints(0, "# ");
    bench.types(b"x");
    let shown = bench.types(b"\x01n");
    assert_eq!(shown, "\r\x1b[K[mirrorball] typing to b\n[b] login: ");
    bench.types(b"y");
    bench.types(b"\x011z\x01\x01");
    assert_eq!(bench.typed(0), b"xz\x01");
    assert_eq!(bench.typed(1), b"y");
    let shown = bench.types(b"\x019");
    assert!(shown.contains("there is no VM 9\n"), "{shown}");
    assert!(bench.types(b"\x01h").contains("type to the next VM\n"));
    assert!(bench.woken.load(Ordering::SeqCst) >= 3);
}

#[test]
fn quitting_and_the_end_reach_all() {
    let mut bench = bench(None);
    bench.types(b"\x01x");
    assert_eq!(
        bench.woken.load(Ordering::SeqCst),
        3,
        "two VMs and their owner"
    );
    bench.desk.read(io::empty(), None);
    let late = bench.desk.console("c", Waker::none());
    for number in [0, 1] {
        let source = bench.source(number);
        assert!(source.quits() && source.has_ended());
    }
    assert!(late.source.unwrap().has_ended());
}

#[test]
fn a_vm_that_does_not_read_does_not_keep_the_keyboard() {
    let mut bench = bench(Some(|| 80));
    bench.types(&[b'x'; ROOM]);
    assert_eq!(bench.types(b"x"), "\x07");
    bench.types(b"\x012y");
    assert_eq!(bench.typed(1), b"y");
}

#[test]
fn several_sessions_work_on_threads_of_their_own() {
    use mirrorball_runtime::vm::host::Host;
    let mut bench = bench(None);
    thread::scope(|scope| {
        for console in bench.vms.drain(..) {
            let mut session = console.session(None, Pace::Waiting);
            scope.spawn(move || {
                for _ in 0..100 {
                    session.output(b"some text\n");
                }
            });
        }
    });
    let shown = bench.shown();
    assert_eq!(shown.lines().count(), 200);
    assert!(
        shown.lines().all(|line| line.ends_with("] some text")),
        "{shown}"
    );
}
