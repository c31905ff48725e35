//! The name of the task that runs, if the guest is Linux: read from the kernel's own data.
//!
//! The kernel's exception handlers load its stack pointer from a variable. The lowest word of the
//! stack is the address of the task's description, and that holds the name, at the place where the
//! first task of all is called "swapper". Nothing else of the kernel is known here. What looks like
//! something else has no name; and a name changes nothing.

use super::processes::vectors;
use super::table::{self, direct};
use crate::addr::{PAGE_SIZE, Pa};
use crate::memory::Ram;
use crate::vcpu::Vcpu;

/// The name of a task, as the kernel keeps it: up to the first zero byte.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TaskName([u8; TaskName::BYTES]);

impl TaskName {
    const BYTES: usize = 16;

    /// The name as text. What is no printable character of ASCII is a question mark.
    #[must_use]
    pub fn text(&self) -> String {
        let bytes = self.0.iter().take_while(|&&byte| byte != 0);
        let shown = |&byte: &u8| match byte {
            b' '..=b'~' => byte.into(),
            _ => '?',
        };
        bytes.map(shown).collect()
    }
}

/// The general exception vector, behind the base of the vectors.
const GENERAL: u32 = 0x180;
/// The code of system calls, whose handler is looked at.
const SYSCALL: u64 = 8;
/// The size of a kernel stack, which its address is a multiple of.
const STACK: u32 = 2 * PAGE_SIZE as u32;
/// How much of a task's description is searched for its name.
const SEARCHED: usize = 4096;
/// The name of the first task.
const FIRST: &[u8] = b"swapper";

/// Finds the names of tasks.
#[derive(Clone, Copy, Default, Debug)]
pub struct Tasks {
    /// Where the kernel's stack pointer is, for the vectors at this address.
    stack: Option<(u32, Pa)>,
    /// Where in a task's description its name is.
    name: Option<u64>,
}

impl Tasks {
    /// The name of the task that runs, if it is known.
    pub fn current(&mut self, cpu: &Vcpu, ram: &Ram) -> Option<TaskName> {
        let task = self.task(cpu, ram)?;
        if self.name.is_none() {
            self.name = place_of_first(ram, task);
        }
        let at = Pa(task.0 + self.name?);
        let mut bytes = [0; TaskName::BYTES];
        ram.read_physical(at, &mut bytes);
        (bytes[0] != 0).then_some(TaskName(bytes))
    }

    /// The description of the task that runs.
    fn task(&mut self, cpu: &Vcpu, ram: &Ram) -> Option<Pa> {
        let base = vectors(cpu)?;
        let known = self.stack.filter(|&(vectors, _)| vectors == base);
        let (_, place) = match known {
            Some(known) => known,
            None => {
                let place = table::place(ram, syscall_handler(cpu, ram)?)?;
                *self.stack.insert((base, place))
            }
        };
        let stack = ram.word(place) & !(STACK - 1);
        let task = ram.word(within(ram, stack)?);
        within(ram, task)
    }
}

/// The address of the kernel's handler of system calls, if its general exception vector loads that from
/// a table.
#[must_use]
pub fn syscall_handler(cpu: &Vcpu, ram: &Ram) -> Option<u32> {
    let handlers = table::place(ram, vectors(cpu)?.wrapping_add(GENERAL))?;
    Some(ram.word(Pa(handlers.0 + 4 * SYSCALL)))
}

/// The place of an address of the kernel's, if that is RAM and so is what follows.
fn within(ram: &Ram, va: u32) -> Option<Pa> {
    let pa = direct(va).filter(|pa| pa.0 % 4 == 0)?;
    let end = Pa(pa.0 + 2 * SEARCHED as u64);
    (ram.is_ram(pa) && ram.is_ram(end)).then_some(pa)
}

/// Where the description of the first task has its name, if this is that.
fn place_of_first(ram: &Ram, task: Pa) -> Option<u64> {
    let mut bytes = [0; SEARCHED];
    ram.read_physical(task, &mut bytes);
    let words = bytes.chunks(4).enumerate();
    let found = |&(index, _): &(usize, &[u8])| bytes[4 * index..].starts_with(FIRST);
    words
        .into_iter()
        .find(found)
        .map(|(index, _)| 4 * index as u64)
}
