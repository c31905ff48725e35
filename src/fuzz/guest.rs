//! What guests do.

use std::fs;

use mirrorball_runtime::addr::Pa;
use mirrorball_runtime::cpu::model::Model;
use mirrorball_runtime::device::disk::{Bus, MemoryDisk};
use mirrorball_runtime::vm::host::Nowhere;
use mirrorball_runtime::vm::{Engine, Vm, VmConfig};
use tempfile::TempDir;

use crate::engine::{Interpreter, Jit, JitConfig};
use crate::folder::guard::Guard;

/// Bytes of RAM.
const MEMORY: u64 = 1 << 20;
/// Where code is, and what devices are to find.
const CODE: u32 = 0x8000_1000;
const DATA: u64 = 0x8_0000;
/// How far a guest runs.
const INSTRUCTIONS: u64 = 20_000;
const HANDLERS: [u64; 4] = [0, 0x100, 0x180, 0x200];
/// Behind the instruction that was refused: mfc0 $k0, $14; addiu $k0, 4; mtc0 $k0, $14; eret.
const HANDLER: [u32; 4] = [0x401a_7000, 0x275a_0004, 0x409a_7000, 0x4200_0018];
const HYPCALL: u32 = 0x4200_0028;
/// Where devices are, in kseg1, and RAM.
const WINDOWS: [(u32, u32); 12] = [
    (0xa000_0000, MEMORY as u32),
    // Ports: old ones, serial ports and IDE, those of functions on PCI.
    (0xb800_0000, 0x100),
    (0xb800_0170, 0x90),
    (0xb800_02f8, 0x110),
    (0xb800_03f0, 0x10),
    (0xb800_0cf0, 0x10),
    (0xb800_1000, 0x80),
    (0xb800_1100, 0x300),
    // Memory of functions on PCI.
    (0xb300_0000, 0x2_0000),
    (0xbbe0_0c00, 0x100),
    (0xbf00_0000, 0x1000),
    (0xbe00_0000, 0x1_0000),
];
/// The virtio functions, which are placed one behind the other: slot, function.
const VIRTIO: [(u32, u32); 5] = [(11, 0), (12, 0), (18, 0), (18, 1), (20, 0)];
/// Registers of the PIIX4's functions: function, register, value. Bus masters, USB and power management
/// get their ports.
const PIIX4: [(u32, u32, u32); 6] = [
    (1, 0x20, 0x1061),
    (1, 4, 5),
    (2, 0x20, 0x1041),
    (2, 4, 5),
    (3, 0x40, 0x1001),
    (3, 0x80, 1),
];

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A machine with disks, a balloon, a console and random numbers.
pub fn machine() -> Option<Box<Vm>> {
    let config = VmConfig {
        model: Model::find("24Kf")?,
        memory: MEMORY,
        big_endian: false,
        second_tlb: 16,
        hypercalls: true,
        rtc_base: 0,
    };
    let mut vm = Vm::new(config).ok()?;
    vm.board.fit_entropy(1);
    vm.board.fit_balloon();
    vm.board.fit_console();
    for (number, bus) in [Bus::Virtio, Bus::Virtio, Bus::Ide].into_iter().enumerate() {
        let disk = MemoryDisk::new(vec![number as u8; 0x4000], "serial");
        vm.connect_disk(number, bus, Box::new(disk)).ok()?;
    }
    for at in HANDLERS {
        vm.view().write_physical(Pa(at), &words(&HANDLER));
    }
    vm.cpu.pc = CODE.into();
    vm.cpu.cp0.status = 0x1000_ff01;
    Some(vm)
}

/// Has `register` hold `value`.
fn load(register: u32, value: u32) -> [u32; 2] {
    let high = 0x3c00_0000 | register << 16 | value >> 16;
    [
        high,
        0x3400_0000 | register << 21 | register << 16 | value & 0xffff,
    ]
}

/// A store of a word.
fn store(address: u32, value: u32) -> Vec<u32> {
    let store = 0x2b << 26 | 8 << 21 | 9 << 16;
    [&load(8, address)[..], &load(9, value), &[store]].concat()
}

/// Writes a register of a function on PCI.
fn configure((slot, function): (u32, u32), register: u32, value: u32) -> Vec<u32> {
    let target = 0x8000_0000 | slot << 11 | function << 8 | register;
    [store(0xbbe0_0cf8, target), store(0xbbe0_0cfc, value)].concat()
}

/// Places all functions, and has them decode and master.
fn place() -> Vec<u32> {
    let piix4 = PIIX4.into_iter();
    let piix4 = piix4.map(|(function, register, value)| configure((10, function), register, value));
    let virtio = VIRTIO.into_iter().zip(0..).map(|(function, number)| {
        [
            configure(function, 0x10, 0x1100 + 0x80 * number),
            configure(function, 0x20, 0x1300_0000 + 0x4000 * number),
            configure(function, 4, 7),
        ]
        .concat()
    });
    piix4.chain(virtio).flatten().collect()
}

/// What eight bytes stand for: an access, an instruction, or a hypercall.
fn step(bytes: [u8; 8]) -> Vec<u32> {
    let [kind, window, a0, a1, v0, v1, v2, v3] = bytes;
    let value = u32::from_le_bytes([v0, v1, v2, v3]);
    let (base, length) = WINDOWS[usize::from(window) % WINDOWS.len()];
    let at = u32::from(a0) | u32::from(a1) << 8;
    let address = base + at * if length > 0x1_0000 { 4 } else { 1 } % length;
    let access = |operation: u32| {
        let access = operation << 26 | 8 << 21 | 9 << 16;
        [&load(8, address)[..], &load(9, value), &[access]].concat()
    };
    match kind % 16 {
        at @ 0..3 => access([0x20, 0x21, 0x23][usize::from(at)]),
        at @ 3..10 => access([0x28, 0x29, 0x2b][usize::from(at) % 3]),
        10 => vec![value],
        11 => {
            let number = load(2, u32::from(window) % 16);
            let arguments = [load(4, value), load(5, at), load(6, address)].concat();
            [&number[..], &arguments, &[HYPCALL]].concat()
        }
        // Code that is changed while it runs.
        12 => store(0xa000_1000 + (at & !3) % 0x4000, value),
        13 => [
            load(9, value).to_vec(),
            vec![0x4089_0000 | u32::from(a0 & 31) << 11],
        ]
        .concat(),
        14 => vec![[0x4200_0002, 0x4200_0006, 0x4200_0008, 0x4200_0020][usize::from(a0) % 4]],
        _ => store(0xa000_0000 + DATA as u32 + (at & !3) % 0x1000, value),
    }
}

/// A machine whose guest has done the steps that bytes stand for, with these bytes in its memory.
pub(super) fn after(bytes: &[u8]) -> Option<Box<Vm>> {
    let mut vm = machine()?;
    let (steps, _) = bytes.as_chunks();
    let mut code = place();
    code.extend(steps.iter().take(2_000).copied().flat_map(step));
    code.extend([0x0800_0000 | CODE << 4 >> 6, 0]);
    vm.view().write_physical(Pa(0x1000), &words(&code));
    let memory = &bytes[..bytes.len().min(0x4000)];
    vm.view().write_physical(Pa(DATA), memory);
    let mut engine: Box<dyn Engine> = if bytes.first().is_some_and(|byte| byte & 0x80 != 0) {
        Box::new(Jit::new(JitConfig::default()).ok()?)
    } else {
        Box::new(Interpreter::new().ok()?)
    };
    vm.run(&mut *engine, &mut Nowhere, INSTRUCTIONS);
    Some(vm)
}

/// A guest that uses its devices, hypercalls, TLB and code in any way.
pub fn program(bytes: &[u8]) {
    if let Some(vm) = after(bytes) {
        let account = vm.account();
        let mut kept = account.holdings();
        assert!(kept.all(|(_, it)| it.bytes <= it.limit), "{account:?}");
    }
}

/// Messages of 9P to a folder, each behind two bytes that say how long it is.
pub fn messages(bytes: &[u8]) {
    let Some((&first, mut rest)) = bytes.split_first() else {
        return;
    };
    let Ok(folder) = TempDir::new() else { return };
    let shared = folder.path().join("shared");
    let made = fs::create_dir(&shared).and_then(|()| fs::write(shared.join("file"), "text"));
    let guard = made.and_then(|()| Guard::new(&shared, first & 1 != 0));
    let Ok(mut guard) = guard else { return };
    while let Some((length, more)) = rest.split_first_chunk() {
        let length = usize::from(u16::from_le_bytes(*length));
        let (message, behind) = more.split_at(more.len().min(length));
        guard.answer(message);
        rest = behind;
    }
    let outside = fs::read_dir(folder.path()).map_or(0, Iterator::count);
    assert_eq!(outside, 1, "nothing is made beside the folder");
}
