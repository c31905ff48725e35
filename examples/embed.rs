//! Runs a kernel in a machine of its own and prints what it says: the library without the program.
//!
//! `cargo run --release --no-default-features --example embed guests/prebuilt/hello.el.elf`

use mirrorball::engine::{Jit, JitConfig};
use mirrorball::image::{self, elf};
use mirrorball_runtime::cpu::model::Model;
use mirrorball_runtime::device::stroke::Stroke;
use mirrorball_runtime::vm::host::Host;
use mirrorball_runtime::vm::{Vm, VmConfig};

/// A console that is the program's standard output.
struct Console;

impl Host for Console {
    fn output(&mut self, bytes: &[u8]) -> Vec<Stroke> {
        print!("{}", String::from_utf8_lossy(bytes));
        // Nothing is typed in answer.
        Vec::new()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("name an ELF image")?;
    let image = elf::parse(&path, &std::fs::read(&path)?)?;
    let mut vm = Vm::new(VmConfig {
        model: Model::find("24Kf").ok_or("no such CPU model")?,
        memory: 64 << 20,
        big_endian: image.big_endian,
        second_tlb: 1024,
        hypercalls: true,
        rtc_base: 1_767_225_600,
    })?;
    image::load(&image, None, "", "64M".parse()?, &mut *vm)?.enter(&mut vm);
    let outcome = vm.run(&mut Jit::new(JitConfig::default())?, &mut Console, u64::MAX);
    let (count, ra) = (vm.cpu.retired(), vm.cpu.gpr[31]);
    println!("{outcome:?} after {count} instructions, with $ra = {ra:#010x}");
    Ok(())
}
