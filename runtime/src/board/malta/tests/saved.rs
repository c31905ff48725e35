//! A board that was saved and restored goes on as it would have.

use super::*;

/// What a guest does at a step, from a random number.
#[derive(Clone, Copy)]
pub(super) struct Step {
    pa: Pa,
    width: Width,
    value: u32,
    what: u8,
}

/// Where there are registers.
const WINDOWS: [(u64, u64); 10] = [
    (FLASH, 0x40),
    (IO, 0x100),
    (IO + 0x1f0, 0x220),
    (IO + 0x1000, 0x800),
    (IO + 0xcf0, 0x10),
    (GT + 0xc00, 0x100),
    (0x1f00_0200, 0x900),
    (0x1f00_0900, 0x40),
    (0x1200_0000, 0x20),
    (0x1300_0000, 0x3_8000),
];

impl Step {
    pub(super) fn new(random: &mut u64) -> Self {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        let [window, what, width, shift, bytes @ ..] = random.to_le_bytes();
        let (base, length) = WINDOWS[usize::from(window) % WINDOWS.len()];
        let value = u32::from_le_bytes(bytes);
        Self {
            pa: Pa(base + u64::from(value.swap_bytes()) % length),
            width: [Width::Byte, Width::Half, Width::Word][usize::from(width) % 3],
            value: value >> (shift % 32),
            what,
        }
    }
}

impl Guest {
    /// Does a step, and says what can be seen of it.
    pub(super) fn step(&mut self, step: Step) -> impl PartialEq + std::fmt::Debug + use<> {
        let Step {
            pa, width, value, ..
        } = step;
        let read = match step.what % 8 {
            0..3 => self.board.read(pa, width, self.now),
            3..6 => self.try_store(pa, width, value).map(|()| 0),
            6 if value % 4 == 0 => {
                self.deliver(value as usize / 4 % 4, width.bytes() as usize * 30);
                Ok(0)
            }
            6 => {
                self.now = self.now.plus(Nanos(u64::from(value)));
                Ok(0)
            }
            _ => {
                self.board.console().push_input(Stroke::Byte(value as u8));
                Ok(0)
            }
        };
        if self.board.deadline().is_some_and(|due| due <= self.now) {
            self.advance();
        }
        (
            read,
            self.board.lines(),
            self.board.deadline(),
            self.board.console().take_output(),
            self.board.take_request(),
        )
    }
}

fn restored(board: &Malta) -> Malta {
    let saved = serde_json::to_string(board).expect("a board is data");
    serde_json::from_str(&saved).expect("and comes back from it")
}

#[test]
fn a_restored_board_answers_as_the_original() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut original = Guest::new(false);
    original.fit_virtio();
    original.board.chips.flash.fit();
    original.start_pic();
    for _ in 0..64 {
        original.place_functions();
        for _ in 0..random % 500 {
            original.step(Step::new(&mut random));
        }
        let mut copy = Guest {
            board: restored(&original.board),
            memory: Ram(original.memory.0.clone()),
            backends: Backends {
                disks: original.backends.disks.twin(),
                ..Backends::default()
            },
            now: original.now,
        };
        for _ in 0..500 {
            let step = Step::new(&mut random);
            assert_eq!(original.step(step), copy.step(step), "at {}", step.pa);
        }
        assert_eq!(original.memory.0, copy.memory.0);
        assert_eq!(original.board.unsound(), None);
        let accesses: Vec<_> = copy.board.accesses().collect();
        assert!(original.board.accesses().eq(accesses));
    }
    for name in [
        "copier", "flash", "disk0", "disk3", "net0", "net3", "rng", "balloon", "console", "folder3",
    ] {
        let row = original.board.accesses().find(|row| row.0 == name);
        assert!(row.is_some_and(|(_, reads, writes)| reads > 0 && writes > 0));
    }
}
