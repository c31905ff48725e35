//! The interrupt lines: which chips pull each, and how what they put out reaches the CPU.
//!
//! A line that several chips share is high while one of them pulls it. The pins of the PCI slots
//! lead to the PIIX4's four inputs, and these to the inputs of the 8259 pair that its
//! configuration names.

use super::Malta;
use super::chips::{BOARD, Chip};
use super::table::Wire;
use crate::device::Device;
use serde::{Deserialize, Serialize};

/// The number of inputs of the 8259 pair.
const INPUTS: u8 = 16;
/// The CPU's hardware interrupt that the 8259 pair drives.
const CPU_PIC: u8 = 2;

/// The chips that pull a line, by their numbers.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Line(u64);

const _: () = assert!(BOARD.len() <= 64, "a line has a bit for each chip");

impl Line {
    fn is_high(self) -> bool {
        self.0 != 0
    }

    /// Says whether the chip did otherwise until now.
    fn pull(&mut self, chip: Chip, level: bool) -> bool {
        let before = self.0;
        self.0 = before & !(1 << chip as u64) | u64::from(level) << chip as u64;
        self.0 != before
    }
}

/// All lines.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Wiring {
    isa: [Line; INPUTS as usize],
    pci: [Line; 4],
    cpu: [Line; 8],
}

/// The input of the PIIX4 that a pin of a slot leads to. The four connectors, slots 18 to 21, have
/// each pin on another input.
fn pci_input(slot: u8, pin: u8) -> usize {
    let turn = match slot {
        11 => 1,
        12 => 2,
        18.. => slot - 18,
        _ => 0,
    };
    usize::from((turn + pin) & 3)
}

impl Malta {
    /// Carries the levels of a chip's interrupt outputs to where they lead, and for each of
    /// `pulses` that it was otherwise for a moment.
    pub(super) fn drive(&mut self, chip: Chip, levels: u8, pulses: u8) {
        for (output, wire) in chip.row().wires.iter().enumerate() {
            let level = levels >> output & 1 != 0;
            if pulses >> output & 1 != 0 {
                self.pull(chip, *wire, !level);
            }
            self.pull(chip, *wire, level);
        }
    }

    fn pull(&mut self, chip: Chip, wire: Wire, level: bool) {
        match wire {
            Wire::Isa(input) => {
                if self.wiring.isa[usize::from(input)].pull(chip, level) {
                    self.set_input(input);
                }
            }
            Wire::Pci => {
                if self.pull_pin(chip, level).unwrap_or(false) {
                    self.set_inputs();
                }
            }
            Wire::Cpu(line) => {
                self.wiring.cpu[usize::from(line)].pull(chip, level);
            }
        }
    }

    /// Says whether the function's pin has another level now.
    fn pull_pin(&mut self, chip: Chip, level: bool) -> Option<bool> {
        let (slot, _) = chip.row().slot?;
        let config = self.chips.function_mut(chip)?.config_mut();
        let level = config.show_interrupt(level);
        let input = pci_input(slot, config.interrupt_pin()?);
        Some(self.wiring.pci[input].pull(chip, level))
    }

    /// Sets all inputs of the 8259 pair to what leads there. Called when a route has changed.
    pub(super) fn set_inputs(&mut self) {
        for input in 0..INPUTS {
            self.set_input(input);
        }
    }

    fn set_input(&mut self, input: u8) {
        let bridge = &self.chips.isa_bridge;
        let mut lines = (0..).zip(self.wiring.pci);
        let routed = lines.any(|(pirq, line)| line.is_high() && bridge.route(pirq) == Some(input));
        let level = routed || self.wiring.isa[usize::from(input)].is_high();
        self.chips.pic.set_line(input, level);
    }

    /// The levels of the CPU's hardware interrupts.
    pub(super) fn cpu_lines(&self) -> u8 {
        let direct = (0..).zip(self.wiring.cpu);
        let direct = direct.fold(0, |lines, (at, line)| {
            lines | u8::from(line.is_high()) << at
        });
        direct | u8::from(self.chips.pic.interrupt()) << CPU_PIC
    }
}
