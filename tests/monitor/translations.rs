//! Machines of the same kernel translate it once.

use crate::crowd::{PLENTY, Setting, alone, machine, run};

#[test]
fn the_second_machine_finds_what_the_first_translated() {
    for name in ["sort", "crc32", "tree", "strings"] {
        let guest = || machine(&format!("bench-{name}.u"), "memory=16M,limit=6M,hot=1000");
        let wanted = alone(&guest());
        // One starts when the other has done its work.
        let one_after_the_other = Setting {
            slice: 1 << 30,
            ..PLENTY
        };
        let (ends, monitor) = run(vec![guest(), guest()], one_after_the_other);
        assert_eq!(ends, [wanted.clone(), wanted.clone()]);
        let [(first, none), (second, found)] = monitor.fleet().translations()[..] else {
            panic!("two machines");
        };
        assert!(first > 2 && none == 0, "{name}: {first} made, {none} found");
        // What the first made of code that lay in another translation already it may do without.
        let most = found <= first && found * 4 >= first * 3;
        assert!(most, "{name}: {first} made, {found} of them found");
        // The second makes more: the heat that the first has left behind counts for it.

        // Side by side they share the work.
        let (ends, monitor) = run(vec![guest(), guest()], PLENTY);
        assert_eq!(ends, [wanted.clone(), wanted]);
        let made: u64 = monitor.fleet().translations().iter().map(|of| of.0).sum();
        let apart = first + second;
        assert!(
            made * 4 <= apart * 5,
            "{name}: {made} made, {apart} one after the other"
        );
    }
}
