use std::io::Write;

use mirrorball_runtime::addr::{Pa, Va};
use mirrorball_runtime::vm::debug::{self, Edit};

use super::*;
use crate::machine::{At, ConsoleSpec, EngineKind, Files, MachineSpec, Settings};
use crate::state::Scope;

/// The word that the guest loads, at last.
const WORD: Pa = Pa(0x4000);
/// The instructions before it does: two, and the rounds of the loop with their branches and delay slots.
const BEFORE: u64 = 3 + 3 * 30_000;

/// A guest that counts down, then adds a word of memory to itself each round.
fn guest() -> tempfile::NamedTempFile {
    let code = [
        0x3c08_8000_u32, // lui $t0, 0x8000
        0x3409_7530,     // ori $t1, $zero, 30000
        0x2442_0000,     // addiu $v0, $v0, 0
        0x2529_ffff,     // loop: addiu $t1, $t1, -1
        0x1520_fffe,     // bne $t1, $zero, loop
        0,               // nop
        0x8d0a_4000,     // lw $t2, 0x4000($t0)
        0x1000_fffe,     // b the load
        0x004a_1021,     // addu $v0, $v0, $t2
    ];
    let mut file = tempfile::NamedTempFile::new().unwrap();
    for word in code {
        file.write_all(&u32::to_le_bytes(word)).unwrap();
    }
    file
}

fn spec(file: &tempfile::NamedTempFile, engine: EngineKind) -> MachineSpec {
    let settings = Settings {
        image: Some(At::switch(file.path().to_owned())),
        flat: Some(At::switch(Va(0x8000_1000))),
        engine: Some(At::switch(engine)),
        memory: Some(At::switch("16M".parse().unwrap())),
        jit_threads: Some(At::switch(0)),
        console: Some(At::switch(ConsoleSpec::None)),
        ..Settings::default()
    };
    let mut spec = settings.machine(&mut Files::default()).unwrap();
    spec.ends();
    spec
}

fn pair(scope: Scope) -> Pair {
    let file = guest();
    let specs = [EngineKind::Interp, EngineKind::Jit].map(|engine| spec(&file, engine));
    Pair::start(&specs, scope, 64 << 20).unwrap()
}

fn found(pair: &mut Pair, end: u64) -> (Found, Vec<Probe>) {
    let mut probes = Vec::new();
    let plan = Plan { every: 40_000, end };
    let found = search(pair, plan, &mut |probe| probes.push(probe)).unwrap();
    (found, probes)
}

fn change(pair: &mut Pair) {
    let edit = Edit::Memory(WORD, vec![1]);
    debug::edit(&mut pair.sides[1].vm, edit);
}

#[test]
fn machines_that_do_the_same_are_alike() {
    let (found, probes) = found(&mut pair(Scope::State), 130_000);
    assert!(matches!(found, Found::Alike(130_000, None)), "{found:?}");
    assert!(render(&found, probes.len()).starts_with("no difference in 130000 instructions"));
}

#[test]
fn the_instruction_that_loads_what_differs_is_found() {
    let mut pair = pair(Scope::Registers);
    change(&mut pair);
    let (found, probes) = found(&mut pair, 1_000_000);
    let Found::Parting(parting) = &found else {
        panic!("{found:?}");
    };
    assert_eq!(parting.alike, Some(BEFORE), "{parting:?}");
    assert!(
        parting
            .code
            .contains("=> 0x80001018  8d0a4000  lw $t2, 16384($t0)")
    );
    let row = |what: &str| parting.difference.rows.iter().find(|row| row.what == what);
    assert_eq!(row("$t2").unwrap().values, ["00000000", "00000001"]);
    assert_eq!(row("memory at 0x00004000").unwrap().values[1], "00000001");
    assert_eq!((row("$v0"), row("pc")), (None, None));
    assert!(probes.len() < 25, "{}", probes.len());
    let text = render(&found, probes.len());
    assert!(
        text.starts_with("alike after 90003 instructions, different after 90004"),
        "{text}"
    );
}

#[test]
fn machines_that_were_never_alike_say_where() {
    let mut pair = pair(Scope::State);
    change(&mut pair);
    let (found, probes) = found(&mut pair, 1_000_000);
    assert_eq!(probes.len(), 1);
    let text = render(&found, 1);
    assert!(
        text.contains("memory at 0x00004000  00000000  00000001"),
        "{text}"
    );
    assert!(text.contains("--by registers"), "{text}");
}

#[test]
fn what_is_not_part_of_the_past_is_gone_on_return() {
    let mut pair = pair(Scope::State);
    pair.run_to(20_000).unwrap();
    pair.keep();
    let mut probes = 0;
    let plan = Plan {
        every: 50_000,
        end: 1_000_000,
    };
    // A change that is not part of the past: it is gone when the machine returns.
    pair.run_to(30_000).unwrap();
    pair.keep();
    pair.sides[1].vm.view().write_physical(WORD, &[1]);
    let found = search(&mut pair, plan, &mut |_| probes += 1).unwrap();
    assert!(matches!(found, Found::Parting(_)), "{found:?}");
    pair.return_to(30_000).unwrap();
    assert!(!pair.differs(), "it is gone");
}

#[test]
fn machines_that_are_never_alike_are_refused() {
    let file = guest();
    let mut specs = [EngineKind::Interp, EngineKind::Jit].map(|engine| spec(&file, engine));
    specs[1].memory = "32M".parse().unwrap();
    let error = Pair::start(&specs, Scope::State, 1 << 20).err().unwrap();
    assert_eq!(
        error.to_string(),
        "memory is 16M and 32M: such machines are never alike; leave that out of --a and --b"
    );
    assert!(error.is_usage());
    specs[1].memory = specs[0].memory;
    specs[0].pace = crate::console::Pace::Realtime;
    let error = Pair::start(&specs, Scope::State, 1 << 20).err().unwrap();
    assert!(
        error.to_string().contains("machine a cannot go back"),
        "{error}"
    );
}
