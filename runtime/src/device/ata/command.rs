//! The commands that a disk knows.

use super::drive::{ABORTED, By, Drive, NOT_FOUND, bytes};
use super::identify::{self, HEADS, PER_TRACK};
use super::{DEVICE_LBA, Task};
use crate::device::disk::Command;

/// How a command says which sectors it is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// In 28 bits, or by cylinder, head and sector.
    Short,
    /// In 48 bits.
    Long,
}

/// What moves a command's data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mover {
    Sector,
    Block,
    Master,
}

impl Task {
    fn wide(pairs: [[u8; 2]; 3], half: usize) -> u64 {
        let bytes = pairs.iter().rev();
        bytes.fold(0, |value, pair| value << 8 | u64::from(pair[half]))
    }

    /// The first sector; `None` if there is no sector of this number on a track.
    fn sector(&self, form: Form) -> Option<u64> {
        let pairs = [self.low, self.mid, self.high];
        let low = Self::wide(pairs, 0);
        let device = u64::from(self.device & 0x0f);
        match form {
            Form::Long => Some(low | Self::wide(pairs, 1) << 24),
            Form::Short if self.device & DEVICE_LBA != 0 => Some(low | device << 24),
            Form::Short => {
                let number = u64::from(self.low[0]).checked_sub(1)?;
                let fits = number < PER_TRACK && device < HEADS;
                let track = (low >> 8) * HEADS + device;
                fits.then_some(track * PER_TRACK + number)
            }
        }
    }

    /// How many sectors: zero stands for the most.
    fn sectors(&self, form: Form) -> u64 {
        let [last, before] = self.count.map(u64::from);
        match form {
            Form::Short => (last.wrapping_sub(1) & 0xff) + 1,
            Form::Long => ((last | before << 8).wrapping_sub(1) & 0xffff) + 1,
        }
    }

    fn set_sector(&mut self, sector: u64, form: Form) {
        let [a, b, c, d, e, f, ..] = sector.to_le_bytes();
        (self.low[0], self.mid[0], self.high[0]) = (a, b, c);
        if form == Form::Long {
            (self.low[1], self.mid[1], self.high[1]) = (d, e, f);
        } else {
            self.device = self.device & 0xf0 | d & 0x0f;
        }
    }
}

impl Drive {
    /// The guest writes the command register.
    pub(super) fn command(&mut self, command: u8, task: &mut Task) {
        if self.is_busy() {
            return;
        }
        self.begin();
        match command {
            0x20 | 0x21 => self.read(task, Form::Short, Mover::Sector),
            0x24 => self.read(task, Form::Long, Mover::Sector),
            0xc4 => self.read(task, Form::Short, Mover::Block),
            0x29 => self.read(task, Form::Long, Mover::Block),
            0xc8 | 0xc9 => self.read(task, Form::Short, Mover::Master),
            0x25 => self.read(task, Form::Long, Mover::Master),
            0x30 | 0x31 => self.write(task, Form::Short, Mover::Sector),
            0x34 => self.write(task, Form::Long, Mover::Sector),
            0xc5 => self.write(task, Form::Short, Mover::Block),
            0x39 => self.write(task, Form::Long, Mover::Block),
            0xca | 0xcb => self.write(task, Form::Short, Mover::Master),
            0x35 => self.write(task, Form::Long, Mover::Master),
            0x40 | 0x41 => self.verify(task, Form::Short),
            0x42 => self.verify(task, Form::Long),
            0xe7 | 0xea => self.start(Command::Flush, By::Master),
            0xf8 => self.tell_size(task, Form::Short),
            0x27 => self.tell_size(task, Form::Long),
            _ => self.manage(command, task),
        }
    }

    /// What has to do with the drive and not with its sectors.
    fn manage(&mut self, command: u8, task: &mut Task) {
        match command {
            0xec => {
                let data = identify::data(&self.shape, &self.settings);
                self.show(data, By::Cpu(bytes(1)));
            }
            0xc6 => {
                let known = self.settings.set_block(task.count[0]);
                self.end(if known { 0 } else { ABORTED });
            }
            0xef => {
                let known = self.settings.set_feature(task.features, task.count[0]);
                self.end(if known { 0 } else { ABORTED });
            }
            0x90 => {
                *task = Task {
                    device: task.device & 0x10,
                    ..Task::signature()
                };
                self.end(1);
            }
            // It is awake.
            0xe5 | 0x98 => {
                task.count[0] = 0xff;
                self.end(0);
            }
            0x91 => {
                let heads = u64::from(task.device & 0x0f) + 1;
                let fits = heads == HEADS && u64::from(task.count[0]) == PER_TRACK;
                self.end(if fits { 0 } else { ABORTED });
            }
            // To seek, to go to track 0, to idle and to stand by take nothing here.
            0x10..=0x1f | 0x70 | 0xe0..=0xe3 | 0x94..=0x97 => self.end(0),
            _ => self.end(ABORTED),
        }
    }

    fn by(&self, mover: Mover) -> Option<By> {
        match mover {
            Mover::Sector => Some(By::Cpu(bytes(1))),
            Mover::Block if self.settings.block == 0 => None,
            Mover::Block => Some(By::Cpu(bytes(self.settings.block.into()))),
            Mover::Master => Some(By::Master),
        }
    }

    /// The sectors that a command is about, if all of them are there.
    fn span(&self, task: &Task, form: Form) -> Option<(u64, u64)> {
        let sectors = task.sectors(form);
        let first = task.sector(form)?;
        self.shape.holds(first, sectors).then_some((first, sectors))
    }

    fn read(&mut self, task: &Task, form: Form, mover: Mover) {
        match (self.by(mover), self.span(task, form)) {
            (None, _) => self.end(ABORTED),
            (_, None) => self.end(NOT_FOUND),
            (Some(by), Some((sector, sectors))) => {
                let bytes = bytes(sectors) as u32;
                self.start(Command::Read { sector, bytes }, by);
            }
        }
    }

    fn write(&mut self, task: &Task, form: Form, mover: Mover) {
        match (self.by(mover), self.span(task, form)) {
            (Some(by), Some((sector, sectors))) if !self.shape.read_only => {
                self.collect(sector, bytes(sectors), by);
            }
            (Some(_), None) => self.end(NOT_FOUND),
            _ => self.end(ABORTED),
        }
    }

    fn verify(&mut self, task: &Task, form: Form) {
        let found = self.span(task, form).is_some();
        self.end(if found { 0 } else { NOT_FOUND });
    }

    /// The number of the last sector.
    fn tell_size(&mut self, task: &mut Task, form: Form) {
        let last = self.shape.sectors.saturating_sub(1);
        let most = match form {
            Form::Short => (1 << 28) - 1,
            Form::Long => (1 << 48) - 1,
        };
        task.set_sector(last.min(most), form);
        self.end(0);
    }
}
