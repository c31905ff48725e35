//! The host fails: whatever call of it that is, the machine that needed it ends with that outcome,
//! or goes on without, and every other one ends as it would alone.

use crate::crowd::{Setting, Watchdog, alone, machine, monitor, nothing_is_left};
use mirrorball_runtime::exit::Outcome;

#[test]
fn each_call_for_the_swap_file_may_fail() {
    let _watchdog = Watchdog::new(200, || "machines whose swap file fails".into());
    let machines = [
        machine("vmm-victim", "name=a,memory=4M,append='pages=256'"),
        machine("vmm-victim", "name=b,memory=4M,append='pages=200'"),
    ];
    let wanted = machines.each_ref().map(alone);
    let setting = Setting {
        threads: 1,
        slice: 1 << 12,
        share_pages: 0,
        frames: 420,
        swap: 4096,
    };
    let (mut number, mut failed, mut calls) = (1, 0, 0);
    loop {
        let monitor = monitor(machines.to_vec(), setting);
        let swap = monitor.memory().swap();
        swap.fail_call(number);
        monitor.run();
        nothing_is_left(&monitor);
        let ends = monitor.fleet().ends();
        for (end, wanted) in ends.iter().map(|ends| &ends[0]).zip(&wanted) {
            match end.outcome {
                Some(Outcome::HostFailure) => failed += 1,
                _ => assert_eq!(end, wanted, "call {number}"),
            }
            // What was printed until then is right.
            assert!(wanted.output.starts_with(&end.output), "{}", end.output);
        }
        let notices = monitor.fleet().notices();
        let told = |notice: &&String| notice.contains(" ends: a page cannot be read back");
        let hit = ends.iter().flatten();
        let hit = hit.filter(|end| end.outcome == Some(Outcome::HostFailure));
        assert_eq!(
            notices.iter().filter(told).count(),
            hit.count(),
            "{notices:?}"
        );
        if swap.fails_later() {
            break;
        }
        calls += 1;
        // All of the first calls, and then fewer and fewer.
        number += 1 + number / 16;
    }
    assert!(calls > 50 && failed > 5, "{calls} calls, {failed} failures");
}
