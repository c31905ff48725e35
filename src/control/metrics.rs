//! The monitor's counters as Prometheus collects them, in its text format.
//!
//! One table for the monitor and one for each VM say which metrics there are; the library knows
//! how they are written. Rates are left to the collector: a metric is what was counted, or a state.

use std::collections::BTreeMap;

use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{TEXT_FORMAT, TextEncoder};

use super::api::{CodeCacheStatus, HostMemory, MemoryStatus, MonitorStatus, VmState, VmStatus};

/// The content type of what [`render`] makes.
pub(super) const KIND: &str = TEXT_FORMAT;

/// A metric's name behind `mirrorball_`, what it is, and how it is found.
type Row<T> = (&'static str, &'static str, fn(&T) -> Option<f64>);
/// The same for one that is found several times, under a label's values.
type Rows<T> = (
    &'static str,
    &'static str,
    &'static str,
    fn(&T) -> Vec<(String, f64)>,
);

const MONITOR: &[Row<MonitorStatus>] = &[
    (
        "uptime_seconds",
        "Seconds since the monitor started.",
        |all| Some(all.uptime_seconds),
    ),
    ("host_threads", "Host threads that execute VMs.", |all| {
        Some(all.host_threads.into())
    }),
    (
        "switches_total",
        "Times that a host thread went from one VM to another.",
        |all| Some(all.switches as f64),
    ),
    (
        "machine_memory_limit_bytes",
        "The most host memory that all VMs together may have.",
        |all| Some(all.machine_memory.limit as f64),
    ),
    (
        "machine_memory_used_bytes",
        "Host memory that VMs have.",
        |all| Some(all.machine_memory.used as f64),
    ),
    (
        "machine_memory_free_bytes",
        "Host memory that is left for VMs.",
        |all| Some(all.machine_memory.free as f64),
    ),
    (
        "machine_memory_shared_saved_bytes",
        "Host memory that VMs would have in addition, did they share nothing.",
        |all| Some(all.machine_memory.shared_saved as f64),
    ),
    (
        "swap_used_bytes",
        "Guest memory that is swapped out to the host's disk.",
        |all| Some(all.machine_memory.swap_used as f64),
    ),
    (
        "swap_limit_bytes",
        "The most guest memory that may be swapped out.",
        |all| Some(all.machine_memory.swap_limit as f64),
    ),
];

const VM: &[Row<VmStatus>] = &[
    (
        "vm_share",
        "The VM's share of the host's time, in proportion to those of the others.",
        |vm| Some(vm.share.into()),
    ),
    (
        "vm_cpu_seconds_total",
        "Seconds that host threads executed the VM.",
        |vm| Some(vm.cpu_seconds),
    ),
    (
        "vm_guest_seconds_total",
        "Seconds of the guest's own time.",
        |vm| Some(vm.guest_seconds),
    ),
    ("vm_instructions_total", "Guest instructions run.", |vm| {
        Some(vm.instructions as f64)
    }),
    (
        "vm_tlb_refills_total",
        "TLB refill exceptions that the guest took.",
        |vm| Some(vm.tlb_refills as f64),
    ),
    (
        "vm_soft_tlb_misses_total",
        "Accesses that the software TLB could not answer.",
        |vm| Some(vm.soft_tlb_misses as f64),
    ),
    (
        "vm_shared_reads_total",
        "Pages that devices wrote and that share the memory of a page which was the same already.",
        |vm| Some(vm.shared_reads as f64),
    ),
    (
        "vm_device_accesses_total",
        "Accesses to device registers.",
        |vm| Some(vm.device_accesses as f64),
    ),
    (
        "vm_memory_size_bytes",
        "The memory that the guest was told that it has.",
        |vm| Some(vm.memory.size as f64),
    ),
    (
        "vm_memory_target_bytes",
        "The memory that the VM is to have, where the monitor wants some back.",
        |vm| vm.memory.target.map(|target| target as f64),
    ),
    (
        "vm_code_cache_bytes",
        "Bytes of translated code in use.",
        |vm| code(vm, |code| code.bytes),
    ),
    (
        "vm_code_cache_limit_bytes",
        "The most bytes of translated code.",
        |vm| code(vm, |code| code.limit),
    ),
    ("vm_translations_total", "Regions translated.", |vm| {
        code(vm, |code| code.translations)
    }),
    (
        "vm_translations_evicted_total",
        "Translations evicted to make room.",
        |vm| code(vm, |code| code.evicted),
    ),
];

const VM_LABELLED: &[Rows<VmStatus>] = &[
    (
        "vm_state",
        "1 for what the VM is doing, 0 for what it is not.",
        "state",
        |vm| {
            let value = |state| if vm.state == state { 1.0 } else { 0.0 };
            STATES
                .map(|state| (state.name().to_owned(), value(state)))
                .into()
        },
    ),
    (
        "vm_memory_bytes",
        "Where the guest's memory is.",
        "kind",
        |vm| memory(&vm.memory).into(),
    ),
    (
        "vm_host_memory_bytes",
        "What the VM takes of the host's memory beside its guest's.",
        "kind",
        |vm| held(vm, |held| held.bytes),
    ),
    (
        "vm_host_memory_limit_bytes",
        "The most of it that the VM may take.",
        "kind",
        |vm| held(vm, |held| held.limit),
    ),
    (
        "vm_exits_total",
        "Returns from the engine to the monitor.",
        "reason",
        |vm| counts(&vm.exits),
    ),
    (
        "vm_exceptions_total",
        "Exceptions that the guest took.",
        "kind",
        |vm| counts(&vm.exceptions),
    ),
];

const STATES: [VmState; 5] = [
    VmState::Running,
    VmState::Waiting,
    VmState::Idle,
    VmState::Paused,
    VmState::Stopped,
];

fn code(vm: &VmStatus, what: fn(&CodeCacheStatus) -> u64) -> Option<f64> {
    vm.code_cache.as_ref().map(|code| what(code) as f64)
}

fn memory(memory: &MemoryStatus) -> [(String, f64); 5] {
    [
        ("private", memory.private),
        ("shared", memory.shared),
        ("zero", memory.zero),
        ("ballooned", memory.ballooned),
        ("swapped", memory.swapped),
    ]
    .map(|(kind, bytes)| (kind.to_owned(), bytes as f64))
}

fn held(vm: &VmStatus, what: fn(&HostMemory) -> u64) -> Vec<(String, f64)> {
    let kinds = vm.host_memory.iter();
    kinds
        .map(|(kind, held)| (kind.clone(), what(held) as f64))
        .collect()
}

fn counts(counts: &BTreeMap<String, u64>) -> Vec<(String, f64)> {
    counts
        .iter()
        .map(|(name, &count)| (name.clone(), count as f64))
        .collect()
}

/// All metrics, as text.
pub(super) fn render(status: &MonitorStatus) -> prometheus::Result<String> {
    let version = sample("info", &[("version", &status.version)], 1.0);
    let mut families = vec![("info", "The monitor's version.", vec![version])];
    for &(name, help, value) in MONITOR {
        let samples = value(status).map(|value| sample(name, &[], value));
        families.push((name, help, samples.into_iter().collect()));
    }
    for &(name, help, value) in VM {
        let samples = status
            .vms
            .iter()
            .filter_map(|vm| Some(sample(name, &[("vm", &vm.name)], value(vm)?)));
        families.push((name, help, samples.collect()));
    }
    for &(name, help, label, values) in VM_LABELLED {
        let samples = status.vms.iter().flat_map(|vm| {
            let values = values(vm).into_iter();
            values.map(|(of, value)| sample(name, &[("vm", &vm.name), (label, &of)], value))
        });
        families.push((name, help, samples.collect()));
    }
    // The format has no room for a metric without samples.
    let families: Vec<_> = families
        .into_iter()
        .filter(|(_, _, samples)| !samples.is_empty())
        .map(|(name, help, samples)| family(name, help, samples))
        .collect();
    TextEncoder::new().encode_to_string(&families)
}

/// By convention the name of what only grows, and of nothing else, ends like this.
fn is_counter(name: &str) -> bool {
    name.ends_with("_total")
}

fn family(name: &str, help: &str, samples: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(format!("mirrorball_{name}"));
    family.set_help(help.to_owned());
    family.set_field_type(if is_counter(name) {
        MetricType::COUNTER
    } else {
        MetricType::GAUGE
    });
    family.set_metric(samples);
    family
}

fn sample(name: &str, labels: &[(&str, &str)], value: f64) -> Metric {
    let labels = labels.iter().map(|&(name, value)| {
        let mut label = LabelPair::default();
        label.set_name(name.to_owned());
        label.set_value(value.to_owned());
        label
    });
    let mut metric = Metric::from_label(labels.collect());
    if is_counter(name) {
        let mut counter = Counter::default();
        counter.set_value(value);
        metric.set_counter(counter);
    } else {
        let mut gauge = Gauge::default();
        gauge.set_value(value);
        metric.set_gauge(gauge);
    }
    metric
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::control::testing;

    #[test]
    fn each_metric_has_help_type_and_samples_in_this_order() {
        let text = render(&testing::status()).unwrap();
        let mut seen = BTreeSet::new();
        let (mut name, mut kind) = ("", "");
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                name = rest.split(' ').next().unwrap();
                assert!(seen.insert(name), "{name} twice");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                kind = rest.strip_prefix(name).unwrap().trim();
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(["counter", "gauge"].contains(&kind), "{line}");
            } else {
                assert!(line.starts_with(name), "{line} under {name}");
                let value: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
                assert!(value.is_finite() && !kind.is_empty(), "{line}");
            }
        }
        assert_eq!(seen.len(), 1 + MONITOR.len() + VM.len() + VM_LABELLED.len());
    }

    #[test]
    fn samples_are_what_was_counted() {
        let text = render(&testing::status()).unwrap();
        for line in [
            r#"mirrorball_switches_total 1234"#,
            r#"mirrorball_vm_state{vm="web",state="running"} 1"#,
            r#"mirrorball_vm_state{vm="web",state="idle"} 0"#,
            r#"mirrorball_vm_host_memory_bytes{vm="web",kind="tables"} 1048576"#,
            r#"mirrorball_vm_host_memory_limit_bytes{vm="web",kind="tables"} 33554432"#,
            r#"mirrorball_vm_exits_total{vm="web",reason="horizon"} 900"#,
            r#"mirrorball_vm_memory_bytes{vm="web",kind="shared"} 8388608"#,
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
    }

    #[test]
    fn labels_are_escaped() {
        let mut status = testing::status();
        status.vms[0].name = "a\"b\\c\nd".to_owned();
        let text = render(&status).unwrap();
        assert!(
            text.contains(r#"mirrorball_vm_share{vm="a\"b\\c\nd"} 100"#),
            "{text}"
        );
    }

    #[test]
    fn a_monitor_without_vms_has_metrics() {
        let text = render(&MonitorStatus::default()).unwrap();
        assert!(text.contains("mirrorball_switches_total 0\n"), "{text}");
        assert!(!text.contains("_vm_"), "{text}");
    }
}
