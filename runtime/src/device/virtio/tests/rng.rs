//! The source of random bytes.

use super::*;
use crate::device::testing::{Ram, lend};

const TABLE: u32 = 0x1000;
const AVAILABLE: u32 = 0x2000;
const USED: u32 = 0x3000;
const DATA: u32 = 0x4000;

/// What a driver finds in a buffer of so many bytes after `requests` requests.
fn given(seed: u64, requests: u16, length: u32) -> Vec<u8> {
    let mut memory = Ram(vec![0; 0x8000]);
    let mut function = VirtioPci::new(Entropy::new(seed), true, 0);
    let mut write = |offset, value| {
        function.write_bar(4, offset, Width::Word, value, Nanos(0));
    };
    for (offset, value) in [
        (0x08, 1),
        (0x0c, 1),
        (0x14, 11),
        (0x18, 0xffff_0008),
        (0x20, TABLE),
        (0x28, AVAILABLE),
        (0x30, USED),
        (0x1c, 1),
        (0x14, 15),
        (0x3000, 0),
    ] {
        write(offset, value);
    }
    let entry = [
        DATA.to_le_bytes(),
        [0; 4],
        length.to_le_bytes(),
        [2, 0, 0, 0],
    ]
    .concat();
    memory.at(TABLE, 16).copy_from_slice(&entry);
    memory
        .at(AVAILABLE + 2, 2)
        .copy_from_slice(&requests.to_le_bytes());
    assert!(function.wants_bus());
    lend(&mut function, &mut memory, Nanos(0));
    assert!(function.interrupt());
    assert_eq!(memory.at(USED + 2, 2), requests.to_le_bytes());
    assert_eq!(memory.at(USED + 8, 4), length.min(4096).to_le_bytes());
    memory.at(DATA, 0x2000).to_vec()
}

#[test]
fn random_bytes_follow_from_the_seed() {
    let bytes = given(1, 1, 100);
    assert_eq!(given(1, 1, 100), bytes);
    assert_ne!(given(2, 1, 100), bytes);
    assert_ne!(given(1, 2, 100), bytes, "the second request gets others");
    assert!(bytes[..100].iter().any(|&byte| byte != bytes[0]));
    assert!(
        bytes[100..].iter().all(|&byte| byte == 0),
        "no more than asked for"
    );
    let most = given(1, 1, 0x2000);
    assert!(
        most[4096..].iter().all(|&byte| byte == 0),
        "no more at once"
    );
}
