//! A guest that speaks 9P with a folder, well or badly.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::io::Errno;
use tempfile::TempDir;

use super::guard::Guard;
use super::*;

const ROOT: u32 = 1;
const TATTACH: u8 = 104;
const TWALK: u8 = 110;
const TLOPEN: u8 = 12;
const TREAD: u8 = 116;

/// A message with this tag.
fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = (7 + body.len() as u32).to_le_bytes().to_vec();
    bytes.extend([kind, 0x34, 0x12]);
    bytes.extend(body);
    bytes
}

fn word(value: u32) -> Vec<u8> {
    value.to_le_bytes().to_vec()
}

fn name(text: &str) -> Vec<u8> {
    let mut bytes = (text.len() as u16).to_le_bytes().to_vec();
    bytes.extend(text.bytes());
    bytes
}

/// The kind of an answer and its body, or the error.
fn outcome(answer: &[u8]) -> Result<(u8, Vec<u8>), Errno> {
    assert_eq!(
        answer.len() as u32,
        u32::from_le_bytes(answer[..4].try_into().unwrap())
    );
    match answer[4] {
        7 => {
            let code = i32::from_le_bytes(answer[7..11].try_into().unwrap());
            Err(Errno::from_raw_os_error(code))
        }
        kind => Ok((kind, answer[7..].to_vec())),
    }
}

struct Guest {
    guard: Guard,
    folder: TempDir,
}

impl Guest {
    /// A guest that has a folder with a file, a folder and links that lead out of it.
    fn new(readonly: bool) -> Self {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("shared");
        fs::create_dir_all(folder.join("inner")).unwrap();
        fs::write(folder.join("file"), "some text").unwrap();
        fs::write(outer.path().join("secret"), "secret").unwrap();
        symlink("../secret", folder.join("link")).unwrap();
        symlink("..", folder.join("up")).unwrap();
        let mut guest = Self {
            guard: Guard::new(&folder, readonly).unwrap(),
            folder: outer,
        };
        let version = [word(65536), name("9P2000.L")].concat();
        guest.ask(100, &version).unwrap();
        let attach = [word(ROOT), word(!0), name("root"), name(""), word(0)].concat();
        guest.ask(TATTACH, &attach).unwrap();
        guest
    }

    fn ask(&mut self, kind: u8, body: &[u8]) -> Result<(u8, Vec<u8>), Errno> {
        let answer = self.guard.answer(&message(kind, body));
        assert_eq!(answer[5..7], [0x34, 0x12], "the answer to this message");
        outcome(&answer)
    }

    /// Walks from the root to a file, which has number `fid` then. How many steps that were.
    fn walk(&mut self, fid: u32, names: &[&str]) -> Result<u16, Errno> {
        let mut body = [word(ROOT), word(fid)].concat();
        body.extend((names.len() as u16).to_le_bytes());
        body.extend(names.iter().flat_map(|it| name(it)));
        let (_, found) = self.ask(TWALK, &body)?;
        Ok(u16::from_le_bytes([found[0], found[1]]))
    }

    fn open(&mut self, fid: u32, flags: u32) -> Result<(u8, Vec<u8>), Errno> {
        self.ask(TLOPEN, &[word(fid), word(flags)].concat())
    }

    fn read(&mut self, fid: u32) -> Result<Vec<u8>, Errno> {
        let (_, data) = self.ask(TREAD, &[word(fid), vec![0; 8], word(1000)].concat())?;
        Ok(data[4..].to_vec())
    }

    /// What changes something: each with the error that it gives.
    fn changes(&mut self) -> Vec<(u8, Option<Errno>)> {
        self.walk(7, &["file"]).unwrap();
        let created = [word(ROOT), name("new"), word(0o102), word(0o644), word(0)].concat();
        let made = [word(ROOT), name("made"), word(0o755), word(0)].concat();
        let renamed = [word(ROOT), name("file"), word(ROOT), name("renamed")].concat();
        let removed = [word(ROOT), name("renamed"), word(0)].concat();
        let mut mode = [word(7), word(1), word(0o600)].concat();
        mode.extend([0; 4 + 4 + 8 + 32]);
        let all = [
            (26, mode),
            (72, made),
            (74, renamed),
            (76, removed),
            (14, created),
        ];
        let tried = all.map(|(kind, body)| (kind, self.ask(kind, &body).err()));
        self.open(7, 2).ok();
        let written = [word(ROOT), vec![0; 8], word(3), b"abc".to_vec()].concat();
        let wrote = (118, self.ask(118, &written).err());
        tried.into_iter().chain([wrote]).collect()
    }

    fn has(&self, path: &str) -> bool {
        self.folder.path().join("shared").join(path).exists()
    }
}

#[test]
fn files_are_read_changed_and_removed() {
    let mut guest = Guest::new(false);
    assert_eq!(guest.walk(2, &["file"]), Ok(1));
    guest.open(2, 0).unwrap();
    assert_eq!(guest.read(2).unwrap(), b"some text");
    assert!(guest.changes().iter().all(|(_, error)| error.is_none()));
    assert!(guest.has("made") && guest.has("new") && !guest.has("file") && !guest.has("renamed"));
    let new = fs::read(guest.folder.path().join("shared/new")).unwrap();
    assert_eq!(new, b"abc", "the root's number is that of the new file now");
}

#[test]
fn nothing_leads_out_of_the_folder() {
    let mut guest = Guest::new(false);
    for names in [
        &[".."][..],
        &["inner", "..", ".."],
        &["../secret"],
        &["/etc/passwd"],
        &["inner/../../secret"],
        &[""],
    ] {
        assert!(guest.walk(2, names).is_err(), "{names:?}");
    }
    assert_eq!(guest.walk(3, &["link"]), Ok(1), "a link is seen");
    assert!(guest.open(3, 0).is_err(), "and not followed");
    assert_eq!(guest.walk(4, &["up", "secret"]), Ok(1), "one step of two");
    assert_eq!(guest.open(4, 0), Err(Errno::BADF));
    let out = [
        word(ROOT),
        name("../new"),
        word(0o102),
        word(0o644),
        word(0),
    ]
    .concat();
    assert!(guest.ask(14, &out).is_err());
    let out = [word(ROOT), name("file"), word(ROOT), name("../file")].concat();
    assert!(guest.ask(74, &out).is_err());
    let through = [word(ROOT), name("link"), word(0o102), word(0o644), word(0)].concat();
    assert!(
        guest.ask(14, &through).is_err(),
        "nothing is made through a link"
    );
    let secret = fs::read(guest.folder.path().join("secret")).unwrap();
    assert_eq!(secret, b"secret");
    assert_eq!(fs::read_dir(guest.folder.path()).unwrap().count(), 2);
}

#[test]
fn nothing_changes_in_what_is_only_read() {
    let mut guest = Guest::new(true);
    for (kind, error) in guest.changes() {
        assert_eq!(error, Some(Errno::ROFS), "message {kind}");
    }
    guest.walk(2, &["file"]).unwrap();
    for flags in [1, 2, 0o1000] {
        assert_eq!(guest.open(2, flags), Err(Errno::ROFS));
    }
    guest.open(2, 0).unwrap();
    assert_eq!(guest.read(2).unwrap(), b"some text");
    assert!(guest.has("file") && !guest.has("new") && !guest.has("made"));
}

#[test]
fn errors_have_the_numbers_that_they_have_for_the_guest() {
    let mut guest = Guest::new(false);
    let folder = guest.folder.path().join("shared/inner/full");
    fs::create_dir(folder).unwrap();
    let removed = [word(ROOT), name("inner"), word(0x200)].concat();
    let error = guest.ask(76, &removed).unwrap_err();
    assert_eq!(error.raw_os_error(), 93, "it is not empty");
    let attributes = [word(ROOT), word(9), name("user.x")].concat();
    let error = guest.ask(30, &attributes).unwrap_err();
    assert_eq!(error.raw_os_error(), 122, "there are none");
}

#[test]
fn a_guest_has_a_bounded_number_of_files() {
    let mut guest = Guest::new(false);
    let opened = (2..10_000).take_while(|&fid| guest.walk(fid, &[]).is_ok());
    assert_eq!(opened.count(), 2047);
    assert_eq!(guest.walk(20_000, &[]), Err(Errno::MFILE));
    guest.ask(120, &word(5)).unwrap();
    assert_eq!(guest.walk(20_000, &[]), Ok(0), "there is room again");
}

/// Whatever a guest sends, it gets an answer and stays in its folder.
#[test]
fn wild_messages_are_answered() {
    let mut guest = Guest::new(false);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..20_000 {
        let length = next() as usize % 60;
        let mut bytes: Vec<u8> = (0..length)
            .map(|_| (next() >> (next() % 8)) as u8 % 128)
            .collect();
        if length > 7 && next() % 4 > 0 {
            bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
        }
        if length > 15 && next() % 2 > 0 {
            bytes[7..15]
                .copy_from_slice(&[word(next() as u32 % 4), word(next() as u32 % 4)].concat());
        }
        let answer = guest.guard.answer(&bytes);
        assert!(answer.len() >= 7, "{bytes:?}");
    }
    assert_eq!(fs::read_dir(guest.folder.path()).unwrap().count(), 2);
}

#[test]
fn answers_go_to_the_machine_that_asked() {
    let folder = tempfile::tempdir().unwrap();
    let spec = FolderSpec::new(folder.path().into(), "tag".to_owned(), true);
    let mut ends = [spec.open().unwrap(), spec.open().unwrap()];
    assert_eq!(ends[1].tag(), "tag");
    let version = message(100, &[word(8192), name("9P2000.L")].concat());
    ends[1].start(5, version);
    let answer = loop {
        if let Some(answer) = ends[1].answer() {
            break answer;
        }
        thread::yield_now();
    };
    assert_eq!((answer.0, outcome(&answer.1).unwrap().0), (5, 101));
    assert!(ends[0].answer().is_none());
    let missing = FolderSpec::new(folder.path().join("none"), "tag".to_owned(), true);
    let error = missing.start(false).err().unwrap().to_string();
    assert!(error.contains("none"), "{error}");
}
