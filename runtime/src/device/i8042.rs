//! The 8042 keyboard controller with an AT keyboard and a PS/2 mouse (IBM PS/2 Technical
//! Reference, keyboard and auxiliary device controller).
//!
//! Both devices answer what a driver asks to identify and set them up. The machine's console is its
//! serial port: of the keyboard, only the keys of [`Button`] are ever pressed, and nothing is moved.

use std::collections::VecDeque;

use super::{Device, Registers, Request, Width};
use crate::clock::Nanos;
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

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
/// How many answers of its own the controller keeps.
const QUEUE: usize = 16;
/// How many bytes of keys the keyboard keeps.
const KEYS: usize = 16;

/// What an operator presses at the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Button {
    /// The power key of the keyboard.
    Power,
    /// Control, Alt and Delete together.
    CtrlAltDel,
}

impl Button {
    /// What the keyboard says of it as it is pressed and let go, in the second set of scan codes.
    const fn scan_codes(self) -> &'static [u8] {
        match self {
            Self::Power => &[0xe0, 0x37, 0xe0, 0xf0, 0x37],
            Self::CtrlAltDel => &[
                0x14, 0x11, 0xe0, 0x71, 0xe0, 0xf0, 0x71, 0xf0, 0x11, 0xf0, 0x14,
            ],
        }
    }

    /// The same in the first set, into which a controller that translates makes it.
    const fn translated(self) -> &'static [u8] {
        match self {
            Self::Power => &[0xe0, 0x5e, 0xe0, 0xde],
            Self::CtrlAltDel => &[0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d],
        }
    }
}

/// What the controller makes of a byte from the keyboard when it translates: scan codes of the
/// second set into the first. Of all that a keyboard says untouched, only its identification and
/// the number of its scan code set change.
fn translated(byte: u8) -> u8 {
    match byte {
        0x01 => 0x43,
        0x02 | 0x83 => 0x41,
        0x03 => 0x3f,
        _ => byte,
    }
}

/// The keyboard: what it still has to say, and its state as far as a driver can ask for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Keyboard {
    answer: VecDeque<u8>,
    /// The command that the next byte is the parameter of.
    parameter_of: Option<u8>,
    scan_codes: u8,
    /// Whether it says what is pressed.
    scans: bool,
    /// What was pressed and not said yet, as the driver gets it.
    keys: VecDeque<u8>,
}

impl Keyboard {
    fn new() -> Self {
        Self {
            answer: VecDeque::new(),
            parameter_of: None,
            scan_codes: 2,
            scans: true,
            keys: VecDeque::new(),
        }
    }

    /// Takes a byte from the controller. A new command ends the answer to the one before.
    fn take(&mut self, byte: u8) {
        self.answer.clear();
        match self.parameter_of.take() {
            Some(command) => self.parameter(command, byte),
            None => self.command(byte),
        }
    }

    fn command(&mut self, command: u8) {
        match command {
            // Lights, scan code set, repetition rate, key with make and break.
            0xed | 0xf0 | 0xf3 | 0xfc => {
                self.parameter_of = Some(command);
                self.answer.extend([ACKNOWLEDGE]);
            }
            0xee => self.answer.extend([0xee]),
            0xf2 => self.answer.extend([ACKNOWLEDGE, 0xab, 0x83]),
            0xf4 | 0xf5 => {
                self.scans = command == 0xf4;
                self.answer.extend([ACKNOWLEDGE]);
            }
            // What keys do in set three.
            0xf7..=0xfa => self.answer.extend([ACKNOWLEDGE]),
            0xf6 => {
                *self = Self::new();
                self.answer.extend([ACKNOWLEDGE]);
            }
            0xff => {
                *self = Self::new();
                self.answer.extend([ACKNOWLEDGE, SELF_TEST_PASSED]);
            }
            _ => self.answer.extend([RESEND]),
        }
    }

    fn parameter(&mut self, command: u8, byte: u8) {
        match (command, byte) {
            (0xf0, 0) => self.answer.extend([ACKNOWLEDGE, self.scan_codes]),
            (0xf0, 1..=3) => {
                self.scan_codes = byte;
                self.answer.extend([ACKNOWLEDGE]);
            }
            (0xf0, _) => self.answer.extend([RESEND]),
            _ => self.answer.extend([ACKNOWLEDGE]),
        }
    }
}

const MOUSE_REMOTE: u8 = 0x40;
const MOUSE_ON: u8 = 0x20;
const MOUSE_SCALED: u8 = 0x10;

/// The mouse, with a wheel and five buttons once a driver has knocked for them.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Mouse {
    answer: VecDeque<u8>,
    parameter_of: Option<u8>,
    /// 0 for three buttons, 3 with a wheel, 4 with two buttons more.
    id: u8,
    status: u8,
    resolution: u8,
    rate: u8,
    /// The sample rates before this one, which are how a driver knocks.
    rates_before: [u8; 2],
    /// Echoes what it gets.
    wrap: bool,
}

impl Mouse {
    fn new() -> Self {
        Self {
            answer: VecDeque::new(),
            parameter_of: None,
            id: 0,
            status: 0,
            resolution: 2,
            rate: 100,
            rates_before: [0; 2],
            wrap: false,
        }
    }

    /// Takes a byte from the controller. A new command ends the answer to the one before.
    fn take(&mut self, byte: u8) {
        self.answer.clear();
        match self.parameter_of.take() {
            Some(command) => self.parameter(command, byte),
            None if self.wrap && !matches!(byte, 0xec | 0xff) => self.answer.extend([byte]),
            None => self.command(byte),
        }
    }

    fn command(&mut self, command: u8) {
        match command {
            0xe6 => self.status &= !MOUSE_SCALED,
            0xe7 => self.status |= MOUSE_SCALED,
            0xe8 | 0xf3 => self.parameter_of = Some(command),
            0xe9 | 0xeb | 0xf2 => {}
            0xea => self.status &= !MOUSE_REMOTE,
            0xec => self.wrap = false,
            0xee => self.wrap = true,
            0xf0 => self.status |= MOUSE_REMOTE,
            0xf4 => self.status |= MOUSE_ON,
            0xf5 => self.status &= !MOUSE_ON,
            0xf6 => {
                *self = Self {
                    id: self.id,
                    ..Self::new()
                }
            }
            0xff => *self = Self::new(),
            // A command that no mouse has gets no answer.
            _ => return,
        }
        self.answer.extend([ACKNOWLEDGE]);
        match command {
            0xe9 => self
                .answer
                .extend([self.status, self.resolution, self.rate]),
            // It has not moved since, nor has its wheel.
            0xeb => self
                .answer
                .extend(&[0x08, 0, 0, 0][..if self.id == 0 { 3 } else { 4 }]),
            0xf2 => self.answer.extend([self.id]),
            0xff => self.answer.extend([SELF_TEST_PASSED, self.id]),
            _ => {}
        }
    }

    fn parameter(&mut self, command: u8, byte: u8) {
        if command == 0xe8 {
            self.resolution = byte;
        } else {
            match [self.rates_before[0], self.rates_before[1], byte] {
                [200, 100, 80] => self.id = 3,
                [200, 200, 80] => self.id = 4,
                _ => {}
            }
            self.rates_before = [self.rates_before[1], byte];
            self.rate = byte;
        }
        self.answer.extend([ACKNOWLEDGE]);
    }
}

/// The controller. Offset 0 is the data port, offset 4 the command and status port.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct I8042 {
    command: u8,
    tested: bool,
    output_port: u8,
    /// The controller command whose data byte comes next.
    pending: Option<u8>,
    /// What the controller itself has to say, and whether as the mouse.
    answers: VecDeque<(u8, bool)>,
    keyboard: Keyboard,
    mouse: Mouse,
    /// The output buffer, and whether its byte is the mouse's.
    output: Option<(u8, bool)>,
    last: u8,
    emptied: bool,
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
            keyboard: Keyboard::new(),
            mouse: Mouse::new(),
            output: None,
            last: 0,
            emptied: false,
            reset: false,
        }
    }

    /// A button is pressed, and let go.
    pub fn press(&mut self, button: Button) {
        let translates = self.command & COMMAND_TRANSLATE != 0 || self.keyboard.scan_codes == 1;
        let codes = if translates {
            button.translated()
        } else {
            button.scan_codes()
        };
        let keyboard = &mut self.keyboard;
        if keyboard.scans && keyboard.keys.len() + codes.len() <= KEYS {
            keyboard.keys.extend(codes);
        }
        self.fill();
    }

    /// The level of the mouse's interrupt; [`Device::interrupt`] is the keyboard's.
    fn mouse_interrupt(&self) -> bool {
        matches!(self.output, Some((_, true))) && self.command & COMMAND_MOUSE_IRQ != 0
    }

    /// Puts the next byte that a device has to say into the output buffer, if that is free.
    fn fill(&mut self) {
        if self.output.is_some() {
            return;
        }
        self.output = self.answers.pop_front();
        if self.output.is_none() && self.command & COMMAND_KEYBOARD_OFF == 0 {
            let translates = self.command & COMMAND_TRANSLATE != 0;
            self.output = self
                .keyboard
                .answer
                .pop_front()
                .map(|byte| if translates { translated(byte) } else { byte })
                .or_else(|| self.keyboard.keys.pop_front())
                .map(|byte| (byte, false));
        }
        if self.output.is_none() && self.command & COMMAND_MOUSE_OFF == 0 {
            self.output = self.mouse.answer.pop_front().map(|byte| (byte, true));
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
                self.mouse.take(value);
            }
            None => {
                self.command &= !COMMAND_KEYBOARD_OFF;
                self.keyboard.take(value);
            }
        }
    }
}

impl Registers for I8042 {
    fn read(&mut self, offset: u64, _width: Width, _now: Nanos) -> u32 {
        if offset == 0 {
            if let Some((byte, _)) = self.output.take() {
                self.last = byte;
                self.emptied = true;
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
}

impl Device for I8042 {
    fn reset(&mut self) {
        *self = Self::new();
    }

    fn interrupt(&self) -> bool {
        matches!(self.output, Some((_, false))) && self.command & COMMAND_KEYBOARD_IRQ != 0
    }

    /// The keyboard's and the mouse's.
    fn interrupts(&self) -> u8 {
        u8::from(self.interrupt()) | u8::from(self.mouse_interrupt()) << 1
    }

    /// While the output buffer was empty, both outputs were low.
    fn take_pulses(&mut self) -> u8 {
        if std::mem::take(&mut self.emptied) {
            self.interrupts()
        } else {
            0
        }
    }

    fn take_request(&mut self) -> Option<Request> {
        std::mem::take(&mut self.reset).then_some(Request::Reset)
    }
}

impl Sound for I8042 {
    fn is_sound(&self) -> bool {
        let [keyboard, mouse] = [&self.keyboard.answer, &self.mouse.answer];
        let keys = self.keyboard.keys.len();
        let answers = [self.answers.len(), keyboard.len(), mouse.len()];
        answers.iter().all(|&bytes| bytes <= QUEUE) && keys <= KEYS
    }
}

#[cfg(test)]
mod tests;
