//! The virtio devices of a board: putting them into their slots, and what comes to them from outside.

use super::Malta;
use super::chips::Chip;
use crate::account::Holding;
use crate::clock::Nanos;
use crate::device::Outside;
use crate::device::folder::Job;
use crate::device::network::{Frame, Port, Traffic};
use crate::device::virtio::{Balloon, Console, Entropy, VirtioPci, WindowSize};

impl Malta {
    /// Puts a network port into its slot, or finds it there; says whether it is there now.
    pub fn fit_port(&mut self, number: usize, port: Port) -> bool {
        self.chips.fit_port(number, port, self.big_endian)
    }

    /// Whether a frame may come in by a network port.
    pub fn has_room(&mut self, number: usize) -> bool {
        let port = self.chips.network_mut(number);
        port.is_some_and(|(_, port)| port.as_ref().is_some_and(VirtioPci::has_room))
    }

    /// A frame comes in by a network port.
    pub fn deliver(&mut self, number: usize, frame: Frame, outside: &mut Outside<'_>, now: Nanos) {
        if let Some((chip, Some(port))) = self.chips.network_mut(number) {
            port.deliver(frame);
            self.lend_bus(chip, outside, now);
            self.propagate(chip);
        }
    }

    /// What went through all network ports, if there are some.
    #[must_use]
    pub fn traffic(&self) -> Option<Traffic> {
        let ports = self.chips.networks().map(|port| port.device().traffic());
        ports.reduce(|mut all, traffic| {
            all += traffic;
            all
        })
    }

    /// The frames that came in and wait for their guest.
    #[must_use]
    pub fn frames_held(&self) -> Holding {
        let mut held = Holding::default();
        (self.chips.networks()).for_each(|port| held += port.device().held());
        held
    }

    /// Puts a folder into its slot, or finds it there; says whether it is there now.
    pub fn fit_folder(&mut self, number: usize, tag: &str) -> bool {
        self.chips.fit_folder(number, tag, self.big_endian)
    }

    /// The host answers what a guest asked of a folder.
    pub fn answer(
        &mut self,
        number: usize,
        job: Job,
        answer: Vec<u8>,
        outside: &mut Outside<'_>,
        now: Nanos,
    ) {
        if let Some((chip, Some(folder))) = self.chips.folder_mut(number) {
            folder.answer(job, answer);
            self.lend_bus(chip, outside, now);
            self.propagate(chip);
        }
    }

    /// Puts a source of random bytes into its slot, which gives what follows from a seed.
    pub fn fit_entropy(&mut self, seed: u64) {
        let source = VirtioPci::new(Entropy::new(seed), self.big_endian, 0);
        self.chips.rng = Some(source);
    }

    /// Puts a balloon into its slot.
    pub fn fit_balloon(&mut self) {
        let balloon = VirtioPci::new(Balloon::default(), self.big_endian, 0);
        self.chips.balloon = Some(balloon);
    }

    /// The balloon, if there is one.
    #[must_use]
    pub fn balloon(&self) -> Option<&VirtioPci<Balloon>> {
        self.chips.balloon.as_ref()
    }

    /// Asks the guest to have so many pages in the balloon.
    pub fn ask_for_pages(&mut self, pages: u32) {
        if let Some(balloon) = &mut self.chips.balloon {
            balloon.ask(pages);
            self.propagate(Chip::Balloon);
        }
    }

    /// Puts a console into its slot, beside the serial ports.
    pub fn fit_console(&mut self) {
        let console = VirtioPci::new(Console::default(), self.big_endian, 0);
        self.chips.console = Some(console);
    }

    /// The size of the window that the virtio console knows of, if there is one.
    #[must_use]
    pub fn window_size(&self) -> Option<WindowSize> {
        let console = self.chips.console.as_ref();
        console.map(|console| console.device().size())
    }

    /// The window of the virtio console has another size.
    pub fn resize(&mut self, size: WindowSize) {
        if let Some(console) = &mut self.chips.console {
            console.resize(size);
            self.propagate(Chip::Console);
        }
    }
}
