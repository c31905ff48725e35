//! Where machines of a fleet meet their debuggers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::lock;
use crate::gdb::Desk;

/// The most machines that have debuggers at the same time: each takes a connection of the control socket.
const MOST: usize = 16;

/// Why a machine gets no debugger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoDesk {
    /// It has one.
    #[error("a debugger has the machine; detach it first")]
    Taken,
    /// Too many others have one.
    #[error("{MOST} machines have debuggers already; detach one first")]
    Full,
}

/// Where machines meet their debuggers, for those that have one.
#[derive(Debug, Default)]
pub struct Desks(Mutex<HashMap<usize, Arc<Desk>>>);

impl Desks {
    /// Machine `number` meets its debugger at `desk`.
    ///
    /// # Errors
    /// If it has one, or too many others have.
    pub fn open(&self, number: usize, desk: &Arc<Desk>) -> Result<(), NoDesk> {
        let mut desks = lock(&self.0);
        if desks.contains_key(&number) {
            return Err(NoDesk::Taken);
        }
        if desks.len() >= MOST {
            return Err(NoDesk::Full);
        }
        desks.insert(number, Arc::clone(desk));
        Ok(())
    }

    /// Machine `number` has no debugger any more.
    pub fn close(&self, number: usize) {
        lock(&self.0).remove(&number);
    }

    /// Where machine `number` meets its debugger, if it has one.
    #[must_use]
    pub fn of(&self, number: usize) -> Option<Arc<Desk>> {
        lock(&self.0).get(&number).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_has_one_debugger_and_there_is_an_end_to_them() {
        let desk = Arc::new(Desk::new(false, 0).unwrap());
        let desks = Desks::default();
        for number in 0..MOST {
            assert_eq!(desks.open(number, &desk), Ok(()));
        }
        assert_eq!(desks.open(3, &desk), Err(NoDesk::Taken));
        assert_eq!(desks.open(MOST, &desk), Err(NoDesk::Full));
        desks.close(3);
        assert!(desks.of(3).is_none() && desks.of(4).is_some());
        assert_eq!(desks.open(MOST, &desk), Ok(()));
    }
}
