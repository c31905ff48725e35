//! `mirrorball ctl shutdown`: asks a guest to shut down, waits for it, and ends it if it does not.

use std::thread;
use std::time::{Duration, Instant};

use crate::cli::{CliError, Exit, complain};
use crate::control::api::{Action, ShutDownKey, VmState, VmStatus};
use crate::control::{Client, ClientError};

/// How often it is looked whether the guest has shut down.
const LOOK: Duration = Duration::from_millis(100);
/// How a VM ends whose guest has shut down.
const OFF: &str = "powered off";

/// Asks the guest of `vm` to shut down, by this key. Ends the VM if that takes longer than `time`.
pub(super) fn execute(
    client: &Client,
    vm: &str,
    key: ShutDownKey,
    time: Duration,
) -> Result<Exit, CliError> {
    let start = Instant::now();
    client.act(vm, Action::ShutDown(key))?;
    while start.elapsed() < time {
        match ended(client.vm(vm))? {
            Some(outcome) if outcome == OFF => return Ok(Exit::Done),
            Some(outcome) => {
                complain(&format!("{vm} has not shut down, but ended: {outcome}"));
                return Ok(Exit::Forced);
            }
            None => thread::sleep(LOOK),
        }
    }
    let seconds = time.as_secs();
    complain(&format!(
        "{vm} has not shut down within {seconds} s, and is stopped"
    ));
    match client.act(vm, Action::Stop) {
        // It has done so at last.
        Err(_) if ended(client.vm(vm))?.is_some_and(|outcome| outcome == OFF) => Ok(Exit::Done),
        stopped => stopped.map(|_| Exit::Forced).map_err(CliError::from),
    }
}

/// How a VM ended, if it did. A monitor that is gone has seen all its VMs end.
fn ended(vm: Result<VmStatus, ClientError>) -> Result<Option<String>, ClientError> {
    match vm {
        Ok(vm) if vm.state == VmState::Stopped => Ok(Some(vm.outcome.unwrap_or_default())),
        Ok(_) => Ok(None),
        Err(ClientError::NoSocket(_) | ClientError::Gone(_)) => Ok(Some(OFF.to_owned())),
        // The host is busy, or the monitor ends just now: the next look tells.
        Err(ClientError::Io { .. } | ClientError::Answer { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
