//! The boot arguments as Malta's boot monitor, YAMON, hands them to a kernel.
//!
//! At physical 0x2000 lies a table of 16 pointers in kseg0, each to a string in a slot of 256
//! bytes behind the table; a null pointer ends them. The first two strings are the arguments, the
//! others the environment in pairs of a name and a value.

use mirrorball_runtime::addr::Pa;

use super::initrd::Placed;
use super::{ImageError, MemorySize, Seed};

/// Where the table lies.
pub const TABLE: Pa = Pa(0x2000);
/// The number of arguments: the program's name and the command line.
pub const ARGC: u32 = 2;
/// The table as the guest sees it.
pub const ARGV: u32 = KSEG0 + TABLE.0 as u32;
/// The environment follows the arguments.
pub const ENVP: u32 = ARGV + ARGC * 4;
/// A stack that grows down from below the table.
pub const STACK: u32 = ARGV - 64;

const KSEG0: u32 = 0x8000_0000;
const POINTERS: u64 = 16;
const STRINGS: u64 = 10;
const SLOT: u64 = 256;
/// The address after the slots.
const SLOTS_END: Pa = Pa(TABLE.0 + POINTERS * 4 + STRINGS * SLOT);
/// The address after the last byte that the table and its strings may take.
pub const TABLE_END: Pa = Pa(SLOTS_END.0 + LONGEST as u64 + 1);
/// The longest command line, as Linux has it: one that does not fit into its slot lies behind all
/// slots.
const LONGEST: usize = 4096;

/// What a user has a kernel told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told<'a> {
    /// The user's command line.
    pub append: &'a str,
    /// What random numbers start from.
    pub seed: Seed,
}

impl<'a> From<&'a str> for Told<'a> {
    fn from(append: &'a str) -> Self {
        Self {
            append,
            seed: Seed::default(),
        }
    }
}

/// What a kernel is told.
pub(super) struct Arguments<'a> {
    /// The name that the kernel was booted as.
    pub kernel: &'a str,
    /// What the user has it told.
    pub told: Told<'a>,
    /// Where the initial RAM disk lies.
    pub initrd: Option<Placed>,
    /// How much memory there is.
    pub memory: MemorySize,
}

impl Arguments<'_> {
    /// The bytes that go to [`TABLE`], at most up to [`TABLE_END`].
    pub fn table(&self, big_endian: bool) -> Result<Vec<u8>, ImageError> {
        let pointers_size = POINTERS as usize * 4;
        let mut table = vec![0; pointers_size];
        let slots_end = (SLOTS_END.0 - TABLE.0) as usize;
        let strings = self.strings()?;
        let fits = |text: &str| text.len() < SLOT as usize;
        for (index, text) in strings.iter().enumerate() {
            let at = if fits(text) { table.len() } else { slots_end };
            let pointer = ARGV + at as u32;
            let pointer = if big_endian {
                pointer.to_be_bytes()
            } else {
                pointer.to_le_bytes()
            };
            table[index * 4..index * 4 + 4].copy_from_slice(&pointer);
            if fits(text) {
                table.extend_from_slice(text.as_bytes());
            }
            table.resize(pointers_size + (index + 1) * SLOT as usize, 0);
        }
        for text in strings.iter().filter(|text| !fits(text)) {
            table.extend_from_slice(text.as_bytes());
            table.push(0);
        }
        Ok(table)
    }

    fn strings(&self) -> Result<[String; STRINGS as usize], ImageError> {
        Ok([
            // A file's name can be longer than a slot once it is text.
            self.kernel.chars().take(SLOT as usize / 4 - 1).collect(),
            self.command_line()?,
            "memsize".to_owned(),
            self.memory.low().to_string(),
            "ememsize".to_owned(),
            self.memory.bytes().to_string(),
            "modetty0".to_owned(),
            "38400n8r".to_owned(),
            "rngseed".to_owned(),
            self.told.seed.digits(),
        ])
    }

    fn command_line(&self) -> Result<String, ImageError> {
        if let Some(position) = self.told.append.find('\0') {
            return Err(ImageError::CommandLineZero { position });
        }
        let line = match self.initrd {
            // Sign-extended, for the sake of 64-bit kernels.
            Some(Placed { start, size }) => format!(
                "rd_start={:#x} rd_size={size} {}",
                0xffff_ffff_0000_0000 | u64::from(KSEG0) | start.0,
                self.told.append
            ),
            None => self.told.append.to_owned(),
        };
        if line.len() > LONGEST {
            return Err(ImageError::CommandLineTooLong {
                length: line.len(),
                limit: LONGEST,
            });
        }
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments<'a>(append: &'a str, initrd: Option<Placed>) -> Arguments<'a> {
        Arguments {
            kernel: "vmlinux",
            told: append.into(),
            initrd,
            memory: "512M".parse().unwrap(),
        }
    }

    fn string(table: &[u8], index: usize) -> &str {
        let slot = &table[64 + index * 256..][..256];
        let end = slot.iter().position(|&b| b == 0).unwrap();
        std::str::from_utf8(&slot[..end]).unwrap()
    }

    #[test]
    fn the_table_is_what_qemu_leaves() {
        let initrd = Some(Placed {
            start: Pa(0x0e62_0000),
            size: 27_038_261,
        });
        let table = arguments("console=ttyS0 x=1", initrd).table(false).unwrap();
        assert_eq!(table[..8], [0x40, 0x20, 0, 0x80, 0x40, 0x21, 0, 0x80]);
        assert_eq!(table[36..64], {
            let mut rest = [0; 28];
            rest[..4].copy_from_slice(&[0x40, 0x29, 0, 0x80]);
            rest
        });
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6, 7, 8].map(|i| string(&table, i)),
            [
                "vmlinux",
                "rd_start=0xffffffff8e620000 rd_size=27038261 console=ttyS0 x=1",
                "memsize",
                "268435456",
                "ememsize",
                "536870912",
                "modetty0",
                "38400n8r",
                "rngseed",
            ]
        );
        assert_eq!(table.len(), 64 + 10 * 256);
    }

    #[test]
    fn pointers_are_in_the_guests_byte_order() {
        let table = arguments("", None).table(true).unwrap();
        assert_eq!(table[..8], [0x80, 0, 0x20, 0x40, 0x80, 0, 0x21, 0x40]);
        assert_eq!(string(&table, 1), "");
    }

    #[test]
    fn a_long_command_line_is_refused_not_cut() {
        let table = |length| arguments(&"x".repeat(length), None).table(false);
        assert_eq!(table(255).unwrap().len(), 64 + 10 * 256);
        let long = table(4096).unwrap();
        assert_eq!(
            long[4..8],
            (ARGV + 64 + 10 * 256).to_le_bytes(),
            "behind the slots"
        );
        assert_eq!(
            long[64 + 10 * 256..],
            *format!("{}\0", "x".repeat(4096)).as_bytes()
        );
        assert_eq!(string(&long, 2), "memsize");
        assert_eq!(
            arguments(&"x".repeat(4097), None)
                .table(false)
                .unwrap_err()
                .to_string(),
            "command line of 4097 bytes (with rd_start and rd_size) is too long; \
             at most 4096 fit, shorten --append"
        );
        assert_eq!(
            arguments("a\0b", None)
                .table(false)
                .unwrap_err()
                .to_string(),
            "command line has a zero byte at 1; remove it from --append"
        );
    }
}
