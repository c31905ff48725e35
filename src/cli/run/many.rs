//! Running several machines under one monitor.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use mirrorball_runtime::exit::Outcome;

use super::debugger::Debugger;
use super::reports::{End, Finished, Reports};
use crate::cli::{CliError, Exit, complain};
use crate::console::{Waker, end_orderly, ended_by};
use crate::control::{Claimed, Server};
use crate::fleet::{Audience, Ended, Fleet, FleetMonitor, Watch};
use crate::machine::{MachineSpec, MonitorSpec};
use crate::migration::Incoming;

/// What became of each machine, so far.
type Ends = Arc<Mutex<Vec<Option<Result<End, CliError>>>>>;

/// Keeps what became of machines until all have ended.
struct Keeper {
    hashed: bool,
    ends: Ends,
}

impl Audience for Keeper {
    fn exit_code(&self, outcome: Outcome) -> u8 {
        Exit::from(outcome) as u8
    }

    fn ended(&self, number: usize, ended: &Ended<'_>) {
        let machine = ended.machine;
        let end = ended.outcome.map_or(Err(CliError::Crashed), |outcome| {
            let time = ended.cpu_time;
            let mut end = End::gather(&machine.vm, &machine.engine, time, outcome, self.hashed);
            end.unfinished = ended.unfinished.as_ref().map(ToString::to_string);
            Ok(end)
        });
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        ends[number] = Some(end);
    }

    fn notice(&self, name: &str, text: &str) {
        complain(&format!("{name}: {text}"));
    }
}

/// Waits until the machine that comes is here, and left where it was. What was typed there follows it.
fn arrive(
    monitor: &Arc<FleetMonitor>,
    incoming: Incoming,
    control: Option<&Path>,
) -> Result<(), CliError> {
    let fleet = monitor.fleet();
    let typist = incoming.arrive(control, |snapshot| {
        if ended_by().is_some() {
            return Err("the monitor was asked to end".to_owned());
        }
        fleet.arrive(snapshot);
        monitor.prepare(0)
    })?;
    if let Some(hub) = fleet.hub(0)
        && let Err(error) = hub.join(typist)
    {
        complain(&format!("what was typed before is lost: {error}"));
    }
    Ok(())
}

/// Runs `machines` side by side and tells what became of them. A machine that fails does not keep
/// the others from running.
///
/// # Errors
///
/// When there can be no monitor, or the record of the run cannot be written.
pub fn run_many(
    monitor: MonitorSpec,
    machines: Vec<MachineSpec>,
    incoming: Option<Incoming>,
    debugger: Option<Debugger>,
    reports: &Reports,
) -> Result<Exit, CliError> {
    let names: Vec<String> = machines
        .iter()
        .map(|machine| machine.name.clone())
        .collect();
    let control = monitor.control.clone();
    let socket = monitor.control.as_deref().map(Claimed::new).transpose()?;
    let ends: Ends = Arc::new(Mutex::new(names.iter().map(|_| None).collect()));
    let keeper = Keeper {
        hashed: true,
        ends: Arc::clone(&ends),
    };
    let attachable = monitor.control.is_some() || incoming.is_some();
    let monitor = Fleet::monitor(&monitor, machines, attachable, Box::new(keeper))?;
    let ends_all = Arc::downgrade(&monitor);
    end_orderly(Waker::new(move || {
        if let Some(monitor) = ends_all.upgrade() {
            monitor.quit();
        }
    }))
    .map_err(CliError::NoSignals)?;
    if let Some(incoming) = incoming {
        arrive(&monitor, incoming, control.as_deref())?;
    }
    let debugger = debugger
        .map(|debugger| debugger.start(&monitor))
        .transpose()?;
    let watch = Watch::new(Arc::clone(&monitor));
    let server = socket
        .map(|socket| Server::start(socket, Arc::new(watch)))
        .transpose()
        .map_err(CliError::NoThread)?;
    monitor.run();
    drop((server, debugger));
    reports.tell_of_monitor(monitor.memory(), monitor.switches());
    let written = monitor.fleet().close();
    let mut ends = ends.lock().unwrap_or_else(PoisonError::into_inner);
    let ends = names.into_iter().zip(ends.drain(..)).zip(written);
    let finished: Vec<Finished> = ends
        .map(|((name, end), written)| {
            let end = end.unwrap_or(Err(CliError::NotStarted));
            let end = written.map_err(CliError::from).and(end);
            Finished { name, end }
        })
        .collect();
    reports.tell_all(&finished)
}
