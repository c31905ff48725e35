//! What happened in a monitor: the machine memory that its machines shared, and how often a thread
//! turned from one to another.

use mirrorball_runtime::addr::PAGE_SIZE;
use mirrorball_runtime::memory::machine::MachineMemory;

use super::table::Rows;

/// The monitor's part of a report, as text for people.
#[must_use]
pub fn render(memory: &MachineMemory, switches: u64) -> String {
    let mut rows = Rows::new();
    let mib = |pages: u64| format!("{} MiB", (pages * PAGE_SIZE) >> 20);
    let (frames, uses) = memory.shares().count();
    let (handed_out, cleared) = memory.handed_out();
    let swap = memory.swap().counters();
    rows.section("Machine memory");
    rows.row("limit", mib(memory.limit()), String::new());
    rows.row("in use, at most", mib(memory.most_in_use()), String::new());
    rows.row(
        "in use at the end",
        mib(memory.frames_in_use()),
        String::new(),
    );
    rows.count("frames handed out", handed_out);
    rows.count("cleared for it; the host had made the others zero", cleared);
    rows.row(
        "saved by sharing, at most",
        mib(memory.shares().most_saved()),
        String::new(),
    );
    rows.count("shared frames at the end", frames);
    rows.count("pages in them", uses);
    rows.count(
        "pages shared no longer, as they were written to",
        memory.shares().broken(),
    );
    rows.count("pages swapped out", swap.written);
    rows.count("pages swapped in", swap.read);
    rows.row("in the swap file, at most", mib(swap.most), String::new());
    rows.section("Host threads");
    rows.count("turned to a machine", switches);
    rows.text()
}
