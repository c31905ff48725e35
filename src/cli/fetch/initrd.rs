//! An initrd: a tree of files as the kernel takes it, in cpio's format newc, compressed with gzip.
//!
//! The same tree gives the same bytes: entries are sorted, belong to root, and keep the times that
//! packages gave them. Device nodes are only entries here, so that it takes no root to make them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cpio::newc::{Builder, ModeFileType, trailer};
use flate2::read::GzDecoder;
use flate2::{Compression, GzBuilder};
use mirrorball_runtime::device::disk::SECTOR;

/// What lies at a path.
#[derive(Debug, PartialEq, Eq)]
enum Content {
    Folder,
    Link(Vec<u8>),
    Bytes(Vec<u8>),
    /// A file of the host.
    Copy(PathBuf),
    /// A character device, by its numbers.
    Device(u32, u32),
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    permissions: u32,
    /// The time of the last change, in seconds since 1970.
    time: u32,
    content: Content,
}

/// A tree of files.
#[derive(Debug, Default)]
pub(super) struct Tree {
    entries: BTreeMap<String, Entry>,
}

impl Tree {
    /// Adds what lies in the host's folder `root`, and below it, but for paths that are
    /// `left_out`.
    ///
    /// # Errors
    /// When the host refuses, with the path.
    pub(super) fn add(
        &mut self,
        root: &Path,
        left_out: impl Fn(&str) -> bool,
    ) -> Result<(), (PathBuf, io::Error)> {
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            let failed = |error| (folder.clone(), error);
            for found in fs::read_dir(&folder).map_err(failed)? {
                let path = found.map_err(failed)?.path();
                let name = path.strip_prefix(root).unwrap_or(&path);
                // Debian's names are ASCII.
                let name = name.to_string_lossy().into_owned();
                if left_out(&name) {
                    continue;
                }
                let entry = Entry::of(&path).map_err(|error| (path.clone(), error))?;
                if let Some(entry) = entry {
                    if entry.content == Content::Folder {
                        folders.push(path);
                    }
                    self.entries.insert(name, entry);
                }
            }
        }
        Ok(())
    }

    /// Adds a folder.
    pub(super) fn folder(&mut self, path: &str) {
        self.insert(path, 0o755, Content::Folder);
    }

    /// Adds a symbolic link.
    pub(super) fn link(&mut self, path: &str, target: &str) {
        self.insert(path, 0o777, Content::Link(target.into()));
    }

    /// Adds a file.
    pub(super) fn file(&mut self, path: &str, permissions: u32, text: &str) {
        self.insert(path, permissions, Content::Bytes(text.into()));
    }

    /// Adds a file that is on the host.
    pub(super) fn copy(&mut self, path: &str, permissions: u32, from: PathBuf) {
        self.insert(path, permissions, Content::Copy(from));
    }

    /// Adds a character device.
    pub(super) fn device(&mut self, path: &str, permissions: u32, major: u32, minor: u32) {
        self.insert(path, permissions, Content::Device(major, minor));
    }

    /// Whether something lies at `path`.
    #[cfg(test)]
    pub(super) fn has(&self, path: &str) -> bool {
        self.entries.contains_key(path)
    }

    fn insert(&mut self, path: &str, permissions: u32, content: Content) {
        let entry = Entry {
            permissions,
            time: 0,
            content,
        };
        self.entries.insert(path.to_owned(), entry);
    }

    /// Writes the tree as an initrd to `path`, with `label` for the name in gzip's header: the one
    /// field of that header that the kernel skips.
    ///
    /// # Errors
    /// When a file cannot be read, or the initrd not written.
    pub(super) fn write(&self, path: &Path, label: &str) -> io::Result<()> {
        let out = BufWriter::new(File::create(path)?);
        let mut out = GzBuilder::new()
            .filename(label)
            .write(out, Compression::default());
        self.archive(&mut out)?;
        let out = out.finish()?;
        out.into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_all()
    }

    /// Writes the tree as a raw disk, of which it is the start.
    ///
    /// # Errors
    /// As for [`Tree::write`].
    pub(super) fn write_disk(&self, path: &Path) -> io::Result<()> {
        let mut out = BufWriter::new(File::create(path)?);
        self.archive(&mut out)?;
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let bytes = file.metadata()?.len();
        file.set_len(bytes.next_multiple_of(SECTOR))
    }

    /// Writes the tree as cpio does.
    fn archive(&self, out: &mut impl Write) -> io::Result<()> {
        // A folder comes before what is in it, because its name is the shorter one.
        for (number, (name, entry)) in (1..).zip(&self.entries) {
            entry.write(name, number, out)?;
        }
        trailer(out)?;
        Ok(())
    }
}

impl Entry {
    /// What lies at `path` on the host, if it is of a kind that packages have.
    fn of(path: &Path) -> io::Result<Option<Self>> {
        let metadata = fs::symlink_metadata(path)?;
        let kind = metadata.file_type();
        let content = if kind.is_dir() {
            Content::Folder
        } else if kind.is_symlink() {
            Content::Link(OsString::from(fs::read_link(path)?).into_vec())
        } else if kind.is_file() {
            Content::Copy(path.to_owned())
        } else {
            return Ok(None);
        };
        // A folder's time is that of its last package's being unpacked, here and now.
        let time = if kind.is_dir() { 0 } else { metadata.mtime() };
        Ok(Some(Self {
            permissions: metadata.mode() & 0o7777,
            time: u32::try_from(time).unwrap_or_default(),
            content,
        }))
    }

    fn write(&self, name: &str, number: u32, out: &mut impl Write) -> io::Result<()> {
        let (kind, links, data) = match &self.content {
            Content::Folder => (ModeFileType::Directory, 2, Vec::new()),
            Content::Link(target) => (ModeFileType::Symlink, 1, target.clone()),
            Content::Bytes(bytes) => (ModeFileType::Regular, 1, bytes.clone()),
            Content::Copy(path) => (ModeFileType::Regular, 1, fs::read(path)?),
            Content::Device(..) => (ModeFileType::Char, 1, Vec::new()),
        };
        let (major, minor) = match self.content {
            Content::Device(major, minor) => (major, minor),
            _ => (0, 0),
        };
        let size = u32::try_from(data.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let mut writer = Builder::new(name)
            .ino(number)
            .mode(self.permissions)
            .set_mode_file_type(kind)
            .nlink(links)
            .mtime(self.time)
            .rdev_major(major)
            .rdev_minor(minor)
            .write(out, size);
        writer.write_all(&data)?;
        writer.finish()?;
        Ok(())
    }
}

/// Whether the file at `path` is a whole initrd with this `label`.
pub(super) fn is_whole(path: &Path, label: &str) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    let mut decoder = GzDecoder::new(io::BufReader::new(file));
    // gzip's sums are checked at the end.
    let whole = io::copy(&mut decoder.by_ref(), &mut io::sink()).is_ok();
    let name = decoder.header().and_then(|header| header.filename());
    whole && name == Some(label.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cpio::newc::Reader;

    /// Name, mode, device and content of an entry.
    type Found = (String, u32, (u32, u32), Vec<u8>);

    /// The entries of an archive.
    fn entries(mut archive: &[u8]) -> Vec<Found> {
        let mut entries = Vec::new();
        loop {
            let mut reader = Reader::new(archive).unwrap();
            if reader.entry().is_trailer() {
                return entries;
            }
            let mut content = Vec::new();
            reader.read_to_end(&mut content).unwrap();
            let entry = reader.entry();
            assert_eq!((entry.uid(), entry.gid()), (0, 0));
            let device = (entry.rdev_major(), entry.rdev_minor());
            entries.push((entry.name().to_owned(), entry.mode(), device, content));
            archive = reader.finish().unwrap();
        }
    }

    fn tree() -> Tree {
        let mut tree = Tree::default();
        tree.file("init", 0o755, "#!/bin/sh\n");
        tree.device("dev/console", 0o600, 5, 1);
        tree.link("bin/awk", "mawk");
        tree.folder("dev");
        tree
    }

    #[test]
    fn an_archive_holds_what_the_tree_does() {
        let mut archive = Vec::new();
        tree().archive(&mut archive).unwrap();
        let entry = |name: &str, mode, device, content: &str| {
            (name.to_owned(), mode, device, content.as_bytes().to_vec())
        };
        assert_eq!(
            entries(&archive),
            [
                entry("bin/awk", 0o120_777, (0, 0), "mawk"),
                entry("dev", 0o040_755, (0, 0), ""),
                entry("dev/console", 0o020_600, (5, 1), ""),
                entry("init", 0o100_755, (0, 0), "#!/bin/sh\n"),
            ]
        );
        assert_eq!(&archive[..6], b"070701");
        assert_eq!(archive.len() % 4, 0);
    }

    #[test]
    fn the_host_s_files_keep_permissions_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("usr")).unwrap();
        fs::write(root.join("usr/sh"), "x").unwrap();
        fs::write(root.join("usr/doc"), "y").unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(77);
        let file = File::options()
            .write(true)
            .open(root.join("usr/sh"))
            .unwrap();
        file.set_modified(time).unwrap();
        let mode = fs::metadata(root.join("usr/sh")).unwrap().mode();
        std::os::unix::fs::symlink("sh", root.join("usr/ash")).unwrap();
        let mut tree = Tree::default();
        tree.add(root, |path| path == "usr/doc").unwrap();
        let names: Vec<_> = tree.entries.keys().map(String::as_str).collect();
        assert_eq!(names, ["usr", "usr/ash", "usr/sh"]);
        assert_eq!(tree.entries["usr/sh"].time, 77);
        let mut archive = Vec::new();
        tree.archive(&mut archive).unwrap();
        let found = entries(&archive);
        assert_eq!((found[2].1, &*found[2].3), (mode, &b"x"[..]));
        assert_eq!(found[1].3, b"sh");
        let missing = tree.add(&root.join("no"), |_| false).unwrap_err();
        assert_eq!(missing.0, root.join("no"));
    }

    #[test]
    fn a_damaged_or_older_initrd_is_told_from_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("initrd.gz");
        assert!(!is_whole(&path, "a"));
        tree().write(&path, "a").unwrap();
        assert!(is_whole(&path, "a") && !is_whole(&path, "b"));
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes[3], 8, "the kernel takes a name, and no other field");
        tree().write(&path, "a").unwrap();
        assert_eq!(
            bytes,
            fs::read(&path).unwrap(),
            "the same tree, the same bytes"
        );
        fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
        assert!(!is_whole(&path, "a"));
        let mut changed = bytes.clone();
        let middle = changed.len() / 2;
        changed[middle] ^= 0x55;
        fs::write(&path, &changed).unwrap();
        assert!(!is_whole(&path, "a"));
    }
}
