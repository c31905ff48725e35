use super::testing::{Elf, Memory, Part};
use super::*;
use mirrorball_runtime::cpu::model::Model;
use mirrorball_runtime::vm::VmConfig;

fn memory(text: &str) -> MemorySize {
    text.parse().unwrap()
}

fn boot(elf: &Elf, initrd: Option<usize>, size: &str) -> Result<(BootState, Vec<u8>), String> {
    let image = elf::parse("vmlinux", &elf.bytes()).unwrap();
    let initrd = initrd.map(|size| Initrd::from_bytes("rd", vec![0xee; size]));
    let size = memory(size);
    let mut sink = Memory(vec![0; size.low() as usize]);
    let state =
        load(&image, initrd.as_ref(), "quiet", size, &mut sink).map_err(|e| e.to_string())?;
    Ok((state, sink.0))
}

fn string(memory: &[u8], pointer: usize) -> &str {
    let at = u32::from_le_bytes(memory[0x2000 + pointer * 4..][..4].try_into().unwrap());
    let bytes = &memory[(at - 0x8000_0000) as usize..];
    std::str::from_utf8(bytes.split(|&b| b == 0).next().unwrap()).unwrap()
}

#[test]
fn a_kernel_finds_what_the_boot_code_leaves() {
    let (state, memory) = boot(&Elf::new(false), Some(100_000), "8M").unwrap();
    assert_eq!(
        state,
        BootState {
            entry: Va(0x8010_0004),
            a0: 2,
            a1: 0x8000_2000,
            a2: 0x8000_2008,
            a3: 8 << 20,
            sp: 0x8000_1fc0,
            big_endian: false,
        }
    );
    assert_eq!(memory[0x10_0000..0x10_0009], *b"codecode\0");
    assert_eq!(string(&memory, 0), "vmlinux");
    assert_eq!(
        string(&memory, 1),
        "rd_start=0xffffffff807d0000 rd_size=100000 quiet"
    );
    assert_eq!(string(&memory, 3), "8388608");
    let start = 0x7d_0000;
    assert_eq!(memory[start - 1], 0);
    assert!(memory[start..start + 100_000].iter().all(|&b| b == 0xee));
    assert_eq!(memory[start + 100_000], 0);
}

#[test]
fn the_initrd_is_where_qemu_has_it() {
    let image = elf::parse("k", &Elf::new(false).bytes()).unwrap();
    let placed = Initrd::from_bytes("rd", vec![0; 27_038_261]).place(&image, memory("512M"));
    assert_eq!(placed.unwrap().start, Pa(0x0e62_0000));
}

#[test]
fn only_low_memory_is_told_in_a3() {
    let image = elf::parse("k", &Elf::new(true).bytes()).unwrap();
    let mut sink = Memory(vec![0; 256 << 20]);
    let state = load(&image, None, "", memory("2G"), &mut sink).unwrap();
    assert_eq!((state.a3, state.big_endian), (0x1000_0000, true));
    assert_eq!(sink.0[0x2000..0x2004], [0x80, 0, 0x20, 0x40]);
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut elf = Elf::new(false);
    elf.segments[0].size = 0x10_0000;
    assert!(boot(&elf, None, "2M").is_ok());
    elf.segments[0].size += 1;
    assert_eq!(
        boot(&elf, None, "2M").unwrap_err(),
        "vmlinux: the part at physical 0x00100000-0x00200001 is outside of memory \
         (2M, of which the first 256M are at 0); give more --memory or link it lower"
    );
    assert_eq!(
        boot(
            &Elf {
                entry: 0x9000_0000,
                segments: vec![Part::at(0x9000_0000, b"x")],
                ..elf
            },
            None,
            "1G"
        )
        .unwrap_err(),
        "vmlinux: the part at physical 0x10000000-0x10000001 is outside of memory \
         (1024M, of which the first 256M are at 0); give more --memory or link it lower"
    );
}

#[test]
fn the_arguments_are_not_written_over() {
    let mut elf = Elf::new(false);
    elf.segments.push(Part::at(0x8000_2a3f, b"x"));
    assert_eq!(
        boot(&elf, None, "8M").unwrap_err(),
        "vmlinux: the part at physical 0x00002a3f-0x00002a40 covers the boot arguments \
         at 0x00002000-0x00002a40; link it elsewhere"
    );
    elf.segments[1] = Part::at(0x8000_2a40, b"x");
    assert!(boot(&elf, None, "8M").is_ok());
    elf.segments[1] = Part::at(0x8000_1fff, b"x");
    assert!(boot(&elf, None, "8M").is_ok());
}

#[test]
fn an_initrd_that_does_not_fit_is_refused() {
    let line = |size| {
        format!(
            "rd: initrd of {size} bytes does not fit above the kernel, which ends at 0x00100008, \
             in 2M of memory; give more --memory (at most 256M help) or a smaller initrd"
        )
    };
    let room = (2 << 20) - (128 << 10) - (1 << 20) - (64 << 10);
    assert!(boot(&Elf::new(false), Some(room), "2M").is_ok());
    for size in [room + (64 << 10), 2 << 20, 3 << 20] {
        assert_eq!(
            boot(&Elf::new(false), Some(size), "2M").unwrap_err(),
            line(size)
        );
    }
}

#[test]
fn a_program_in_useg_starts_where_it_needs_no_tlb() {
    let level = |entry: u32| {
        let mut vm = Vm::new(VmConfig {
            model: Model::find("24Kf").unwrap(),
            memory: 1 << 20,
            big_endian: false,
            second_tlb: 0,
            hypercalls: true,
            rtc_base: 0,
        })
        .unwrap();
        let state = BootState {
            entry: Va(entry.into()),
            a0: 0,
            a1: 0,
            a2: 0,
            a3: 0,
            sp: 0,
            big_endian: false,
        };
        state.enter(&mut vm);
        vm.cpu.cp0.status & STATUS_ERL
    };
    assert_eq!(level(0x8010_0000), 0);
    assert_eq!(level(0x0010_0000), STATUS_ERL);
}
