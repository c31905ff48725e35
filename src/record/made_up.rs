//! Records whose entries anyone may have written.

use xxhash_rust::xxh3::xxh3_64;

use super::format::MAGIC;

/// A record that begins with a snapshot and has these entries.
pub(crate) fn with_entries(snapshot: &[u8], entries: &[&[u8]]) -> Vec<u8> {
    let mut bytes = [MAGIC, &(snapshot.len() as u64).to_le_bytes()[..], snapshot].concat();
    for entry in entries {
        bytes.extend((entry.len() as u32).to_le_bytes());
        bytes.extend(xxh3_64(entry).to_le_bytes());
        bytes.extend(*entry);
    }
    bytes
}

/// Entries of each kind, each behind a byte that says how long it is.
#[cfg(test)]
pub(crate) fn samples() -> Vec<Vec<u8>> {
    use super::format::{Ending, Entry};
    use mirrorball_runtime::clock::Cycles;
    use mirrorball_runtime::device::i8042::Button;
    use mirrorball_runtime::device::network::Frame;
    use mirrorball_runtime::device::stroke::Stroke;
    use mirrorball_runtime::device::virtio::WindowSize;
    use mirrorball_runtime::exit::Outcome;
    use mirrorball_runtime::vm::arrivals::{Arrival, Arrived};
    let frame = Frame {
        bytes: vec![7; 60],
        checked: true,
    };
    let answer = vec![11, 0, 0, 0, 7, 0, 0, 5, 0, 0, 0];
    let arrivals = [
        Arrived::Typed(Stroke::Byte(b'a')),
        Arrived::Typed(Stroke::Break),
        Arrived::Frame { port: 0, frame },
        Arrived::Answer {
            folder: 0,
            job: 3,
            answer,
        },
        Arrived::Resized(WindowSize::default()),
        Arrived::Balloon(9),
        Arrived::Pressed(Button::Power),
    ];
    let arrivals = arrivals.into_iter().zip(0..);
    let arrivals = arrivals.map(|(what, at)| {
        Entry::Arrival(Arrival {
            at: Cycles(at * 300),
            what,
        })
    });
    let ending = Entry::Ending(Ending {
        outcome: Outcome::Limit,
        instructions: 2_000,
        state: 1,
    });
    let entries = arrivals.chain([ending]).map(|entry| {
        let entry = postcard::to_stdvec(&entry).expect("an entry is data");
        [&[entry.len() as u8][..], &entry].concat()
    });
    vec![entries.flatten().collect()]
}
