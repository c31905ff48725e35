//! `mirrorball inspect`: a block of guest code and what the JIT makes of it, of an image, or of a machine
//! at some instruction of a run.

mod at;
mod heat;
mod page;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use comfy_table::Table;
use comfy_table::presets::NOTHING;
use mirrorball_runtime::addr::{Pa, Va};
use mirrorball_runtime::cpu::cp0::STATUS_CU1;
use mirrorball_runtime::vm::{Vm, VmConfig};

use self::heat::{Counts, Heat};
use super::program::extent;
use super::run::SandboxMode;
use super::switches::RunSwitches;
use super::{CliError, Exit, print};
use crate::engine::jit::JitError;
use crate::image::{self, Image, MemorySize};
use crate::interp::block::Source;
use crate::isa::disasm::listing;
use crate::machine::table::{Table as _, Taker};
use crate::machine::{RtcStart, Uses, values};
use crate::report::OutFile;
use crate::translate::host::Host;
use crate::translate::listing::text;
use crate::translate::{Explained, Region, TranslateError, Translator};

/// Show a block of guest code, its Cranelift IR and its host code side by side
///
/// Side by side if the terminal is wide enough, else one after the other. The block is that of
/// kernel code which may use the FPU, if the CPU has one. With --at COUNT the guest runs as `run` would
/// have it, until COUNT instructions have run: what is shown then is the machine's state, the code
/// around its program counter, and the block there, or at ADDRESS.
#[derive(Debug, Args)]
#[command(
    after_long_help = EXAMPLES,
    mut_arg("console", |arg| arg.help(CONSOLE).long_help(CONSOLE))
)]
pub(super) struct InspectArgs {
    /// ELF executable, or a flat binary with --flat; with --at, by default the tour
    #[arg(required_unless_present = "at")]
    image: Option<PathBuf>,
    /// Virtual address of the block's first instruction
    #[arg(value_parser = values::address, required_unless_present = "at")]
    address: Option<Va>,
    /// Run the guest, and show it after COUNT instructions
    #[arg(long, value_name = "COUNT", value_parser = values::count)]
    at: Option<u64>,
    /// Show the code for another host: x86_64, aarch64 or riscv64, or a triple such as
    /// aarch64-unknown-linux-gnu. It is for any CPU of that kind; without this switch it is for this
    /// one
    #[arg(long, value_name = "HOST")]
    target: Option<Host>,
    /// Write the block to FILE as a page for a browser: a line that is pointed at shows what belongs to the
    /// same guest instruction in guest code, IR and host code. With --at, it also shows how often each
    /// instruction ran at the end of the run
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// What the process leaves itself before a guest runs: strict is the files and system calls
    /// that it needs, off is everything that the user may do
    #[arg(long, value_name = "MODE", value_enum, default_value = "strict")]
    sandbox: SandboxMode,
    #[command(flatten)]
    machine: RunSwitches,
}

/// What help says of the console, which is elsewhere by default than that of `run`.
const CONSOLE: &str = "Where the guest's console goes: file:PATH [default: none]";

const EXAMPLES: &str = "\
Examples:
  mirrorball inspect kernel.elf 0x80100120
      the block at that address of an image
  mirrorball inspect --at 1M
      the tour after a million instructions
  mirrorball inspect vmlinux --initrd initrd.gz --append console=ttyS0 --at 3914028341
      a kernel at the instruction that `bisect` has found
  mirrorball inspect --replay bug.record --at 5G --target aarch64
      a recorded run, with the code that a host of another kind would run
  mirrorball inspect --at 1M --html block.html
      the same block as a page, with how often its instructions ran

The count is that of --hash, --until, and GDB's 'monitor count'.";

/// What the JIT makes of a block.
struct Findings {
    /// Where it is.
    address: Va,
    /// The [`code_address`](crate::interp::block::code_address) of its first instruction.
    first: u32,
    guest: String,
    /// IR and host code, unless the block is one that is always interpreted.
    made: Option<Made>,
    instructions: usize,
    /// How often they ran, if that was counted.
    heat: Option<Heat>,
}

struct Made {
    explained: Explained,
    time: Duration,
}

/// Translations that the time is the median of: the first ones find the host's caches cold.
const REPEATS: usize = 9;

/// Shows what the arguments ask for.
pub(super) fn execute(args: &InspectArgs) -> Result<Exit, CliError> {
    if let Some(count) = args.at {
        return at::execute(args, count);
    }
    match (&args.image, args.address) {
        (Some(path), Some(address)) => of_image(args, path, address),
        _ => Err(CliError::NoImage),
    }
}

/// Shows the block at `address` of the image at `path`.
fn of_image(args: &InspectArgs, path: &Path, address: Va) -> Result<Exit, CliError> {
    let settings = &args.machine.0;
    if let Some(setting) = settings.said_beyond(Taker::Inspect) {
        return Err(CliError::NotRun(setting));
    }
    let image = settings.open(path)?;
    let mut uses = Uses::default();
    uses.read("the kernel", path);
    if let Some(path) = &args.html {
        uses.write("the page", path);
    }
    uses.are_apart()?;
    let place = place(&image, address).ok_or_else(|| CliError::NoCode {
        image: path.display().to_string(),
        address,
        code: extent(&image),
    })?;
    let model = settings.cpu();
    let memory = MemorySize::default();
    let mut vm = Vm::new(VmConfig {
        model,
        memory: memory.bytes(),
        big_endian: image.big_endian,
        second_tlb: 0,
        hypercalls: true,
        rtc_base: RtcStart::Fixed(0).seconds(),
    })?;
    image::load(&image, None, "", memory, &mut *vm)?.enter(&mut vm);
    if model.has_fpu() {
        vm.cpu.cp0.status |= STATUS_CU1;
        vm.select_space();
    }
    print(&args.block(&vm, address, place, None)?)
}

impl InspectArgs {
    /// The file for the page, if there is to be one.
    fn page(&self) -> Result<Option<OutFile>, CliError> {
        Ok(self.html.clone().map(OutFile::open).transpose()?)
    }

    /// The block at `address`, which is at `place` in memory, as the host that is asked for would run it. It
    /// is written as a page as well, if that is asked for.
    fn block(
        &self,
        vm: &Vm,
        address: Va,
        place: Pa,
        counts: Option<&Counts>,
    ) -> Result<String, CliError> {
        let page = self.page()?;
        let host = self.target.clone().unwrap_or(Host::This);
        let mut findings = look(vm, address, place, host).map_err(JitError::from)?;
        findings.heat = counts.map(|counts| counts.block(place, findings.instructions));
        if let Some(file) = page {
            file.write(&page::page(&findings))?;
        }
        Ok(render(&findings, width()))
    }
}

/// Where the instruction at `address` is in memory.
fn place(image: &Image, address: Va) -> Option<Pa> {
    if !address.0.is_multiple_of(4) {
        return None;
    }
    image.word(address)?;
    let segment = image.segments.iter().find(|s| s.contains(address))?;
    Some(Pa(segment.pa.0 + (address.0 - segment.va.0)))
}

fn look(vm: &Vm, address: Va, place: Pa, host: Host) -> Result<Findings, TranslateError> {
    let source = Source::find(vm, address, place);
    let guest = listing(source.code.iter().map(|&(word, _)| word), address.0 as u32);
    let instructions = source.code.len();
    let first = source.pc;
    if !source.translatable() {
        return Ok(Findings {
            address,
            first,
            guest,
            made: None,
            instructions,
            heat: None,
        });
    }
    let region = Region::of_block(vm, source);
    let mut translator = Translator::for_host(host)?;
    let explained = translator.explain(&region)?;
    let mut times = Vec::with_capacity(REPEATS);
    for _ in 0..REPEATS {
        times.push(translator.time(&region)?);
    }
    times.sort_unstable();
    Ok(Findings {
        address,
        first,
        guest,
        made: Some(Made {
            explained,
            time: times[REPEATS / 2],
        }),
        instructions,
        heat: None,
    })
}

/// The columns that standard output has, if it is a terminal.
fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).ok()?;
    Some(size.ws_col.into())
}

fn render(findings: &Findings, width: Option<usize>) -> String {
    let Some(made) = &findings.made else {
        return format!(
            "{}Always interpreted: it leaves the CPU to the monitor, or its delay slot is on another page.\n",
            findings.guest
        );
    };
    let Explained { ir, listing, bytes } = &made.explained;
    let (ir, listing) = (text(ir), text(listing));
    let parts = [
        ("Guest", findings.guest.as_str()),
        ("Cranelift IR", ir.as_str()),
        ("Host", listing.as_str()),
    ];
    let side_by_side = beside(parts);
    let widest = side_by_side.lines().map(|line| line.chars().count()).max();
    let mut shown = if width.is_none_or(|width| widest.unwrap_or(0) <= width) {
        side_by_side
    } else {
        let part = |(name, text): (&str, &str)| format!("{name}\n{text}\n");
        parts.map(part).concat()
    };
    let _ = writeln!(
        shown,
        "\n{} guest instructions, {} bytes of host code: {:.1} an instruction; translated in {} µs",
        findings.instructions,
        bytes,
        *bytes as f64 / findings.instructions as f64,
        made.time.as_micros()
    );
    shown
}

fn beside(parts: [(&str, &str); 3]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.add_row(parts.map(|(name, _)| name));
    table.add_row(parts.map(|(_, text)| text.trim_end()));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    format!("{}\n", table.trim_fmt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Findings {
        let line = |text: &str| crate::translate::Line {
            text: text.to_owned(),
            pc: None,
        };
        Findings {
            address: Va(0),
            first: 0,
            guest: "  g1\n  g2\n".into(),
            made: Some(Made {
                explained: Explained {
                    ir: vec![line("i1")],
                    listing: vec![line("  ret")],
                    bytes: 1,
                },
                time: Duration::from_micros(5),
            }),
            instructions: 2,
            heat: None,
        }
    }

    #[test]
    fn a_wide_terminal_shows_columns_and_a_narrow_one_parts() {
        let wide = render(&findings(), None);
        assert!(wide.starts_with("Guest  Cranelift IR  Host\n"), "{wide}");
        assert!(wide.contains("g1   i1"), "{wide}");
        let narrow = render(&findings(), Some(10));
        assert!(
            narrow.starts_with("Guest\n  g1\n  g2\n\nCranelift IR\ni1\n"),
            "{narrow}"
        );
        for text in [wide, narrow] {
            assert!(
                text.ends_with("1 bytes of host code: 0.5 an instruction; translated in 5 µs\n")
            );
        }
    }

    #[test]
    fn what_is_interpreted_says_so() {
        let findings = Findings {
            made: None,
            ..findings()
        };
        assert!(render(&findings, None).contains("Always interpreted"));
    }
}
