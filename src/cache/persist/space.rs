//! What every translation of a run depends on, as one number: translations of another program,
//! host or guest CPU are never found.

use super::PersistError;
use crate::translate::Translator;
use mirrorball_runtime::cpu::model::Model;
use object::{Object, ReadCache};
use std::fs::File;
use std::io::Seek;
use std::path::{Path, PathBuf};

/// A hash, as strong as one that others may try to hit.
pub type Hash = [u8; 32];

/// All that the meaning of stored code depends on, beside the guest code that it was made from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeySpace(pub(super) Hash);

impl KeySpace {
    /// The key space of this program, on this host, for a CPU model and byte order. The program is
    /// known by the hash that its linker made of it, or else to the bit.
    ///
    /// # Errors
    /// If the program cannot read its own file.
    pub fn new(
        translator: &Translator,
        model: &Model,
        big_endian: bool,
    ) -> Result<Self, PersistError> {
        let program = PathBuf::from("/proc/self/exe");
        let mut hasher = blake3::Hasher::new();
        hash_program(&mut hasher, &program).map_err(|source| PersistError::Io {
            path: program,
            source,
        })?;
        let (host, settings) = (translator.host().triple(), translator.settings());
        let version = env!("CARGO_PKG_VERSION");
        for part in [version, &host.to_string(), &settings, model.name] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.update(&[u8::from(big_endian)]);
        Ok(Self(*hasher.finalize().as_bytes()))
    }

    /// The name of its file.
    #[must_use]
    pub fn file_name(&self) -> String {
        let digits = self.0[..8].iter().map(|byte| format!("{byte:02x}"));
        format!("{}.code", digits.collect::<String>())
    }
}

fn hash_program(hasher: &mut blake3::Hasher, path: &Path) -> std::io::Result<()> {
    let mut file = File::open(path)?;
    let cache = ReadCache::new(&file);
    let parsed = object::File::parse(&cache);
    if let Some(id) = parsed.ok().and_then(|file| file.build_id().ok()?) {
        hasher.update(id);
        return Ok(());
    }
    file.rewind()?;
    std::io::copy(&mut file, hasher).map(|_| ())
}
