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
        let [(first, none), (_, found)] = monitor.fleet().translations()[..] else {
            panic!("two machines");
        };
        assert!(first > 2 && none == 0, "{name}: {first} made, {none} found");
        // What the first made of code that lay in another translation already it may do without.
        let most = found <= first && found * 4 >= first * 3;
        assert!(most, "{name}: {first} made, {found} of them found");

        // Side by side they share the work.
        let (ends, monitor) = run(vec![guest(), guest()], PLENTY);
        assert_eq!(ends, [wanted.clone(), wanted]);
        // When which of them runs depends on the host, and so does what each finds; a third of what
        // both use, or so, they do not make themselves.
        let (mut made, mut found) = (0, 0);
        for of in monitor.fleet().translations() {
            (made, found) = (made + of.0, found + of.1);
        }
        let all = made + found;
        assert!(found * 5 >= all, "{name}: {made} made, {found} found");
    }
}
