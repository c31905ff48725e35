//! What is on a Malta, where, and on which interrupt: one table.
//!
//! A chip that is not on PCI is a row with its name in reports, how it is made, its ISA ports, and
//! where its interrupt outputs lead. A PCI function also has a slot and a number in it; most have
//! no ports here, as their base addresses say where they are.

use super::MaltaConfig;
use super::table::Wire::{Cpu, Isa, Pci};
use super::table::{Fitted, Row, board, fixed, ports, ports_overlap, slots_overlap};
use crate::device::ata::AtaChannel;
use crate::device::copier::Copier;
use crate::device::disk::{Bus, Shape};
use crate::device::dma8237::{self, Dma8237};
use crate::device::flash::Flash;
use crate::device::fpga::Fpga;
use crate::device::gt64120::Gt64120;
use crate::device::i8042::I8042;
use crate::device::i8254::I8254;
use crate::device::i8259::I8259Pair;
use crate::device::network::Port;
use crate::device::pci::PciFunction;
use crate::device::piix4::{Ide, IsaBridge, Power, Usb};
use crate::device::rtc::Rtc;
use crate::device::uart16550::Uart16550;
use crate::device::virtio::{Balloon, Block, Console, Entropy, Net, SharedFolder, VirtioPci};
use crate::device::{Device, Registers};
use crate::sound::Sound;
use serde::{Deserialize, Serialize};

board! {
    config: config;
    chips {
        Serial0, "ttyS0", serial0: Uart16550 = Uart16550::new(115_200),
            [ports(0x3f8, 8, 0)], [Isa(4)];
        Serial1, "ttyS1", serial1: Uart16550 = Uart16550::new(115_200),
            [ports(0x2f8, 8, 0)], [Isa(3)];
        // Among the board registers.
        Serial2, "ttyS2", serial2: Uart16550 = Uart16550::new(230_400),
            [], [Cpu(4)];
        Rtc, "rtc", rtc: Rtc = Rtc::new(config.rtc_base),
            [ports(0x70, 2, 0)], [Isa(8)];
        // Its output is the CPU's interrupt 2, whichever chip asked for it.
        Pic, "i8259", pic: I8259Pair = I8259Pair::new(),
            [ports(0x20, 2, 0), ports(0xa0, 2, 2), ports(0x4d0, 2, 4)], [];
        Pit, "i8254", pit: I8254 = I8254::new(),
            [ports(0x40, 4, 0), ports(0x61, 1, 4)], [Isa(0)];
        // Keyboard and mouse.
        Keyboard, "i8042", keyboard: I8042 = I8042::new(),
            [ports(0x60, 1, 0), ports(0x64, 1, 4)], [Isa(1), Isa(12)];
        Dma, "dma8237", dma: Dma8237 = Dma8237::new(),
            [ports(0x00, 0x10, 0), ports(0x80, 0x10, dma8237::PAGES),
             ports(0xc0, 0x20, dma8237::SECOND)], [];
        // The board registers themselves.
        Fpga, "fpga", fpga: Fpga = Fpga::new(config.big_endian),
            [], [];
        Flash, "flash", flash: Flash = Flash::new(config.big_endian),
            [], [];
    }
    functions {
        Gt, "gt64120", gt: Gt64120 = Gt64120::new(config.big_endian),
            (0, 0), [], [];
        IsaBridge, "piix4", isa_bridge: IsaBridge = IsaBridge::new(),
            (10, 0), [fixed(0xcf9, 1, 0)], [];
        Ide, "ide", ide: Ide<AtaChannel> = Ide::new(Default::default()),
            (10, 1),
            [fixed(0x1f0, 8, 0), fixed(0x3f6, 1, 1), fixed(0x170, 8, 2), fixed(0x376, 1, 3)],
            [Isa(14), Isa(15)];
        Usb, "uhci", usb: Usb = Usb::new(),
            (10, 2), [], [Pci];
        Power, "acpi", power: Power = Power::new(),
            (10, 3), [], [Isa(9)];
        // Virtio disks, in the order of their numbers.
        Disk0, "disk0", disk0: Option<VirtioPci<Block>> = None,
            (18, 0), [], [Pci];
        Disk1, "disk1", disk1: Option<VirtioPci<Block>> = None,
            (18, 1), [], [Pci];
        Disk2, "disk2", disk2: Option<VirtioPci<Block>> = None,
            (18, 2), [], [Pci];
        Disk3, "disk3", disk3: Option<VirtioPci<Block>> = None,
            (18, 3), [], [Pci];
        Net0, "net0", net0: Option<VirtioPci<Net>> = None,
            (19, 0), [], [Pci];
        Net1, "net1", net1: Option<VirtioPci<Net>> = None,
            (19, 1), [], [Pci];
        Net2, "net2", net2: Option<VirtioPci<Net>> = None,
            (19, 2), [], [Pci];
        Net3, "net3", net3: Option<VirtioPci<Net>> = None,
            (19, 3), [], [Pci];
        Balloon, "balloon", balloon: Option<VirtioPci<Balloon>> = None,
            (12, 0), [], [Pci];
        Console, "console", console: Option<VirtioPci<Console>> = None,
            (11, 0), [], [Pci];
        // A source of random bytes.
        Entropy, "rng", rng: Option<VirtioPci<Entropy>> = None,
            (20, 0), [], [Pci];
        Folder0, "folder0", folder0: Option<VirtioPci<SharedFolder>> = None,
            (21, 0), [], [Pci];
        Folder1, "folder1", folder1: Option<VirtioPci<SharedFolder>> = None,
            (21, 1), [], [Pci];
        Folder2, "folder2", folder2: Option<VirtioPci<SharedFolder>> = None,
            (21, 2), [], [Pci];
        Folder3, "folder3", folder3: Option<VirtioPci<SharedFolder>> = None,
            (21, 3), [], [Pci];
        // For tests alone, on boards without folders.
        Copier, "copier", copier: Option<Copier> = config.test_device.then(Copier::new),
            (21, 0), [], [Pci];
    }
    counted {
        Config, "pci-config";
        Acknowledge, "interrupt-acknowledge";
        Rom, "rom";
        Unclaimed, "unclaimed";
    }
}

const _: () = {
    assert!(!ports_overlap(BOARD), "two ranges of ports overlap");
    let (rows, _) = BOARD.split_at(Chip::Copier as usize);
    assert!(!slots_overlap(rows), "two functions are in one place");
};

/// The most disks, on all buses together.
const DISKS: usize = 4;

impl Chip {
    /// The chip's row in the table.
    pub fn row(self) -> &'static Row {
        &BOARD[self as usize]
    }
}

impl Chips {
    /// The places for virtio disks: the functions of their slot.
    fn virtio_disks(&mut self) -> [&mut Option<VirtioPci<Block>>; DISKS] {
        [
            &mut self.disk0,
            &mut self.disk1,
            &mut self.disk2,
            &mut self.disk3,
        ]
    }

    /// The virtio disk of a number, if it is there.
    fn virtio_disk(&mut self, number: usize) -> Option<&Block> {
        let disks = self.virtio_disks().into_iter();
        let mut disks = disks.filter_map(|place| Some(place.as_ref()?.device()));
        disks.find(|disk| disk.disk() == number)
    }

    /// Puts a disk into its place, or finds it there with the same shape; says whether it is there
    /// now. A disk is on one bus.
    pub fn fit_disk(&mut self, number: usize, bus: Bus, shape: &Shape, big_endian: bool) -> bool {
        let (first, place) = (number / 2, number % 2);
        if number >= DISKS {
            return false;
        }
        let virtio = self.virtio_disk(number);
        let virtio = virtio.map(|disk| disk.shape() == shape);
        let channel = self.ide.channel_mut(first);
        match (bus, virtio) {
            (Bus::Ide, Some(_)) => false,
            (Bus::Ide, None) => channel.is_some_and(|channel| channel.fit(place, number, shape)),
            (Bus::Virtio, Some(same)) => same,
            (Bus::Virtio, None) if channel.is_some_and(|channel| channel.has(place)) => false,
            (Bus::Virtio, None) => {
                self.add_virtio_disk(Block::new(number, shape.clone()), big_endian)
            }
        }
    }

    /// Puts a disk into the first place that is free: a slot without a function 0 is one in which
    /// systems look no further.
    fn add_virtio_disk(&mut self, disk: Block, big_endian: bool) -> bool {
        let mut places = self.virtio_disks().into_iter().zip(0..);
        let free = places.find(|(place, _)| place.is_none());
        free.is_some_and(|(place, pin)| {
            *place = Some(VirtioPci::new(disk, big_endian, pin));
            true
        })
    }

    /// Whether each disk, port and folder has the number of its place, and no disk is in two places:
    /// what the host does for one is another's else.
    pub fn are_in_place(&self) -> bool {
        let virtio = [&self.disk0, &self.disk1, &self.disk2, &self.disk3];
        let virtio = virtio.into_iter().flatten().map(|it| it.device().disk());
        let [first, second] = self.ide.channels().each_ref().map(AtaChannel::disks);
        let ide = first.into_iter().chain(second);
        let at_home = |(place, number): (usize, Option<usize>)| number.is_none_or(|it| it == place);
        let mut seen = [false; DISKS];
        let mut disks = virtio.chain(ide.clone().flatten());
        let ports = [&self.net0, &self.net1, &self.net2, &self.net3];
        let ports = ports.map(|it| it.as_ref().map(|it| it.device().number()));
        let folders = [&self.folder0, &self.folder1, &self.folder2, &self.folder3];
        let folders = folders.map(|it| it.as_ref().map(|it| it.device().number()));
        ide.enumerate().all(at_home)
            && disks.all(|disk| {
                let seen = seen.get_mut(disk);
                seen.is_some_and(|seen| !std::mem::replace(seen, true))
            })
            && ports.into_iter().enumerate().all(at_home)
            && folders.into_iter().enumerate().all(at_home)
    }

    /// The place for a network port.
    pub fn network_mut(&mut self, number: usize) -> Option<(Chip, &mut Option<VirtioPci<Net>>)> {
        match number {
            0 => Some((Chip::Net0, &mut self.net0)),
            1 => Some((Chip::Net1, &mut self.net1)),
            2 => Some((Chip::Net2, &mut self.net2)),
            3 => Some((Chip::Net3, &mut self.net3)),
            _ => None,
        }
    }

    /// The network ports that there are.
    pub fn networks(&self) -> impl Iterator<Item = &VirtioPci<Net>> {
        let all = [&self.net0, &self.net1, &self.net2, &self.net3];
        all.into_iter().flatten()
    }

    /// The place for a folder.
    pub fn folder_mut(
        &mut self,
        number: usize,
    ) -> Option<(Chip, &mut Option<VirtioPci<SharedFolder>>)> {
        match number {
            0 => Some((Chip::Folder0, &mut self.folder0)),
            1 => Some((Chip::Folder1, &mut self.folder1)),
            2 => Some((Chip::Folder2, &mut self.folder2)),
            3 => Some((Chip::Folder3, &mut self.folder3)),
            _ => None,
        }
    }

    /// Puts a folder into its place, or finds it there, and fails what was asked of it on another
    /// host; says whether it is there now.
    pub fn fit_folder(&mut self, number: usize, tag: &str, big_endian: bool) -> bool {
        let new = || VirtioPci::new(SharedFolder::new(number, tag), big_endian, number as u8);
        let place = self.folder_mut(number);
        place.is_some_and(|(_, place)| {
            let folder = place.get_or_insert_with(new);
            folder.update(SharedFolder::forsake);
            folder.device().tag() == tag
        })
    }

    /// Puts a network port into its place, or finds it there; says whether it is there now.
    pub fn fit_port(&mut self, number: usize, port: Port, big_endian: bool) -> bool {
        let new = || VirtioPci::new(Net::new(number, port), big_endian, number as u8);
        let place = self.network_mut(number);
        place.is_some_and(|(_, place)| place.get_or_insert_with(new).device().port() == port)
    }
}
