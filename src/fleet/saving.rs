//! Saving a machine while it runs on.

use std::io::{self, Write};
use std::sync::Arc;

use mirrorball_runtime::vm::SavedVm;

use super::FleetMonitor;
use crate::control::{ControlError, Saves};
use crate::snapshot::Saved;

/// A machine as it was at one moment, which has run on since.
pub(super) struct Running {
    monitor: Arc<FleetMonitor>,
    number: usize,
    /// It is there until this goes.
    saved: Option<Saved>,
}

impl Running {
    /// Machine `number` of the monitor as it is now.
    pub fn freeze(monitor: &Arc<FleetMonitor>, number: usize) -> Result<Self, ControlError> {
        let spec = monitor.fleet().spec(number);
        let disks = spec.marks(true);
        let disks = disks.map_err(|error| ControlError::Value(error.to_string()))?;
        let frozen = monitor.change(number, |vm| (vm.view().freeze(), SavedVm::of(vm)));
        let none = || ControlError::Value(format!("{} has not started, or has ended", spec.name));
        let (memory, vm) = frozen.ok_or_else(none)?;
        let saved = Saved {
            name: spec.name.clone(),
            vm,
            disks,
            memory: memory.map_err(|busy| ControlError::Host(busy.to_string()))?,
        };
        Ok(Self {
            monitor: Arc::clone(monitor),
            number,
            saved: Some(saved),
        })
    }
}

impl Saves for Running {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.saved.as_ref().map_or(Ok(()), |saved| saved.write(out))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.saved.take());
        // A machine that is gone has nothing to bring in order.
        let _ = (self.monitor).change(self.number, |vm| vm.view().settle());
    }
}
