//! An initrd with Debian's programs for mipsel, made of its unmodified packages.

use std::fs;
use std::path::Path;

use glob::Pattern;

use super::apt::{self, Archive};
use super::initrd::{self, Tree};
use super::packages::{DEVICES, FILES, FOLDERS, LEFT_OUT, LINKS, PACKAGES};
use super::{FetchError, failed, staging};
use crate::image::file;
use crate::measure::Progress;

/// The initrd's file.
pub(super) const PROGRAMS: &str = "programs.gz";
/// Where the initrd says which packages it was made of.
const VERSIONS: &str = "etc/packages";

/// Makes the initrd in folder `to` of packages from the archive at `mirror`, unless it is there;
/// answers with what it did.
pub(super) fn bring(to: &Path, mirror: &str) -> Result<String, FetchError> {
    let path = to.join(PROGRAMS);
    let label = label();
    if initrd::is_whole(&path, &label) {
        return Ok("was there already".to_owned());
    }
    let work = staging(to)?;
    let root = work.path().join("root");
    // Lists, packages, initrd.
    let mut progress = Progress::counting("step", PACKAGES.len() + 2);
    progress.next("fetching package lists");
    let archive = Archive::open(mirror, work.path().join("apt"), "apt-get")?;
    let mut versions = String::new();
    for (number, package) in (1..).zip(PACKAGES) {
        progress.next(&format!(
            "fetching package {number} of {}, {package}",
            PACKAGES.len()
        ));
        versions += &add(&archive, package, work.path(), &root)?;
        versions.push('\n');
    }
    progress.next(&format!("making {PROGRAMS}"));
    let new = work.path().join(PROGRAMS);
    let tree = tree(&root, &versions)?;
    tree.write(&new, &label).map_err(failed(&new))?;
    fs::rename(&new, &path).map_err(failed(&path))?;
    Ok(format!("is here, made of {} packages", PACKAGES.len()))
}

/// Downloads a package and unpacks it in folder `root`; answers with its file's name, which has
/// its version.
fn add(archive: &Archive, package: &str, work: &Path, root: &Path) -> Result<String, FetchError> {
    let folder = work.join("package");
    fs::create_dir(&folder).map_err(failed(&folder))?;
    let deb = archive.download(package, &folder)?;
    let name = file::base_name(&deb);
    apt::unpack(&deb, root, &name)?;
    fs::remove_dir_all(&folder).map_err(failed(&folder))?;
    Ok(name)
}

/// What the initrd holds: the packages unpacked in `root`, and what no package has.
fn tree(root: &Path, versions: &str) -> Result<Tree, FetchError> {
    let patterns: Vec<Pattern> = LEFT_OUT
        .iter()
        .filter_map(|pattern| Pattern::new(pattern).ok())
        .collect();
    let left_out = |path: &str| patterns.iter().any(|pattern| pattern.matches(path));
    let mut tree = Tree::default();
    tree.add(root, left_out)
        .map_err(|(path, error)| failed(&path)(error))?;
    for folder in FOLDERS {
        tree.folder(folder);
    }
    for (path, target) in LINKS {
        tree.link(path, target);
    }
    for (path, permissions, text) in FILES {
        tree.file(path, *permissions, text);
    }
    for (path, permissions, major, minor) in DEVICES {
        tree.device(path, *permissions, *major, *minor);
    }
    tree.file(VERSIONS, 0o644, versions);
    Ok(tree)
}

/// What an initrd is told from an older one by: all that it is made by, but for the versions of
/// packages.
fn label() -> String {
    let recipe = format!("{PACKAGES:?}{LEFT_OUT:?}{FOLDERS:?}{LINKS:?}{FILES:?}{DEVICES:?}");
    format!("mirrorball {}", blake3::hash(recipe.as_bytes()).to_hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_good() {
        for (index, package) in PACKAGES.iter().enumerate() {
            assert!(!PACKAGES[..index].contains(package), "{package} twice");
        }
        for pattern in LEFT_OUT {
            assert!(Pattern::new(pattern).is_ok(), "{pattern}");
        }
        for path in LINKS.iter().map(|link| link.0) {
            assert!(!path.starts_with('/'), "{path}");
        }
    }

    #[test]
    fn the_tree_has_what_packages_lack_and_lacks_what_is_left_out() {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "usr/share/doc/dash",
            "usr/lib/gcc/mipsel-linux-gnu/12",
            "etc/a",
        ] {
            fs::create_dir_all(root.path().join(path)).unwrap();
        }
        for path in [
            "usr/share/doc/dash/copyright",
            "usr/lib/gcc/mipsel-linux-gnu/12/lto1",
        ] {
            fs::write(root.path().join(path), "x").unwrap();
        }
        fs::write(root.path().join("usr/lib/gcc/mipsel-linux-gnu/12/cc1"), "x").unwrap();
        let tree = tree(root.path(), "dash_1.deb\n").unwrap();
        let has = |path: &str| tree.has(path);
        assert!(has("usr/lib/gcc/mipsel-linux-gnu/12/cc1"));
        for path in [
            "init",
            "dev/console",
            "etc/packages",
            "etc/passwd",
            "bin/mount",
            "proc",
        ] {
            assert!(has(path), "{path}");
        }
        for path in [
            "usr/share/doc",
            "usr/lib/gcc/mipsel-linux-gnu/12/lto1",
            "etc/a",
        ] {
            assert!(!has(path), "{path}");
        }
    }

    #[test]
    fn an_initrd_that_is_there_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(PROGRAMS);
        Tree::default().write(&path, &label()).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bring(folder.path(), "x").unwrap(), "was there already");
        assert_eq!(fs::read(&path).unwrap(), bytes);
        Tree::default().write(&path, "mirrorball of old").unwrap();
        let error = bring(folder.path(), "x").unwrap_err().to_string();
        assert!(error.starts_with("\"x\" is no address"), "{error}");
        assert_eq!(
            fs::read_dir(folder.path()).unwrap().count(),
            1,
            "no trace of it"
        );
    }
}
