//! Flat binaries: bytes without any header, put at an address and started there.

use std::path::Path;

use mirrorball_runtime::addr::Va;

use super::{Image, ImageError, Segment, file, unmapped};

/// Reads the flat binary at `path`, which is to lie and start at `address`.
///
/// # Errors
///
/// When the file cannot be read, or `address` is none that the CPU can start at.
pub fn open(path: &Path, address: Va, big_endian: bool) -> Result<Image, ImageError> {
    let shown = || path.display().to_string();
    let pa = unmapped(address.0)
        .filter(|_| address.0 >= 0x8000_0000)
        .ok_or_else(|| ImageError::FlatAddress {
            image: shown(),
            address: address.0,
        })?;
    if !address.0.is_multiple_of(4) {
        return Err(ImageError::FlatAlignment {
            image: shown(),
            address: address.0,
        });
    }
    let bytes = file::read(path)?;
    let size = bytes.len() as u64;
    Ok(Image {
        name: file::base_name(path),
        big_endian,
        entry: address,
        segments: vec![Segment {
            va: address,
            pa,
            bytes,
            size,
        }],
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use mirrorball_runtime::addr::Pa;

    use super::*;

    #[test]
    fn a_flat_binary_lies_where_it_is_told() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&[1, 2, 3, 4, 5]).unwrap();
        let image = open(file.path(), Va(0xa010_0000), true).unwrap();
        assert_eq!(image.entry, Va(0xa010_0000));
        assert_eq!(image.segments[0].pa, Pa(0x0010_0000));
        assert_eq!(image.word(Va(0xa010_0000)), Some(0x0102_0304));
        assert_eq!(image.word(Va(0xa010_0004)), None);
    }

    #[test]
    fn each_bad_address_has_its_line() {
        let error = |address| {
            open(Path::new("f.bin"), Va(address), false)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            error(0x0010_0000),
            "f.bin: flat binary at 0x00100000 does not lie in kseg0 or kseg1; \
             give --flat an address from 0x80000000 to 0xbfffffff"
        );
        assert_eq!(
            error(0x8010_0002),
            "f.bin: flat binary at 0x80100002 is not word-aligned; give --flat a multiple of 4"
        );
        assert_eq!(error(0x8010_0000), "f.bin: no such file; check the path");
    }
}
