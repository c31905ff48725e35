//! An idle guest waits as long as the host says, but for nothing that is on its way to it.

mod common;

use common::asm::*;
use common::{Kind, program};
use mirrorball_runtime::clock::Nanos;
use mirrorball_runtime::exit::Outcome;
use mirrorball_runtime::vm::host::{Host, Input};

/// A terminal at which the user watches for a while and then leaves.
#[derive(Default)]
struct Watched {
    waits: Vec<Nanos>,
}

impl Host for Watched {
    fn output(&mut self, _: &[u8]) -> Vec<u8> {
        Vec::new()
    }

    fn input(&mut self, _: usize) -> Input {
        if self.waits.len() < 3 {
            Input::Bytes(Vec::new())
        } else {
            Input::Quit
        }
    }

    fn idle(&mut self, span: Nanos) -> Nanos {
        self.waits.push(span);
        span
    }

    fn may_type(&self) -> bool {
        true
    }
}

/// The guest time that passes without the host's waiting, when `typed` has been typed.
fn not_waited_for(typed: &[u8]) -> u64 {
    let mut vm = program(&[WAIT, beq(ZERO, ZERO, -2), NOP]);
    vm.type_bytes(typed);
    let (mut engine, mut host) = (Kind::Jit.engine(), Watched::default());
    let outcome = vm.run(&mut engine, &mut host, u64::MAX);
    assert_eq!(outcome, Outcome::Quit);
    assert_eq!(host.waits.len(), 3);
    let waited: u64 = host.waits.iter().map(|span| span.0).sum();
    vm.cpu.now(0).to_nanos().0 - waited
}

#[test]
fn the_host_does_not_wait_for_bytes_that_travel_over_the_serial_line() {
    assert!(not_waited_for(b"") < 10_000);
    // Ten bits at 38,400 baud: the guest takes no more than the first byte.
    assert!(not_waited_for(b"uname -a\n") >= 260_416);
}
