//! The 16550A serial port (National Semiconductor PC16550D data sheet, section 8).
//!
//! Sending takes no time: a byte written to the transmitter is output at once, so the transmitter
//! is always empty. Receiving is paced at the programmed rate: bytes wait in a queue on the host's
//! side, of any length, and enter the FIFO one character time apart; while the FIFO is full they
//! stay in the queue. An overrun can only happen in loopback.
//!
//! A driver that opens the port empties the receiver, and with it what was typed before. Bytes of a
//! stream that is to arrive whole ([`Stroke::Piped`]) go back to the queue then, and wait until the
//! driver wants to hear of received bytes, or for a moment in case it looks for them without
//! interrupts.
//!
//! It is not a wire: parity and framing errors do not arise, and DMA mode is ignored.
//! As on the boards that this port sits on, OUT2 does not gate the interrupt.

use std::collections::VecDeque;

use super::stroke::Stroke;
use super::{Device, Registers, Width};
use crate::clock::Nanos;
use crate::sound::{Sound, TYPED};
use serde::{Deserialize, Serialize};

const IER_RX: u8 = 0x01;
const IER_TX: u8 = 0x02;
const IER_LINE: u8 = 0x04;
const IER_MODEM: u8 = 0x08;

const IIR_NONE: u8 = 0x01;
const IIR_MODEM: u8 = 0x00;
const IIR_TX: u8 = 0x02;
const IIR_RX: u8 = 0x04;
const IIR_LINE: u8 = 0x06;
const IIR_TIMEOUT: u8 = 0x0c;
const IIR_FIFO: u8 = 0xc0;

const LCR_DLAB: u8 = 0x80;
const MCR_LOOP: u8 = 0x10;

const LSR_DATA: u8 = 0x01;
const LSR_OVERRUN: u8 = 0x02;
const LSR_BREAK: u8 = 0x10;
const LSR_ERRORS: u8 = 0x1e;
const LSR_FIFO_ERROR: u8 = 0x80;
const LSR_EMPTY: u8 = 0x60;

const MSR_CTS: u8 = 0x10;
const MSR_DSR: u8 = 0x20;
const MSR_RI: u8 = 0x40;
const MSR_DCD: u8 = 0x80;
/// A terminal that is there and ready.
const MSR_PEER: u8 = MSR_CTS | MSR_DSR | MSR_DCD;

/// The most bytes that wait for the host, which takes them after each access if it takes any.
const OUTPUT_MOST: usize = 64;
const FIFO_SIZE: usize = 16;
const RESET_DIVISOR: u16 = 12;
const DEFAULT_BAUD: u64 = 38_400;
/// How long bytes wait that came back when the receiver was emptied: drivers that set up the port
/// read it blindly a few times.
const HOLD: Nanos = Nanos(20_000_000);

/// A 16550A serial port.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Uart16550 {
    base_baud: u32,
    ier: u8,
    fifo_on: bool,
    trigger: usize,
    lcr: u8,
    mcr: u8,
    scratch: u8,
    divisor: u16,
    overrun: bool,
    modem_delta: u8,
    tx_pending: bool,
    timeout_pending: bool,
    fifo: VecDeque<Stroke>,
    /// Whether LSR has told of the break at the head of the FIFO.
    break_told: bool,
    last_byte: u8,
    input: VecDeque<Stroke>,
    /// Until when `input` waits, which came back from the receiver.
    hold: Option<Nanos>,
    output: Vec<u8>,
    /// The latest moment that the port has been told.
    seen: Nanos,
    /// When the byte at the head of `input` arrives.
    arrival: Option<Nanos>,
    /// When the FIFO will have been idle for four character times.
    timeout: Option<Nanos>,
}

impl Uart16550 {
    /// A port whose clock gives `base_baud` at a divisor of one.
    #[must_use]
    pub fn new(base_baud: u32) -> Self {
        Self {
            base_baud,
            ier: 0,
            fifo_on: false,
            trigger: 1,
            lcr: 0,
            mcr: 0x08,
            scratch: 0,
            divisor: RESET_DIVISOR,
            overrun: false,
            modem_delta: 0,
            tx_pending: false,
            timeout_pending: false,
            fifo: VecDeque::with_capacity(FIFO_SIZE),
            break_told: false,
            last_byte: 0,
            input: VecDeque::new(),
            hold: None,
            output: Vec::new(),
            seen: Nanos(0),
            arrival: None,
            timeout: None,
        }
    }

    /// Queues what is to be received, if there is room for it. It arrives when the line and the FIFO have
    /// time for it.
    pub fn push_input(&mut self, stroke: Stroke) {
        if self.input.len() < TYPED {
            self.input.push_back(stroke);
        }
        self.schedule_arrival();
    }

    /// Takes back what the guest has not read of a stream that is to arrive whole, for another
    /// console.
    pub fn take_piped(&mut self) -> Vec<u8> {
        let mut piped = Vec::new();
        for queue in [&mut self.fifo, &mut self.input] {
            queue.retain(|stroke| {
                let is_piped = matches!(stroke, Stroke::Piped(_));
                piped.extend(is_piped.then_some(stroke.byte()));
                !is_piped
            });
        }
        (self.hold, self.arrival) = (None, None);
        self.restart_timeout();
        self.schedule_arrival();
        piped
    }

    /// The number of queued bytes that have not entered the FIFO yet.
    #[must_use]
    pub fn input_pending(&self) -> usize {
        self.input.len()
    }

    /// Takes what was sent since the last call.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// What was sent and not taken yet.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// The time that one character occupies the line: start, data, parity and stop bits.
    fn character_time(&self) -> u64 {
        let data = 5 + u64::from(self.lcr & 3);
        let stop = 1 + u64::from(self.lcr >> 2 & 1);
        let parity = u64::from(self.lcr >> 3 & 1);
        let baud = match self.divisor {
            0 => DEFAULT_BAUD,
            divisor => (u64::from(self.base_baud) / u64::from(divisor)).max(1),
        };
        ((1 + data + parity + stop) * Nanos::SECOND.0 / baud).max(1)
    }

    fn capacity(&self) -> usize {
        if self.fifo_on { FIFO_SIZE } else { 1 }
    }

    /// Starts the next queued byte on its way, if the line is free and there is room for it.
    fn schedule_arrival(&mut self) {
        let room = self.fifo.len() < self.capacity() && self.mcr & MCR_LOOP == 0;
        if self.input.is_empty() || !room {
            self.arrival = None;
        } else if self.arrival.is_none() {
            let soonest = self.seen.plus(Nanos(self.character_time()));
            self.arrival = Some(soonest.max(self.hold.unwrap_or_default()));
        }
    }

    fn restart_timeout(&mut self) {
        self.timeout_pending = false;
        self.timeout = (self.fifo_on && !self.fifo.is_empty())
            .then(|| self.seen.plus(Nanos(4 * self.character_time())));
    }

    fn receive(&mut self, stroke: Stroke) {
        if self.fifo.len() < self.capacity() {
            self.fifo.push_back(stroke);
        } else {
            self.overrun = true;
            if !self.fifo_on {
                self.fifo[0] = stroke;
            }
        }
        self.restart_timeout();
    }

    fn transmit(&mut self, byte: u8) {
        if self.mcr & MCR_LOOP != 0 {
            self.receive(Stroke::Byte(byte));
        } else {
            // At a port that nothing is attached to, bytes are lost in the end.
            if self.output.len() < OUTPUT_MOST {
                self.output.push(byte);
            }
        }
        self.tx_pending = true;
    }

    fn read_data(&mut self) -> u8 {
        if let Some(stroke) = self.fifo.pop_front() {
            self.last_byte = stroke.byte();
            self.break_told = false;
        } else if self.fifo_on {
            self.last_byte = 0;
        }
        self.restart_timeout();
        self.schedule_arrival();
        self.last_byte
    }

    fn clear_receiver(&mut self) {
        if self.recall() {
            self.hold = Some(self.seen.plus(HOLD));
            self.arrival = None;
        }
        self.restart_timeout();
        self.schedule_arrival();
    }

    /// Empties the FIFO. What is to arrive whole comes again; says whether there is any of that.
    fn recall(&mut self) -> bool {
        self.break_told = false;
        let before = self.input.len();
        for stroke in self.fifo.drain(..).rev() {
            if let Stroke::Piped(_) = stroke {
                self.input.push_front(stroke);
            }
        }
        self.input.len() > before
    }

    /// Lets what came back arrive.
    fn release(&mut self) {
        if self.hold.take().is_some() {
            self.arrival = None;
            self.schedule_arrival();
        }
    }

    /// The modem lines as MSR shows them, without the delta bits.
    fn modem_lines(&self) -> u8 {
        if self.mcr & MCR_LOOP == 0 {
            return MSR_PEER;
        }
        let line = |bit: u8, to: u8| if self.mcr & bit != 0 { to } else { 0 };
        line(1, MSR_DSR) | line(2, MSR_CTS) | line(4, MSR_RI) | line(8, MSR_DCD)
    }

    fn write_mcr(&mut self, value: u8) {
        let before = self.modem_lines();
        self.mcr = value & 0x1f;
        let after = self.modem_lines();
        // The ring indicator counts only when it ends.
        let changed = (before ^ after) & !(MSR_RI & after);
        self.modem_delta |= changed >> 4;
        self.schedule_arrival();
    }

    fn write_fcr(&mut self, value: u8) {
        let on = value & 1 != 0;
        if on != self.fifo_on || value & 2 != 0 {
            self.fifo_on = on;
            self.clear_receiver();
        }
        if on {
            self.trigger = [1, 4, 8, 14][usize::from(value >> 6)];
        }
    }

    fn write_ier(&mut self, value: u8) {
        let before = std::mem::replace(&mut self.ier, value & 0x0f);
        if (before ^ self.ier) & IER_TX != 0 {
            self.tx_pending = self.ier & IER_TX != 0;
        }
        if self.ier & IER_RX != 0 {
            self.release();
        }
    }

    fn lsr(&self) -> u8 {
        let bit = |bit: u8, set: bool| if set { bit } else { 0 };
        let at_head = self.fifo.front() == Some(&Stroke::Break) && !self.break_told;
        let behind = self.fifo.iter().skip(1).any(|it| *it == Stroke::Break);
        LSR_EMPTY
            | bit(LSR_DATA, !self.fifo.is_empty())
            | bit(LSR_OVERRUN, self.overrun)
            | bit(LSR_BREAK, at_head)
            | bit(LSR_FIFO_ERROR, self.fifo_on && (at_head || behind))
    }

    fn read_lsr(&mut self) -> u8 {
        let lsr = self.lsr();
        self.overrun = false;
        self.break_told |= lsr & LSR_BREAK != 0;
        lsr
    }

    /// The highest pending interrupt, as IIR encodes it.
    fn cause(&self) -> u8 {
        let enabled = |bit| self.ier & bit != 0;
        let level = if self.fifo_on { self.trigger } else { 1 };
        if enabled(IER_LINE) && self.lsr() & LSR_ERRORS != 0 {
            IIR_LINE
        } else if enabled(IER_RX) && self.fifo.len() >= level {
            IIR_RX
        } else if enabled(IER_RX) && self.timeout_pending {
            IIR_TIMEOUT
        } else if enabled(IER_TX) && self.tx_pending {
            IIR_TX
        } else if enabled(IER_MODEM) && self.modem_delta != 0 {
            IIR_MODEM
        } else {
            IIR_NONE
        }
    }

    fn read_iir(&mut self) -> u8 {
        let cause = self.cause();
        if cause == IIR_TX {
            self.tx_pending = false;
        }
        cause | if self.fifo_on { IIR_FIFO } else { 0 }
    }
}

impl Registers for Uart16550 {
    fn read(&mut self, offset: u64, _width: Width, now: Nanos) -> u32 {
        self.advance(now);
        let latch = self.lcr & LCR_DLAB != 0;
        let [low, high] = self.divisor.to_le_bytes();
        u32::from(match offset & 7 {
            0 if latch => low,
            0 => self.read_data(),
            1 if latch => high,
            1 => self.ier,
            2 => self.read_iir(),
            3 => self.lcr,
            4 => self.mcr,
            5 => self.read_lsr(),
            6 => self.modem_lines() | std::mem::take(&mut self.modem_delta),
            _ => self.scratch,
        })
    }

    fn write(&mut self, offset: u64, _width: Width, value: u32, now: Nanos) {
        self.advance(now);
        let value = value as u8;
        let latch = self.lcr & LCR_DLAB != 0;
        match offset & 7 {
            0 if latch => self.divisor = self.divisor & 0xff00 | u16::from(value),
            0 => self.transmit(value),
            1 if latch => self.divisor = self.divisor & 0x00ff | u16::from(value) << 8,
            1 => self.write_ier(value),
            2 => self.write_fcr(value),
            3 => self.lcr = value,
            4 => self.write_mcr(value),
            7 => self.scratch = value,
            _ => {}
        }
    }
}

impl Device for Uart16550 {
    /// Resets the registers. What waits on the host's side, either way, stays.
    fn reset(&mut self) {
        self.recall();
        *self = Self {
            input: std::mem::take(&mut self.input),
            output: std::mem::take(&mut self.output),
            seen: self.seen,
            ..Self::new(self.base_baud)
        };
        self.schedule_arrival();
    }

    fn interrupt(&self) -> bool {
        self.cause() != IIR_NONE
    }

    fn deadline(&self) -> Option<Nanos> {
        [self.arrival, self.timeout].into_iter().flatten().min()
    }

    fn transfers(&self) -> bool {
        self.deadline().is_some()
    }

    fn advance(&mut self, now: Nanos) {
        self.seen = self.seen.max(now);
        if self.arrival.is_some_and(|due| due <= now) {
            self.arrival = None;
            self.hold = None;
            if let Some(stroke) = self.input.pop_front() {
                self.receive(stroke);
            }
            self.schedule_arrival();
        }
        if self.timeout.is_some_and(|due| due <= now) {
            self.timeout = None;
            self.timeout_pending = true;
        }
    }
}

impl Sound for Uart16550 {
    fn is_sound(&self) -> bool {
        let moments = [Some(self.seen), self.arrival, self.timeout, self.hold];
        moments.is_sound()
            && self.fifo.len() <= FIFO_SIZE
            && self.input.len() <= TYPED
            && self.output.len() <= OUTPUT_MOST
    }
}

#[cfg(test)]
mod tests;
