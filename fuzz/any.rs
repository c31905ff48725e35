//! Gives one of the targets of `mirrorball::fuzz`, which `FUZZ_TARGET` names, what libFuzzer thinks of.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use mirrorball::fuzz::{TARGETS, Target};

static TARGET: LazyLock<&'static Target> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let names = TARGETS.map(|target| target.name).join(", ");
    let target = TARGETS.iter().find(|target| target.name == name);
    target.unwrap_or_else(|| panic!("set FUZZ_TARGET to one of {names}"))
});

fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
