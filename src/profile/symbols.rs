//! Names of addresses: from an ELF file's table of symbols, or from a text such as `System.map` or
//! `/proc/kallsyms`.

use std::path::Path;

use object::elf::{self, FileHeader32};
use object::read::elf::{FileHeader as _, SectionHeader as _, Sym as _};
use object::{Endianness, SectionIndex};
use thiserror::Error;

use crate::image::{FileError, file};

/// Why a file gives no symbols.
#[derive(Debug, Error)]
#[expect(
    missing_docs,
    reason = "each variant's message says what its fields are"
)]
pub enum SymbolError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error("{path}: cannot be read as an ELF32 file: {source}; name one that is not cut off")]
    Elf { path: String, source: object::Error },
    #[error(
        "{0}: has no symbols; name an ELF file that is not stripped, System.map, or what the guest's /proc/kallsyms says"
    )]
    None(String),
}

/// The code of a symbol.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Symbol {
    start: u32,
    /// Where it ends, if the file says so; else it goes on to the next one.
    end: Option<u32>,
    /// None for what is no code.
    name: Option<String>,
}

/// Names of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols(Vec<Symbol>);

/// How far the last symbol reaches, and one before a gap.
const REACH: u32 = 1 << 20;

impl Symbols {
    /// The symbols of the file at `path`.
    ///
    /// # Errors
    /// When it cannot be read or has none.
    pub fn open(path: &Path) -> Result<Self, SymbolError> {
        let bytes = file::read(path)?;
        let path = path.display().to_string();
        let symbols = match bytes.starts_with(&elf::ELFMAG) {
            true => Self::of_elf(&bytes).map_err(|source| SymbolError::Elf {
                path: path.clone(),
                source,
            })?,
            false => Self::of_text(&String::from_utf8_lossy(&bytes)),
        };
        match symbols.is_empty() {
            true => Err(SymbolError::None(path)),
            false => Ok(symbols),
        }
    }

    /// The code symbols of an ELF file.
    ///
    /// # Errors
    /// When it is none, or cut off.
    pub fn of_elf(bytes: &[u8]) -> Result<Self, object::Error> {
        let header = FileHeader32::<Endianness>::parse(bytes)?;
        let endian = header.endian()?;
        let sections = header.sections(endian, bytes)?;
        let table = sections.symbols(endian, bytes, elf::SHT_SYMTAB)?;
        let mut symbols = Vec::new();
        for symbol in table.iter() {
            let kind = symbol.st_type();
            let index = SectionIndex(usize::from(symbol.st_shndx(endian).0));
            let code = sections
                .section(index)
                .is_ok_and(|section| section.sh_flags(endian).0 & elf::SHF_EXECINSTR.0 != 0);
            if !code || kind != elf::STT_FUNC && kind != elf::STT_NOTYPE {
                continue;
            }
            let name = String::from_utf8_lossy(symbol.name(endian, table.strings())?);
            let (start, size) = (symbol.st_value(endian), symbol.st_size(endian));
            if !name.is_empty() && !name.starts_with(['$', '.']) {
                symbols.push(Symbol {
                    start,
                    end: (size > 0).then(|| start.saturating_add(size)),
                    name: Some(name.into_owned()),
                });
            }
        }
        Ok(Self::sorted(symbols))
    }

    /// The symbols of lines such as `8010a4c0 T schedule`. Other lines say nothing.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        let symbol = |line: &str| {
            let mut parts = line.split_whitespace();
            let start = u64::from_str_radix(parts.next()?, 16).ok()? as u32;
            let kind = parts
                .next()
                .filter(|kind| kind.len() == 1)?
                .chars()
                .next()?;
            let name = parts.next()?;
            Some(Self::symbol(start, kind, name))
        };
        Self::sorted(text.lines().filter_map(symbol).collect())
    }

    /// Symbols with the letters that `nm` has for kinds.
    pub(super) fn of_kinds<'a>(symbols: impl Iterator<Item = (u32, char, &'a str)>) -> Self {
        let symbols = symbols.map(|(start, kind, name)| Self::symbol(start, kind, name));
        Self::sorted(symbols.collect())
    }

    fn symbol(start: u32, kind: char, name: &str) -> Symbol {
        let code = matches!(kind, 't' | 'T' | 'w' | 'W');
        Symbol {
            start,
            end: None,
            name: code.then(|| name.to_owned()),
        }
    }

    fn sorted(mut symbols: Vec<Symbol>) -> Self {
        // Of several names for an address, those of code come first, and of these the one with a size.
        symbols.sort_by_key(|symbol| (symbol.start, symbol.name.is_none(), symbol.end.is_none()));
        symbols.dedup_by_key(|symbol| symbol.start);
        Self(symbols)
    }

    /// Whether there is no name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|symbol| symbol.name.is_none())
    }

    /// Whether code with a name begins at this address.
    pub(super) fn starts_at(&self, address: u32) -> bool {
        let index = self.0.binary_search_by_key(&address, |symbol| symbol.start);
        index.is_ok_and(|index| self.0[index].name.is_some())
    }

    /// The symbol whose code has this address.
    #[must_use]
    pub fn find(&self, address: u32) -> Option<&str> {
        let after = self.0.partition_point(|symbol| symbol.start <= address);
        let symbol = self.0.get(after.checked_sub(1)?)?;
        let end = symbol.end.unwrap_or(symbol.start.saturating_add(REACH));
        symbol.name.as_deref().filter(|_| address < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_names_code_up_to_the_next_symbol() {
        let text = "~ # cat /proc/kallsyms\r\n80101000 T start\r\n80101040 t loop_\t[module]\r\n\
                    ffffffff80102000 D data\n80103000 W weak\nnot a line\n";
        let symbols = Symbols::of_text(text);
        let found = [
            0x8010_0fff,
            0x8010_1000,
            0x8010_103c,
            0x8010_1040,
            0x8010_2004,
            0x8010_3000,
        ]
        .map(|address| symbols.find(address));
        let expected = [
            None,
            Some("start"),
            Some("start"),
            Some("loop_"),
            None,
            Some("weak"),
        ];
        assert_eq!(found, expected);
        assert_eq!(symbols.find(0x8020_3000), None, "too far behind the last");
        assert!(Symbols::of_text("nothing\n80102000 D data\n").is_empty());
    }

    #[test]
    fn what_is_no_elf_file_is_refused() {
        assert!(Symbols::of_elf(b"\x7fELF").is_err());
        let stripped = Symbols::of_elf(crate::image::TOUR).unwrap();
        assert!(stripped.is_empty());
    }
}
