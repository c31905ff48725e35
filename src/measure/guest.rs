//! The guests of a measurement: found by path, folder, pattern or name.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::MeasureError;
use crate::image::{self, elf, file};

/// Where guests are looked for by name, from the current folder.
pub(super) const FOLDER: &str = "guests/prebuilt";
/// The name of the guest that is built in.
const TOUR: &str = "tour";

/// A guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guest {
    /// What people call it: its file's name without `.elf`.
    pub name: String,
    /// The image.
    pub path: PathBuf,
    /// Its byte order.
    pub big_endian: bool,
}

/// The guests of a measurement, all of them images that can be read.
#[derive(Debug)]
pub struct Guests {
    /// The guests, each once.
    pub all: Vec<Guest>,
    /// Where the guest that is built in lies while it is measured.
    _folder: TempDir,
}

impl Guests {
    /// The guests that are meant by `named`; by nothing, the one that is built in.
    ///
    /// # Errors
    /// When a name means nothing, or an image cannot be read.
    pub fn find(named: &[String]) -> Result<Self, MeasureError> {
        let folder = tempfile::tempdir()?;
        let mut paths = Vec::new();
        for name in named {
            paths.extend(find(name, folder.path())?);
        }
        if named.is_empty() {
            paths.push(built_in(folder.path())?);
        }
        let mut all: Vec<Guest> = Vec::new();
        for path in paths {
            if all.iter().all(|guest| guest.path != path) {
                all.push(Guest {
                    name: name(&path),
                    big_endian: elf::open(&path)?.big_endian,
                    path,
                });
            }
        }
        Ok(Self {
            all,
            _folder: folder,
        })
    }
}

/// Puts the guest that is built in into a file.
fn built_in(folder: &Path) -> io::Result<PathBuf> {
    let path = folder.join(TOUR);
    fs::write(&path, image::TOUR)?;
    Ok(path)
}

fn name(path: &Path) -> String {
    let name = file::base_name(path);
    name.strip_suffix(".elf").unwrap_or(&name).to_owned()
}

/// The images that `named` means.
fn find(named: &str, folder: &Path) -> Result<Vec<PathBuf>, MeasureError> {
    let path = PathBuf::from(named);
    if path.is_dir() {
        let found = matching(&format!("{}/*.elf", glob::Pattern::escape(named)))?;
        return if found.is_empty() {
            Err(MeasureError::NoImages(named.to_owned()))
        } else {
            Ok(found)
        };
    }
    if path.exists() {
        return Ok(vec![path]);
    }
    if named == TOUR {
        return Ok(vec![built_in(folder)?]);
    }
    for pattern in [
        named.to_owned(),
        format!("{FOLDER}/{named}.elf"),
        format!("{FOLDER}/{named}.el.elf"),
    ] {
        let found = matching(&pattern)?;
        if !found.is_empty() {
            return Ok(found);
        }
    }
    Err(MeasureError::NoGuest(named.to_owned()))
}

/// The files that match `pattern`, in order.
fn matching(pattern: &str) -> Result<Vec<PathBuf>, MeasureError> {
    let paths = glob::glob(pattern).map_err(|source| MeasureError::Pattern {
        pattern: pattern.to_owned(),
        source,
    })?;
    Ok(paths.flatten().filter(|path| path.is_file()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(named: &[&str]) -> Vec<String> {
        let named: Vec<_> = named.iter().map(|&name| name.to_owned()).collect();
        let guests = Guests::find(&named).unwrap();
        guests.all.into_iter().map(|guest| guest.name).collect()
    }

    #[test]
    fn a_guest_is_found_by_name_pattern_path_and_folder() {
        assert_eq!(names(&[]), ["tour"]);
        assert_eq!(names(&["hello", "tour"]), ["hello.el", "tour"]);
        assert_eq!(
            names(&["hello.*", "guests/prebuilt/hello.el.elf"]),
            ["hello.eb", "hello.el"],
            "each guest once"
        );
        let all = names(&["guests/prebuilt"]);
        assert!(all.contains(&"bench-sort.k.el".into()) && all.len() > 50);
    }

    #[test]
    fn what_is_no_guest_says_what_would_be_one() {
        let error = |name: &str| Guests::find(&[name.into()]).unwrap_err().to_string();
        assert!(error("nothing").starts_with("nothing: no such guest; give an image, a folder"));
        assert!(error("no/*.elf").starts_with("no/*.elf: no such guest"));
        assert!(error("a[").starts_with("a[: is no pattern"));
        assert_eq!(
            error("src"),
            "src: no file in it ends in .elf; name the images themselves"
        );
        let error = error("README.md");
        assert!(error.starts_with("README.md: "), "{error}");
    }
}
