//! What the chip answers to a query: how large it is, how it is erased, which commands it has
//! (JESD68.01, section 2.2, and the extended table of the Intel command set).

/// The most bytes that are programmed together, as a power of two, and as a number.
const BUFFER_BITS: u8 = 11;
pub const BUFFER: u64 = 1 << BUFFER_BITS;

/// The query table from its first word, 0x10, on.
const TABLE: &[u8] = &[
    b'Q',
    b'R',
    b'Y',
    0x01,
    0x00, // Intel's extended command set,
    0x31,
    0x00, // whose table is there.
    0x00,
    0x00,
    0x00,
    0x00, // No other command set.
    0x45,
    0x55, // From 4.5 to 5.5 V.
    0x00,
    0x00, // No supply for programming.
    0x07,
    0x07, // Typically 128 µs to program a word, or a buffer,
    0x0a,
    0x00, // a second to erase a sector, and no command to erase the chip.
    0x04,
    0x04, // At most 16 times as long
    0x04,
    0x00, // in each case.
    22,   // 4 MiB.
    0x02,
    0x00, // Asynchronous.
    BUFFER_BITS,
    0x00,
    0x01, // Sectors of one size:
    63,
    0x00, // 64 of them,
    0x00,
    0x01, // of 256 times 256 bytes.
    b'P',
    b'R',
    b'I',
    b'1',
    b'0',
    0x20,
    0x00,
    0x00,
    0x00, // Sectors are locked at once, one by one.
    0x00, // Nothing is suspended.
    0x01,
    0x00, // A sector shows whether it is locked.
    0x50,
    0x00, // 5 V, and no supply for programming.
    0x00, // No protection registers.
];

/// The byte of a word of the table.
pub fn byte(word: u64) -> u8 {
    let at = word.checked_sub(0x10);
    let byte = at.and_then(|at| TABLE.get(at as usize));
    byte.copied().unwrap_or(0)
}
