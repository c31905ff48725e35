//! What a device asks of a folder of the host that a guest shares: answers to messages of 9P.
//!
//! As with networks, a device is plain state and holds nothing of the host. What answers (a thread that
//! reads and writes files) implements [`Folder`], and the machine lends it to the device. Messages go out
//! at once. Answers the machine takes between two runs of its engine, so that it is known at which cycle
//! they came.

use crate::account::Holding;

/// The number by which a device knows a message. None is in use twice.
pub type Job = u64;

/// A folder of the host. It never waits.
pub trait Folder: Send {
    /// What the guest knows it by.
    fn tag(&self) -> &str;
    /// Takes a message from the guest.
    fn start(&mut self, job: Job, message: Vec<u8>);
    /// The next answer, if there is one, in any order.
    fn answer(&mut self) -> Option<(Job, Vec<u8>)>;
    /// The messages and answers that are kept for it on the host.
    fn held(&self) -> Holding {
        Holding::default()
    }
}

/// The folders of a machine, by their numbers. Where there is none, nothing is answered.
#[derive(Default)]
pub struct Folders(Vec<Option<Box<dyn Folder>>>);

impl Folders {
    fn get(&mut self, number: usize) -> Option<&mut Box<dyn Folder>> {
        self.0.get_mut(number)?.as_mut()
    }

    /// Puts a folder behind a device.
    pub fn connect(&mut self, number: usize, folder: Box<dyn Folder>) {
        if self.0.len() <= number {
            self.0.resize_with(number + 1, || None);
        }
        self.0[number] = Some(folder);
    }

    /// The numbers that folders have.
    #[must_use]
    pub fn numbers(&self) -> std::ops::Range<usize> {
        0..self.0.len()
    }

    /// What is kept on the host for all folders.
    #[must_use]
    pub fn held(&self) -> Holding {
        let mut held = Holding::default();
        self.0.iter().flatten().for_each(|it| held += it.held());
        held
    }

    /// As [`Folder::start`], of the folder with this number.
    pub fn start(&mut self, number: usize, job: Job, message: Vec<u8>) {
        if let Some(folder) = self.get(number) {
            folder.start(job, message);
        }
    }

    /// As [`Folder::answer`].
    pub fn answer(&mut self, number: usize) -> Option<(Job, Vec<u8>)> {
        self.get(number)?.answer()
    }
}
