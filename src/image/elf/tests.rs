use super::*;
use crate::image::testing::{Elf, Part};

/// The message for a good little-endian file with `bytes` at `offset`.
fn patched(offset: usize, bytes: &[u8]) -> String {
    let mut file = Elf::new(false).bytes();
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
    error(&file)
}

fn error(file: &[u8]) -> String {
    let text = parse("k", file).unwrap_err().to_string();
    assert!(!text.contains('\n'), "one line: {text}");
    text
}

fn segments(parts: &[Part]) -> String {
    error(
        &Elf {
            segments: parts.to_vec(),
            ..Elf::new(false)
        }
        .bytes(),
    )
}

#[test]
fn both_byte_orders_load() {
    for big_endian in [false, true] {
        let image = parse("k", &Elf::new(big_endian).bytes()).unwrap();
        assert_eq!(image.big_endian, big_endian);
        assert_eq!(image.entry, Va(0x8010_0004));
        let [segment] = &image.segments[..] else {
            panic!("{:?}", image.segments)
        };
        assert_eq!((segment.va, segment.pa), (Va(0x8010_0000), Pa(0x10_0000)));
        assert_eq!(
            (segment.bytes.as_slice(), segment.size),
            (&b"codecode"[..], 8)
        );
    }
}

#[test]
fn what_is_beyond_the_file_is_zero_and_counts() {
    let mut file = Elf::new(false);
    file.segments[0].size = 0x1000;
    let image = parse("k", &file.bytes()).unwrap();
    assert_eq!(image.segments[0].end(), Pa(0x10_1000));
    assert_eq!(
        image.word(Va(0x8010_0000)),
        Some(u32::from_le_bytes(*b"code"))
    );
    assert_eq!(image.word(Va(0x8010_0008)), None);
}

#[test]
fn segments_go_where_they_are_loaded_not_where_they_run() {
    let mut file = Elf::new(false);
    file.segments.push(Part {
        va: 0xc000_0000,
        pa: 0x0020_0000,
        ..Part::at(0, b"mod")
    });
    let image = parse("k", &file.bytes()).unwrap();
    assert_eq!(
        (image.segments[1].va, image.segments[1].pa),
        (Va(0xc000_0000), Pa(0x20_0000))
    );
}

#[test]
fn the_entry_may_be_the_uncached_view() {
    let file = Elf {
        entry: 0xa010_0004,
        ..Elf::new(false)
    };
    assert_eq!(parse("k", &file.bytes()).unwrap().entry, Va(0xa010_0004));
}

#[test]
fn what_is_not_elf_is_named_by_its_start() {
    assert_eq!(
        error(&[0x1f, 0x8b, 8, 0, 0, 0]),
        "k: is not an ELF file, it starts with [1f, 8b, 08, 00]; \
         unpack it first, or give --flat ADDRESS if it is a flat binary"
    );
}

#[test]
fn a_cut_off_file_is_seen_at_every_length() {
    let file = Elf::new(false).bytes();
    for length in 1..file.len() {
        let text = error(&file[..length]);
        assert!(
            text.starts_with("k: ELF file is cut off: "),
            "{length}: {text}"
        );
    }
    assert_eq!(
        error(&file[..90]),
        "k: ELF file is cut off: a segment would end at byte 92, the file ends at 90; build or download it again"
    );
}

#[test]
fn other_classes_and_machines_are_named() {
    assert_eq!(
        patched(4, &[2]),
        "k: is a 64-bit ELF file (class 2); build it for MIPS32"
    );
    assert_eq!(
        patched(4, &[7]),
        "k: has no valid ELF class (7); build it again for MIPS32"
    );
    assert_eq!(
        patched(5, &[3]),
        "k: has no valid ELF byte order (3); build it again for MIPS32"
    );
    assert_eq!(
        patched(18, &[3, 0]),
        "k: is for another machine (x86); build it for MIPS32"
    );
    assert_eq!(
        patched(18, &[9, 9]),
        "k: is for another machine (ELF machine 2313); build it for MIPS32"
    );
}

#[test]
fn only_executables_run() {
    assert_eq!(
        patched(16, &[1, 0]),
        "k: is not an executable but an object file; link it with a fixed address"
    );
    assert_eq!(
        patched(16, &[3, 0]),
        "k: is not an executable but a shared object or position-independent; \
         link it with a fixed address"
    );
}

#[test]
fn bad_program_headers_are_refused() {
    assert_eq!(
        patched(42, &[56, 0]),
        "k: program headers are 56 bytes each, not 32; build it again with a MIPS32 linker"
    );
    assert_eq!(
        patched(28, &[20, 0, 0, 0]),
        "k: the program headers at file offset 0x14 overlap the ELF header; \
         build it again with a MIPS32 linker"
    );
    assert_eq!(
        patched(28, &[0xff, 0xff, 0xff, 0xff]),
        "k: ELF file is cut off: its program headers would end at byte 4294967327, the file ends at 92; \
         build or download it again"
    );
    assert_eq!(
        segments(&[]),
        "k: has nothing to load; link it as an executable"
    );
    assert_eq!(
        patched(52, &[6]),
        "k: has nothing to load; link it as an executable"
    );
}

#[test]
fn bad_segments_are_refused() {
    assert_eq!(
        segments(&[Part {
            size: 3,
            ..Part::at(0x8010_0000, b"code")
        }]),
        "k: segment 0 has 4 bytes in the file but only 3 in memory; link it again"
    );
    for (start, size, end) in [
        (0x0000_0000_c000_0000_u32, 4, "0xc0000004"),
        (0x4000_0000, 4, "0x40000004"),
        (0xffff_fffc, 8, "0x100000004"),
        (0xbfff_fffc, 8, "0xc0000004"),
        (0x1fff_fffc, 8, "0x20000004"),
        (0x9fff_fffc, 8, "0xa0000004"),
    ] {
        assert_eq!(
            segments(&[Part {
                size,
                ..Part::at(start, b"code")
            }]),
            format!(
                "k: segment 0 at {start:#010x}-{end} is not in kseg0, kseg1 or the memory \
                 behind them; link it from 0x80000000 up"
            )
        );
    }
    assert_eq!(
        segments(&[
            Part::at(0xa010_0004, b"data"),
            Part::at(0x8010_0000, b"codecode")
        ]),
        "k: segments 1 and 0 overlap at physical 0x00100004; link them apart"
    );
}

#[test]
fn an_entry_outside_is_refused() {
    for entry in [0x8010_0008_u32, 0x0010_0004, 0x800f_fffc, 0xc010_0000] {
        assert_eq!(
            error(
                &Elf {
                    entry,
                    ..Elf::new(false)
                }
                .bytes()
            ),
            format!(
                "k: the entry point {entry:#010x} is in no segment; \
                 give the linker the start symbol (-e)"
            )
        );
    }
}
