//! Firmware: what a machine's flash memory holds at the start.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use mirrorball_runtime::device::flash::ERASED;
use mirrorball_runtime::memory::pmap::rom::SIZE;

use super::error::ImageError;
use super::file;

/// What a flash memory holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// The file's name without its folders.
    pub name: String,
    /// The bytes in the order of a big-endian machine.
    bytes: Vec<u8>,
}

impl Firmware {
    /// The firmware in the file at `path`. What the file does not fill is erased.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or is larger than the flash memory.
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        let name = file::base_name(path);
        let mut bytes = file::read(path)?;
        if bytes.len() as u64 > SIZE {
            let size = bytes.len() as u64;
            return Err(ImageError::FirmwareTooLarge { name, size });
        }
        bytes.resize(SIZE as usize, ERASED);
        Ok(Self { name, bytes })
    }

    /// What the flash memory of a machine holds, by address. A file has its words in the order of a
    /// big-endian machine, whichever machine it is for.
    #[must_use]
    pub fn content(&self, big_endian: bool) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        if !big_endian {
            let (words, _) = bytes.as_chunks_mut::<4>();
            words.iter_mut().for_each(|word| word.reverse());
        }
        bytes
    }
}

/// What the flash memory of one machine holds when it starts: its firmware, and when it starts again
/// after a reset, what it held by then.
#[derive(Clone, Debug)]
pub struct Flash {
    firmware: Arc<Firmware>,
    kept: Arc<Mutex<Option<Vec<u8>>>>,
}

impl Flash {
    /// Flash memory with `firmware` in it.
    #[must_use]
    pub fn new(firmware: Arc<Firmware>) -> Self {
        let kept = Arc::default();
        Self { firmware, kept }
    }

    /// What it holds, by address.
    #[must_use]
    pub fn content(&self, big_endian: bool) -> Vec<u8> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.clone();
        kept.unwrap_or_else(|| self.firmware.content(big_endian))
    }

    /// Has it hold what it came to hold.
    pub fn keep(&self, content: Option<Vec<u8>>) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = content;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_little_endian_machine_has_the_words_turned_around() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[1, 2, 3, 4, 5]).unwrap();
        let firmware = Firmware::open(file.path()).unwrap();
        let content = firmware.content(true);
        assert_eq!(content.len() as u64, SIZE);
        assert_eq!(content[..9], [1, 2, 3, 4, 5, 0xff, 0xff, 0xff, 0xff]);
        let flash = Flash::new(Arc::new(firmware));
        let content = flash.content(false);
        assert_eq!(content[..8], [4, 3, 2, 1, 0xff, 0xff, 0xff, 5]);
        flash.keep(Some(vec![9]));
        assert_eq!(flash.content(false), [9], "what it came to hold");
    }

    #[test]
    fn firmware_that_does_not_fit_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(SIZE + 1).unwrap();
        let name = file::base_name(file.path());
        assert_eq!(
            Firmware::open(file.path()).unwrap_err().to_string(),
            format!(
                "{name}: firmware of 4194305 bytes does not fit into the flash memory of 4194304; \
                 name an image for a Malta board"
            )
        );
    }
}
