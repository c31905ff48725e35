//! A report as a table: what was counted, how much, and what that means.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

use super::{JitReport, Report};

/// The report as text, for people.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut rows = Rows::new();
    time(&mut rows, report);
    instructions(&mut rows, report);
    if let Some(jit) = &report.jit {
        translation(&mut rows, report, jit);
        cache(&mut rows, jit);
    }
    if let Some(lockstep) = &report.lockstep {
        rows.section("Lockstep");
        rows.count("comparisons of the CPUs", lockstep.comparisons);
        rows.count("stores compared", lockstep.stores);
        rows.count("comparisons of all memory", lockstep.sweeps);
    }
    rows.section("Exits to the monitor");
    for exit in &report.exits {
        rows.some(&exit.name, exit.count);
    }
    rows.section("Exceptions");
    for exception in &report.exceptions {
        rows.some(&exception.name, exception.count);
    }
    hypercalls(&mut rows, report);
    memory(&mut rows, report);
    host_memory(&mut rows, report);
    devices(&mut rows, report);
    rows.text()
}

fn time(rows: &mut Rows, report: &Report) {
    rows.section("Time");
    rows.row("host", seconds(report.host_seconds), String::new());
    rows.row(
        "asleep",
        seconds(report.slept_seconds),
        share(report.slept_seconds, report.host_seconds),
    );
    rows.row("guest", seconds(report.guest_seconds), String::new());
    rows.row(
        "idle",
        seconds(report.idle_seconds),
        share(report.idle_seconds, report.guest_seconds),
    );
}

fn instructions(rows: &mut Rows, report: &Report) {
    let all = report.instructions;
    rows.section("Instructions");
    rows.row("all", number(all), format!("{:.1} MIPS", report.mips()));
    // Where instructions are refused at their fetch, no engine runs them: they count as
    // interpreted.
    let translated = report.jit.as_ref().map_or(0, |jit| jit.translated);
    let interpreted = all.saturating_sub(translated).saturating_sub(report.spun);
    let parts = [
        ("translated", translated),
        ("interpreted", interpreted),
        ("skipped in loops that only wait", report.spun),
    ];
    for (name, part) in parts {
        rows.row(name, number(part), share(part as f64, all as f64));
    }
    rows.count("blocks predecoded", report.predecoded);
}

fn translation(rows: &mut Rows, report: &Report, jit: &JitReport) {
    rows.section("Translation");
    let each = |part: u64| ratio(part, jit.translations);
    rows.count("regions translated", jit.translations);
    rows.row(
        "guest instructions",
        number(jit.instructions),
        format!("{} a region", each(jit.instructions)),
    );
    rows.row(
        "host code",
        bytes(jit.code_bytes),
        format!(
            "{} bytes a guest instruction",
            ratio(jit.code_bytes, jit.instructions)
        ),
    );
    rows.row(
        "time",
        seconds(jit.compile_seconds),
        format!(
            "{} of the host's",
            share(jit.compile_seconds, report.host_seconds)
        ),
    );
    rows.row(
        "blocks translated alone",
        number(jit.baseline),
        format!(
            "{} µs each",
            ratio((jit.baseline_seconds * 1e6) as u64, jit.baseline)
        ),
    );
    rows.row(
        "entries from the dispatcher",
        number(jit.entries),
        format!("{} instructions each", ratio(jit.translated, jit.entries)),
    );
    rows.some("regions found translated", jit.shared);
    rows.count("exits chained", jit.chained);
    rows.count("exits taken unchained", jit.unchained);
    rows.count("dropped, as code changed", jit.invalidated);
    rows.count("made anew, as memory was elsewhere", jit.remade);
    rows.count("interpreted: always trap or wait", jit.trapping);
    rows.count("interpreted: refused by Cranelift", jit.refused);
    rows.count("interpreted: larger than a unit", jit.oversized);
    rows.count("not yet: delay slot unseen", jit.unseen);
}

fn cache(rows: &mut Rows, jit: &JitReport) {
    rows.section("Code cache");
    rows.row(
        "hits",
        number(jit.entries),
        share(jit.entries as f64, (jit.entries + jit.misses) as f64),
    );
    rows.count("misses", jit.misses);
    rows.count("translations evicted", jit.evicted);
    rows.count("units evicted", jit.evicted_units);
    rows.row(
        "in use",
        bytes(jit.cache_bytes),
        format!("{} at most", bytes(jit.cache_peak)),
    );
    rows.row(
        "predecoded blocks",
        bytes(jit.block_bytes),
        format!(
            "swept {} times, {} blocks came back",
            number(jit.sweeps),
            number(jit.predecoded_again)
        ),
    );
    rows.row(
        "tables that lead to code",
        bytes(jit.table_bytes),
        String::new(),
    );
    if let Some(disk) = &jit.disk {
        rows.count("read from disk, in all", disk.loaded);
        rows.count("written to disk, in all", disk.saved);
        rows.some("damaged on disk", disk.damaged);
    }
}

/// What the guest asked of the monitor, if it did.
fn hypercalls(rows: &mut Rows, report: &Report) {
    if report.hypercalls.iter().all(|call| call.count == 0) && report.hypercalls_refused == 0 {
        return;
    }
    rows.section("Hypercalls");
    for call in &report.hypercalls {
        rows.some(&call.name, call.count);
    }
    rows.some("refused", report.hypercalls_refused);
}

fn memory(rows: &mut Rows, report: &Report) {
    rows.section("Memory");
    if report.peak_memory > 0 {
        rows.row("host's, at most", bytes(report.peak_memory), String::new());
    }
    rows.row(
        "touched",
        bytes(report.pages * mirrorball_runtime::addr::PAGE_SIZE),
        format!("{} pages", number(report.pages)),
    );
    let [load, store] = report.refills;
    rows.count("TLB refills, load and fetch", load);
    rows.count("TLB refills, store", store);
    rows.count("TLB writes", report.tlb_writes);
    rows.count("TLB entries kept behind", report.second_kept);
    rows.count("software-TLB misses", report.soft_misses);
    rows.count("address-space switches", report.space_switches);
    rows.count("stores that hit code", report.code_writes);
    rows.count(
        "pages from disks that were there already",
        report.shared_reads,
    );
}

fn host_memory(rows: &mut Rows, report: &Report) {
    if report.host_memory.is_empty() {
        return;
    }
    rows.section("Host memory beside the guest's");
    for held in &report.host_memory {
        let most = format!("{} at most", bytes(held.limit));
        rows.row(&held.name, bytes(held.bytes), most);
    }
}

fn devices(rows: &mut Rows, report: &Report) {
    rows.section("Devices");
    for device in &report.devices {
        let all = device.reads + device.writes;
        if all > 0 {
            rows.row(
                &device.name,
                number(all),
                format!(
                    "{} reads, {} writes",
                    number(device.reads),
                    number(device.writes)
                ),
            );
        }
    }
    rows.count("console, bytes out", report.console_out);
    rows.count("console, bytes in", report.console_in);
    if let Some(network) = &report.network {
        for (name, frames, bytes) in [
            ("network, frames out", network.sent, network.sent_bytes),
            (
                "network, frames in",
                network.received,
                network.received_bytes,
            ),
        ] {
            rows.row(name, number(frames), format!("{} bytes", number(bytes)));
        }
        rows.count("network, frames dropped", network.dropped);
    }
    rows.count("idle periods", report.waits);
    rows.count("loops skipped", report.spins);
}

/// The table while it is filled.
pub(super) struct Rows(Table);

impl Rows {
    pub(super) fn new() -> Self {
        let mut table = Table::new();
        table.load_style(NOTHING);
        Self(table)
    }

    pub(super) fn section(&mut self, name: &str) {
        self.0.add_row([name, "", ""]);
    }

    pub(super) fn row(&mut self, name: &str, value: String, remark: String) {
        self.0.add_row([format!("  {name}"), value, remark]);
    }

    pub(super) fn count(&mut self, name: &str, count: u64) {
        self.row(name, number(count), String::new());
    }

    /// A count that goes without saying if it is zero.
    pub(super) fn some(&mut self, name: &str, count: u64) {
        if count > 0 {
            self.count(name, count);
        }
    }

    pub(super) fn text(mut self) -> String {
        if let Some(column) = self.0.column_mut(0) {
            column.set_padding((0, 1));
        }
        if let Some(column) = self.0.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        format!("{}\n", self.0.trim_fmt())
    }
}

/// A number with its thousands apart.
fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn seconds(value: f64) -> String {
    format!("{value:.3} s")
}

fn bytes(value: u64) -> String {
    match value {
        0..10_240 => format!("{} B", number(value)),
        10_240..10_485_760 => format!("{} KiB", number(value >> 10)),
        _ => format!("{} MiB", number(value >> 20)),
    }
}

fn share(part: f64, whole: f64) -> String {
    if whole > 0.0 {
        format!("{:.1} %", 100.0 * part / whole)
    } else {
        String::new()
    }
}

fn ratio(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "0".to_owned();
    }
    format!("{:.1}", part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Count;

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!(
            ["0", "999", "1,000", "1,234,567"],
            [0, 999, 1000, 1_234_567].map(number)
        );
        assert_eq!(
            ["10,239 B", "10 KiB", "10 MiB"],
            [10_239, 10_240, 10 << 20].map(bytes)
        );
        assert_eq!(share(1.0, 3.0), "33.3 %");
        assert_eq!((share(1.0, 0.0).as_str(), ratio(1, 0).as_str()), ("", "0"));
    }

    #[test]
    fn a_table_shows_what_happened_and_not_what_did_not() {
        let report = Report {
            host_seconds: 2.0,
            slept_seconds: 1.0,
            instructions: 300_000_000,
            exceptions: vec![
                Count {
                    name: "Sys".into(),
                    count: 1234,
                },
                Count {
                    name: "Ov".into(),
                    count: 0,
                },
            ],
            ..Report::default()
        };
        let text = render(&report);
        assert!(text.contains("300.0 MIPS"), "{text}");
        assert!(text.contains("  Sys"), "{text}");
        assert!(text.contains("1,234"), "{text}");
        assert!(
            !text.contains("Ov") && !text.contains("Translation"),
            "{text}"
        );
        assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
    }
}
