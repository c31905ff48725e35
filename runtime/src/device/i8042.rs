//! The 8042 keyboard controller with an AT keyboard and a PS/2 mouse (IBM PS/2 Technical
//! Reference, keyboard and auxiliary device controller).
//!
//! Both devices answer what a driver asks to identify and set them up, and nothing is ever typed
//! or moved: the machine's console is its serial port.

use std::collections::VecDeque;

use super::{Device, Width};
use crate::clock::Nanos;

const COMMAND_KEYBOARD_IRQ: u8 = 0x01;
const COMMAND_MOUSE_IRQ: u8 = 0x02;
const COMMAND_KEYBOARD_OFF: u8 = 0x10;
const COMMAND_MOUSE_OFF: u8 = 0x20;
const COMMAND_TRANSLATE: u8 = 0x40;

const STATUS_FULL: u8 = 0x01;
const STATUS_TESTED: u8 = 0x04;
/// The last write was a command, and the keyboard is not locked.
const STATUS_IDLE: u8 = 0x18;
const STATUS_MOUSE: u8 = 0x20;

const ACKNOWLEDGE: u8 = 0xfa;
const RESEND: u8 = 0xfe;
const SELF_TEST_PASSED: u8 = 0xaa;
const QUEUE: usize = 16;

/// A device on one of the two wires: what it still has to say, and whether the next byte that
/// it gets belongs to the command before.
#[derive(Clone, Debug, Default)]
struct Wire {
    queue: VecDeque<u8>,
    parameter_of: Option<u8>,
}

impl Wire {
    fn say(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.queue.len() < QUEUE {
                self.queue.push_back(*byte);
            }
        }
    }

    fn keyboard(&mut self, byte: u8, translate: bool) {
        if let Some(command) = self.parameter_of.take() {
            self.say(&[ACKNOWLEDGE]);
            if command == 0xf0 && byte == 0 {
                // The scan code set in use: two.
                self.say(&[if translate { 0x41 } else { 0x02 }]);
            }
            return;
        }
        match byte {
            0xff => {
                self.queue.clear();
                self.say(&[ACKNOWLEDGE, SELF_TEST_PASSED]);
            }
            0xf2 => self.say(&[ACKNOWLEDGE, 0xab, if translate { 0x41 } else { 0x83 }]),
            0xed | 0xf0 | 0xf3 => {
                self.parameter_of = Some(byte);
                self.say(&[ACKNOWLEDGE]);
            }
            0xee => self.say(&[0xee]),
            0xf4..=0xf6 => self.say(&[ACKNOWLEDGE]),
            _ => self.say(&[RESEND]),
        }
    }

    fn mouse(&mut self, byte: u8) {
        if self.parameter_of.take().is_some() {
            return self.say(&[ACKNOWLEDGE]);
        }
        match byte {
            0xff => {
                self.queue.clear();
                self.say(&[ACKNOWLEDGE, SELF_TEST_PASSED, 0]);
            }
            0xf2 => self.say(&[ACKNOWLEDGE, 0]),
            0xe9 => self.say(&[ACKNOWLEDGE, 0, 2, 100]),
            0xeb => self.say(&[ACKNOWLEDGE, 8, 0, 0]),
            0xe8 | 0xf3 => {
                self.parameter_of = Some(byte);
                self.say(&[ACKNOWLEDGE]);
            }
            0xe6 | 0xe7 | 0xea | 0xec | 0xee | 0xf0 | 0xf4..=0xf6 => self.say(&[ACKNOWLEDGE]),
            _ => {}
        }
    }
}

/// The controller. Offset 0 is the data port, offset 4 the command and status port.
#[derive(Clone, Debug)]
pub struct I8042 {
    command: u8,
    tested: bool,
    output_port: u8,
    /// The controller command whose data byte comes next.
    pending: Option<u8>,
    /// What the controller itself has to say, and whether as the mouse.
    answers: VecDeque<(u8, bool)>,
    keyboard: Wire,
    mouse: Wire,
    /// The output buffer, and whether its byte is the mouse's.
    output: Option<(u8, bool)>,
    last: u8,
    reset: bool,
}

impl Default for I8042 {
    fn default() -> Self {
        Self::new()
    }
}

impl I8042 {
    /// The controller after reset.
    #[must_use]
    pub fn new() -> Self {
        Self {
            command: COMMAND_KEYBOARD_IRQ | COMMAND_MOUSE_IRQ,
            tested: false,
            output_port: 0xcf,
            pending: None,
            answers: VecDeque::new(),
            keyboard: Wire::default(),
            mouse: Wire::default(),
            output: None,
            last: 0,
            reset: false,
        }
    }

    /// The level of the mouse's interrupt; [`Device::interrupt`] is the keyboard's.
    #[must_use]
    pub fn mouse_interrupt(&self) -> bool {
        matches!(self.output, Some((_, true))) && self.command & COMMAND_MOUSE_IRQ != 0
    }

    /// Whether the guest has pulled the reset line since the last call.
    pub fn take_reset(&mut self) -> bool {
        std::mem::take(&mut self.reset)
    }

    /// Puts the next byte that somebody has to say into the output buffer, if that is free.
    fn fill(&mut self) {
        if self.output.is_some() {
            return;
        }
        self.output = self.answers.pop_front();
        if self.output.is_none() && self.command & COMMAND_KEYBOARD_OFF == 0 {
            self.output = self.keyboard.queue.pop_front().map(|byte| (byte, false));
        }
        if self.output.is_none() && self.command & COMMAND_MOUSE_OFF == 0 {
            self.output = self.mouse.queue.pop_front().map(|byte| (byte, true));
        }
    }

    fn answer(&mut self, byte: u8, as_mouse: bool) {
        if self.answers.len() < QUEUE {
            self.answers.push_back((byte, as_mouse));
        }
    }

    fn write_output_port(&mut self, value: u8) {
        self.output_port = value;
        // Bit 0 is the reset line, low when active.
        self.reset |= value & 1 == 0;
    }

    fn write_command(&mut self, value: u8) {
        self.pending = None;
        match value {
            0x20 => self.answer(self.command, false),
            0x60 | 0xd1..=0xd4 => self.pending = Some(value),
            0xa7 => self.command |= COMMAND_MOUSE_OFF,
            0xa8 => self.command &= !COMMAND_MOUSE_OFF,
            0xa9 | 0xab => self.answer(0, false),
            0xaa => {
                self.tested = true;
                self.answer(0x55, false);
            }
            0xad => self.command |= COMMAND_KEYBOARD_OFF,
            0xae => self.command &= !COMMAND_KEYBOARD_OFF,
            0xc0 => self.answer(0x80, false),
            0xd0 => self.answer(self.output_port, false),
            // Pulses the output port's low bits, one of which is the reset line.
            0xf0.. => self.reset |= value & 1 == 0,
            _ => {}
        }
    }

    fn write_data(&mut self, value: u8) {
        match self.pending.take() {
            Some(0x60) => self.command = value,
            Some(0xd1) => self.write_output_port(value),
            Some(0xd2) => self.answer(value, false),
            Some(0xd3) => self.answer(value, true),
            Some(_) => {
                self.command &= !COMMAND_MOUSE_OFF;
                self.mouse.mouse(value);
            }
            None => {
                self.command &= !COMMAND_KEYBOARD_OFF;
                self.keyboard
                    .keyboard(value, self.command & COMMAND_TRANSLATE != 0);
            }
        }
    }
}

impl Device for I8042 {
    fn read(&mut self, offset: u64, _width: Width, _now: Nanos) -> u32 {
        if offset == 0 {
            if let Some((byte, _)) = self.output.take() {
                self.last = byte;
            }
            self.fill();
            return u32::from(self.last);
        }
        let full = match self.output {
            Some((_, true)) => STATUS_FULL | STATUS_MOUSE,
            Some((_, false)) => STATUS_FULL,
            None => 0,
        };
        u32::from(STATUS_IDLE | full | if self.tested { STATUS_TESTED } else { 0 })
    }

    fn write(&mut self, offset: u64, _width: Width, value: u32, _now: Nanos) {
        if offset == 0 {
            self.write_data(value as u8);
        } else {
            self.write_command(value as u8);
        }
        self.fill();
    }

    fn reset(&mut self) {
        *self = Self::new();
    }

    fn interrupt(&self) -> bool {
        matches!(self.output, Some((_, false))) && self.command & COMMAND_KEYBOARD_IRQ != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(kbc: &mut I8042, value: u32) {
        kbc.write(4, Width::Byte, value, Nanos(0));
    }

    fn data(kbc: &mut I8042, value: u32) {
        kbc.write(0, Width::Byte, value, Nanos(0));
    }

    /// A controller that has passed its self-test.
    fn tested() -> I8042 {
        let mut kbc = I8042::new();
        command(&mut kbc, 0xaa);
        drain(&mut kbc);
        kbc
    }

    /// All that there is to read, each with the status before it.
    fn drain(kbc: &mut I8042) -> Vec<(u32, u32)> {
        let mut found = Vec::new();
        loop {
            let status = kbc.read(4, Width::Byte, Nanos(0));
            if status & 1 == 0 {
                return found;
            }
            found.push((status, kbc.read(0, Width::Byte, Nanos(0))));
        }
    }

    #[test]
    fn the_controller_is_probed() {
        let mut kbc = I8042::new();
        assert_eq!(kbc.read(4, Width::Byte, Nanos(0)), 0x18);
        command(&mut kbc, 0xaa);
        assert_eq!(drain(&mut kbc), [(0x1d, 0x55)]);
        assert_eq!(kbc.read(4, Width::Byte, Nanos(0)), 0x1c);
        command(&mut kbc, 0x60);
        data(&mut kbc, 0x12);
        command(&mut kbc, 0x20);
        assert_eq!(drain(&mut kbc), [(0x1d, 0x12)]);
        command(&mut kbc, 0xd3);
        data(&mut kbc, 0xa5);
        assert!(kbc.mouse_interrupt());
        assert_eq!(drain(&mut kbc), [(0x3d, 0xa5)]);
        for (value, byte) in [(0xa7, 0x32), (0xa8, 0x12)] {
            command(&mut kbc, value);
            command(&mut kbc, 0x20);
            assert_eq!(drain(&mut kbc), [(0x1d, byte)]);
        }
    }

    #[test]
    fn the_keyboard_answers() {
        let mut kbc = tested();
        command(&mut kbc, 0x60);
        data(&mut kbc, 0x47);
        data(&mut kbc, 0xff);
        assert!(kbc.interrupt());
        assert_eq!(drain(&mut kbc), [(0x1d, 0xfa), (0x1d, 0xaa)]);
        assert!(!kbc.interrupt());
        data(&mut kbc, 0xf2);
        assert_eq!(drain(&mut kbc), [(0x1d, 0xfa), (0x1d, 0xab), (0x1d, 0x41)]);
        data(&mut kbc, 0xed);
        data(&mut kbc, 0xff);
        assert_eq!(
            drain(&mut kbc),
            [(0x1d, 0xfa); 2],
            "0xff was the state of the lights"
        );
        data(&mut kbc, 0xea);
        assert_eq!(drain(&mut kbc), [(0x1d, 0xfe)]);
    }

    #[test]
    fn the_mouse_answers() {
        let mut kbc = tested();
        command(&mut kbc, 0xd4);
        data(&mut kbc, 0xff);
        assert_eq!(drain(&mut kbc), [(0x3d, 0xfa), (0x3d, 0xaa), (0x3d, 0)]);
        command(&mut kbc, 0xd4);
        data(&mut kbc, 0xe9);
        assert_eq!(
            drain(&mut kbc),
            [(0x3d, 0xfa), (0x3d, 0), (0x3d, 2), (0x3d, 100)]
        );
    }

    #[test]
    fn a_disabled_device_keeps_its_answer() {
        let mut kbc = tested();
        data(&mut kbc, 0xee);
        command(&mut kbc, 0xad);
        assert_eq!(drain(&mut kbc).len(), 1, "the one that was in the buffer");
        data(&mut kbc, 0xf4);
        assert_eq!(
            drain(&mut kbc).len(),
            1,
            "a write to the keyboard enables it"
        );
    }

    #[test]
    fn the_reset_line_can_be_pulsed() {
        let mut kbc = tested();
        command(&mut kbc, 0xff);
        assert!(!kbc.take_reset());
        command(&mut kbc, 0xfe);
        assert!(kbc.take_reset());
        assert!(!kbc.take_reset());
    }
}
