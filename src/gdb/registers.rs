//! The registers as a debugger numbers them, and their description for it.
//!
//! The numbers and features up to FIR are those that GDB expects of a MIPS CPU; what coprocessor 0
//! has beside them follows in a feature of our own.

use std::fmt::Write;
use std::num::NonZeroUsize;

use gdbstub::arch::{Arch, RegId, Registers};
use mirrorball_runtime::vm::Vm;
use mirrorball_runtime::vm::debug::{self, Edit, Register};

use Register::{Cp0, Float, FloatControl, FloatModel, General, Hi, Lo, Pc};

/// The bytes of a register.
const BYTES: usize = 4;
const FIRST_FLOAT: usize = 38;
const FIRST_OWN: usize = 72;

/// The registers between the general ones and those of the FPU.
const SPECIAL: [(&str, Register); 6] = [
    ("status", Cp0(12, 0)),
    ("lo", Lo),
    ("hi", Hi),
    ("badvaddr", Cp0(8, 0)),
    ("cause", Cp0(13, 0)),
    ("pc", Pc),
];

/// What GDB does not know by itself.
pub(super) const OWN: [(&str, Register); 25] = [
    ("index", Cp0(0, 0)),
    ("random", Cp0(1, 0)),
    ("entrylo0", Cp0(2, 0)),
    ("entrylo1", Cp0(3, 0)),
    ("context", Cp0(4, 0)),
    ("pagemask", Cp0(5, 0)),
    ("wired", Cp0(6, 0)),
    ("hwrena", Cp0(7, 0)),
    ("count", Cp0(9, 0)),
    ("entryhi", Cp0(10, 0)),
    ("compare", Cp0(11, 0)),
    ("intctl", Cp0(12, 1)),
    ("epc", Cp0(14, 0)),
    ("prid", Cp0(15, 0)),
    ("ebase", Cp0(15, 1)),
    ("config", Cp0(16, 0)),
    ("config1", Cp0(16, 1)),
    ("config2", Cp0(16, 2)),
    ("config3", Cp0(16, 3)),
    ("lladdr", Cp0(17, 0)),
    ("taglo", Cp0(28, 0)),
    ("datalo", Cp0(28, 1)),
    ("taghi", Cp0(29, 0)),
    ("datahi", Cp0(29, 1)),
    ("errorepc", Cp0(30, 0)),
];

/// How many there are.
const COUNT: usize = FIRST_OWN + OWN.len();

/// The registers that are neither general ones nor those of the FPU, by name.
pub fn system() -> impl Iterator<Item = (&'static str, Register)> {
    SPECIAL.into_iter().chain(OWN)
}

/// The number of a register.
#[derive(Clone, Copy, Debug)]
pub struct Number(usize);

impl Number {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..COUNT).map(Self)
    }

    /// The register.
    fn register(self) -> Register {
        match self.0 {
            number @ 0..32 => General(number as u8),
            number @ 32..FIRST_FLOAT => SPECIAL[number - 32].1,
            number @ FIRST_FLOAT..70 => Float((number - FIRST_FLOAT) as u8),
            70 => FloatControl,
            71 => FloatModel,
            number => OWN[number - FIRST_OWN].1,
        }
    }

    /// What it holds, in the guest's byte order.
    pub fn read(self, vm: &Vm) -> [u8; BYTES] {
        let value = debug::register(vm, self.register());
        if vm.ram.big_endian() {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    /// Writes it, in the guest's byte order. Says whether it holds that now, as far as there are bits
    /// that software can write.
    pub fn write(self, vm: &mut Vm, bytes: &[u8]) -> bool {
        let Ok(bytes) = <[u8; BYTES]>::try_from(bytes) else {
            return false;
        };
        let value = if vm.ram.big_endian() {
            u32::from_be_bytes(bytes)
        } else {
            u32::from_le_bytes(bytes)
        };
        let (register, before) = (self.register(), debug::register(vm, self.register()));
        if value == before {
            return true;
        }
        debug::edit(vm, Edit::Register(register, value));
        debug::register(vm, register) != before
    }
}

impl RegId for Number {
    fn from_raw_id(id: usize) -> Option<(Self, Option<NonZeroUsize>)> {
        (id < COUNT).then_some((Self(id), NonZeroUsize::new(BYTES)))
    }
}

/// All registers, one after the other, in the guest's byte order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image(pub Vec<u8>);

impl Image {
    /// Those of a machine.
    pub fn of(vm: &Vm) -> Self {
        Self(Number::all().flat_map(|number| number.read(vm)).collect())
    }

    /// Writes those that differ. Says whether all could be written.
    pub fn write(&self, vm: &mut Vm) -> bool {
        let numbers = Number::all().zip(self.0.chunks(BYTES));
        numbers.fold(true, |all, (number, bytes)| number.write(vm, bytes) && all)
    }
}

impl Registers for Image {
    type ProgramCounter = u32;

    fn pc(&self) -> u32 {
        0
    }

    fn gdb_serialize(&self, write_byte: impl FnMut(Option<u8>)) {
        self.0.iter().copied().map(Some).for_each(write_byte);
    }

    fn gdb_deserialize(&mut self, bytes: &[u8]) -> Result<(), ()> {
        if bytes.len() > COUNT * BYTES || !bytes.len().is_multiple_of(BYTES) {
            return Err(());
        }
        self.0 = bytes.to_vec();
        Ok(())
    }
}

/// The guest's CPU, as the protocol sees it.
#[derive(Debug)]
pub enum Mips32 {}

impl Arch for Mips32 {
    type Usize = u32;
    type Registers = Image;
    type BreakpointKind = usize;
    type RegId = Number;
}

/// A register's line in the description: its number and its name, and what else there is to say.
type Line<'a> = (usize, &'a str, &'a str);

/// A feature of the description.
fn feature<'a>(text: &mut String, name: &str, lines: impl IntoIterator<Item = Line<'a>>) {
    let _ = writeln!(text, "<feature name=\"{name}\">");
    for (number, name, more) in lines {
        let _ = writeln!(
            text,
            "<reg name=\"{name}\" bitsize=\"32\" regnum=\"{number}\"{more}/>"
        );
    }
    text.push_str("</feature>\n");
}

/// The target description. It says nothing of the byte order, which GDB has from the guest's image.
pub fn description() -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n\
         <target>\n<architecture>mips</architecture>\n",
    );
    let numbered = |letter: char| (0..32).map(move |number| format!("{letter}{number}"));
    let (general, float): (Vec<_>, Vec<_>) = (numbered('r').collect(), numbered('f').collect());
    let special = |wanted: bool| {
        let lines = (32..).zip(SPECIAL);
        let lines = lines.filter(move |(_, (_, kind))| matches!(kind, Cp0(..)) == wanted);
        lines.map(|(number, (name, _))| (number, name, ""))
    };
    let lines = (0..)
        .zip(&general)
        .map(|(number, name)| (number, name.as_str(), ""));
    feature(
        &mut text,
        "org.gnu.gdb.mips.cpu",
        lines.chain(special(false)),
    );
    feature(&mut text, "org.gnu.gdb.mips.cp0", special(true));
    let single = " type=\"ieee_single\"";
    let lines = (FIRST_FLOAT..).zip(&float);
    let lines = lines.map(|(number, name)| (number, name.as_str(), single));
    let control = [
        (70, "fcsr", " group=\"float\""),
        (71, "fir", " group=\"float\""),
    ];
    feature(&mut text, "org.gnu.gdb.mips.fpu", lines.chain(control));
    let lines = (FIRST_OWN..).zip(OWN);
    let lines = lines.map(|(number, (name, _))| (number, name, " group=\"system\""));
    feature(&mut text, "org.mirrorball.mips.cp0", lines);
    text.push_str("</target>\n");
    text
}
