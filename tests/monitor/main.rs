//! The monitor with real guests: machines side by side, that share pages, are swapped, crash, and
//! try to get out. What a machine does must not depend on its neighbours, and nothing of it may
//! be left when it has gone.

mod commands;
#[path = "../common/mod.rs"]
mod common;
mod confined;
mod consoles;
mod crowd;
mod disks;
mod failures;
mod isolation;
mod killed;
mod leaks;
mod moving;
mod neighbours;
mod process;
mod saving;
mod shares;
mod sharing;
mod short;
mod translations;
mod wild;
