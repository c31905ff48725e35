//! The shared folder.

use super::bench::{Bench, DATA, ENTRIES};
use super::*;
use crate::device::folder::{Folder, Job};
use std::sync::{Arc, Mutex};

const ANSWERS: u64 = DATA as u64 + 0x1000;

type Messages = Vec<(Job, Vec<u8>)>;

/// What the device has asked.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Messages>>);

impl Folder for Asked {
    fn tag(&self) -> &str {
        "tag"
    }

    fn start(&mut self, job: Job, message: Vec<u8>) {
        self.0.lock().expect("whole").push((job, message));
    }

    fn answer(&mut self) -> Option<(Job, Vec<u8>)> {
        None
    }
}

impl Asked {
    fn take(&self) -> Messages {
        std::mem::take(&mut *self.0.lock().expect("whole"))
    }
}

fn bench() -> (Bench<SharedFolder>, Asked) {
    let asked = Asked::default();
    let mut bench = Bench::new(SharedFolder::new(0, "tag"), 1);
    bench.backends.folders.connect(0, Box::new(asked.clone()));
    (bench, asked)
}

/// Hands out a message with this tag, and a buffer of so many bytes for its answer.
fn ask(bench: &mut Bench<SharedFolder>, first: u16, tag: u8, room: u32) {
    let at = DATA + 0x100 * u32::from(tag);
    bench.put(at, &[9, 0, 0, 0, 1, tag, 0, 2, 3]);
    let pieces = [(at.into(), 4), (u64::from(at) + 4, 5), (ANSWERS, room)];
    bench.hand_out(0, first, &pieces, 1);
}

#[test]
fn answers_come_in_any_order() {
    let (mut bench, asked) = bench();
    assert_eq!(bench.config(0, Width::Half), 3);
    assert_eq!(bench.config(2, Width::Word), u32::from_le_bytes(*b"tag\0"));
    ask(&mut bench, 0, 1, 64);
    ask(&mut bench, 3, 2, 64);
    let messages = asked.take();
    assert_eq!(messages[0], (0, vec![9, 0, 0, 0, 1, 1, 0, 2, 3]));
    assert_eq!(messages[1].0, 1);
    assert_eq!(bench.given_back(0), []);
    for (job, head) in [(1, 3), (0, 0)] {
        bench
            .function
            .update(|it| it.answer(job, vec![job as u8 + 1; 20]));
        bench.lend();
        assert_eq!((bench.given_back(0), bench.cause()), (vec![(head, 20)], 1));
        let answer = bench.memory.at(ANSWERS as u32, 20);
        assert!(answer.iter().all(|&byte| u64::from(byte) == job + 1));
    }
    bench.function.update(|it| it.answer(1, vec![0; 20]));
    bench.lend();
    assert_eq!(bench.given_back(0), [], "nothing was asked");
}

#[test]
fn a_reset_forgets_what_was_asked() {
    let (mut bench, asked) = bench();
    ask(&mut bench, 0, 1, 64);
    bench.start();
    bench
        .function
        .update(|it| it.answer(asked.take()[0].0, vec![0; 20]));
    ask(&mut bench, 0, 2, 64);
    assert_eq!((asked.take()[0].0, bench.given_back(0)), (1, vec![]));
    bench.function.update(SharedFolder::forsake);
    bench.lend();
    assert_eq!(bench.given_back(0), [(0, 11)]);
    let failed = [11, 0, 0, 0, 7, 2, 0, 5, 0, 0, 0];
    assert_eq!(bench.memory.at(ANSWERS as u32, 11), failed, "an error");
}

#[test]
fn an_answer_without_room_needs_a_reset() {
    let (mut bench, _) = bench();
    ask(&mut bench, 0, 1, 19);
    bench.function.update(|it| it.answer(0, vec![0; 20]));
    bench.lend();
    assert_eq!(bench.status(), 0x4f);
    bench.start();
    bench.hand_out(0, 0, &[(DATA.into(), 6)], 0);
    assert_eq!(bench.status(), 0x4f, "a message without a tag");
    bench.start();
    bench.hand_out(0, 0, &[(0, 0x10_000), (0, 0x10_001)], 0);
    assert_eq!(bench.status(), 0x4f, "a message that is too long");
}

#[test]
fn a_wild_driver_of_a_folder_is_harmless() {
    let (mut bench, asked) = bench();
    let mut messages = 0;
    let [broken, answers] = bench.run_wild(7, |bench, state| {
        let taken = asked.take();
        assert!(taken.len() <= ENTRIES.into());
        messages += taken.len();
        for (job, mut message) in taken {
            message.truncate(wild::next(state) as usize % 4);
            let job = job + u64::from(wild::next(state).is_multiple_of(8));
            bench.function.update(|it| it.answer(job, message));
            bench.lend();
        }
    });
    assert!(
        broken > 100 && answers > 10 && messages > 100,
        "{broken}, {answers}, {messages}"
    );
    ask(&mut bench, 0, 3, 64);
    let (job, _) = asked.take()[0];
    bench.function.update(|it| it.answer(job, vec![1; 7]));
    bench.lend();
    assert_eq!(bench.given_back(0), [(0, 7)]);
}
