//! Landlock: which files can be reached by name.

use std::path::PathBuf;

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

/// The newest version of Landlock whose rights are asked for; an older kernel enforces those that
/// it knows.
const NEWEST: ABI = ABI::V6;

/// Leaves this thread, and those that it starts, nothing of the file system but what is named: of
/// `read` files and folders to read, of `written` those to read and write, and to make and remove
/// files in. Says whether the kernel enforces it. What is not there cannot be reached.
pub(super) fn confine(read: &[PathBuf], written: &[PathBuf]) -> Result<bool, RulesetError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .scope(Scope::AbstractUnixSocket | Scope::Signal)?
        .create()?;
    let all = AccessFs::from_all(NEWEST) & !AccessFs::Execute;
    let reading = AccessFs::from_read(NEWEST) & !AccessFs::Execute;
    let read = read.iter().map(|path| (path, reading));
    for (path, rights) in written.iter().map(|path| (path, all)).chain(read) {
        let Ok(data) = path.metadata() else { continue };
        let possible = if data.is_dir() {
            rights
        } else {
            rights & AccessFs::from_file(NEWEST)
        };
        if let Ok(place) = PathFd::new(path) {
            ruleset = ruleset.add_rule(PathBeneath::new(place, possible))?;
        }
    }
    let status = ruleset.restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}
