//! A console (chapter 5.3): one port, hvc0 to Linux, with the size of the window that shows it.
//!
//! What the guest prints leaves the device at once, a buffer at a time. What is typed waits here until
//! the driver has given buffers for it.

use super::{Broken, Order, Queues, VirtioDevice};
use crate::clock::Nanos;
use crate::device::Backends;
use crate::sound::{Sound, TYPED};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

const F_SIZE: u32 = 0;

/// The queues: of buffers for what is typed, and of what is printed.
const RECEIVE: usize = 0;
const SEND: usize = 1;
/// Entries of each.
const ENTRIES: u16 = 64;
/// The most bytes of a buffer with what is printed, four times as many as Linux sends.
const PIECE: u64 = 1 << 14;
/// The most bytes that were printed and have not left the device.
pub const PRINTED: usize = (ENTRIES as usize + 1) * PIECE as usize;

/// The size of a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WindowSize {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

impl Default for WindowSize {
    fn default() -> Self {
        Self {
            columns: 80,
            rows: 24,
        }
    }
}

/// A console behind its queues.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Console {
    size: WindowSize,
    /// Whether the guest has printed something.
    used: bool,
    /// Whether the driver is to be told of the size.
    tells: bool,
    /// What was typed and is not in the driver's buffers.
    typed: VecDeque<u8>,
    /// What was printed and has not left the device.
    printed: Vec<u8>,
}

impl Console {
    /// The size of the window that shows it.
    #[must_use]
    pub fn size(&self) -> WindowSize {
        self.size
    }

    /// How many bytes were typed that are not in the driver's buffers.
    #[must_use]
    pub fn typed_ahead(&self) -> usize {
        self.typed.len()
    }

    /// Whether the guest uses it: its driver has printed something. A driver that no program uses would
    /// take what is typed from the other consoles.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.used
    }

    /// A byte is typed. It is lost if there is no room for it.
    pub fn push_input(&mut self, byte: u8) {
        if self.typed.len() < TYPED {
            self.typed.push_back(byte);
        }
    }

    /// Takes what was printed.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.printed)
    }

    /// The window that shows it has another size.
    pub fn resize(&mut self, size: WindowSize) {
        (self.size, self.tells) = (size, true);
    }

    fn print(&mut self, queues: &mut Queues<'_>) -> Result<(), Broken> {
        for _ in 0..=ENTRIES {
            let Some(chain) = queues.pop(SEND)? else {
                break;
            };
            let length = chain.readable.length();
            if length > PIECE {
                return Err(Broken);
            }
            let mut bytes = vec![0; length as usize];
            chain.readable.read(queues.memory, 0, &mut bytes)?;
            if !bytes.is_empty() && !self.used {
                // Linux asks for the size when it hears that it is another, and never before.
                (self.used, self.tells) = (true, true);
            }
            self.printed.extend(bytes);
            queues.push(SEND, chain.head, 0)?;
        }
        Ok(())
    }

    fn hand_on(&mut self, queues: &mut Queues<'_>) -> Result<(), Broken> {
        while !self.typed.is_empty() {
            let Some(chain) = queues.pop(RECEIVE)? else {
                break;
            };
            let room = usize::try_from(chain.writable.length()).unwrap_or(usize::MAX);
            if room == 0 {
                return Err(Broken);
            }
            let bytes: Vec<u8> = self.typed.drain(..room.min(self.typed.len())).collect();
            chain.writable.write(queues.memory, 0, &bytes)?;
            queues.push(RECEIVE, chain.head, bytes.len() as u32)?;
        }
        Ok(())
    }
}

impl VirtioDevice for Console {
    const TYPE: u16 = 3;
    const LEGACY: Option<u16> = Some(0x1003);
    const CLASS: u32 = 0x07_8000;
    const QUEUES: &'static [u16] = &[ENTRIES, ENTRIES];

    fn features(&self) -> u64 {
        1 << F_SIZE
    }

    fn config(&self, order: Order) -> Vec<u8> {
        let mut config = [self.size.columns, self.size.rows]
            .map(|it| order.put16(it))
            .concat();
        // One port, and no output before there is a driver.
        config.extend([1, 0].map(|it| order.put32(it)).concat());
        config
    }

    fn reset(&mut self) {
        self.typed.clear();
        (self.used, self.tells) = (false, false);
    }

    fn is_due(&self) -> bool {
        !self.typed.is_empty()
    }

    fn take_config_change(&mut self) -> bool {
        std::mem::take(&mut self.tells)
    }

    fn process(
        &mut self,
        queues: &mut Queues<'_>,
        _backends: &mut Backends,
        _now: Nanos,
    ) -> Result<(), Broken> {
        self.print(queues)?;
        self.hand_on(queues)
    }
}

impl Sound for Console {
    fn is_sound(&self) -> bool {
        self.typed.len() <= TYPED && self.printed.len() <= PRINTED
    }
}
