//! Looks at each message of 9P before it is obeyed.
//!
//! The server walks from one open folder to the next by a name, and follows no link. So a guest stays in
//! the folder that it was given if each name that it sends is one of an entry: this is where that is seen
//! to. What a guest can open at once is bounded here as well.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use p9::Server;
use rustc_hash::FxHashSet;
use rustix::io::Errno;

/// The kinds of messages, as Linux has them in `include/net/9p/9p.h`.
const LERROR: u8 = 7;
const LOPEN: u8 = 12;
const LCREATE: u8 = 14;
const LINK: u8 = 70;
const MKDIR: u8 = 72;
const RENAMEAT: u8 = 74;
const UNLINKAT: u8 = 76;
const VERSION: u8 = 100;
const ATTACH: u8 = 104;
const WALK: u8 = 110;
const WRITE: u8 = 118;
const CLUNK: u8 = 120;
/// Those that change files, whatever is in them.
const CHANGES: [u8; 12] = [
    LCREATE, 16, 18, 20, 26, 32, LINK, MKDIR, RENAMEAT, UNLINKAT, WRITE, 122,
];
/// Opening a file to write, or to make it empty.
const OPEN_CHANGES: u32 = 0o1003;
/// The most numbers of files that a guest may have in use. Each costs two descriptors at most.
const FIDS: usize = 2048;

/// Errors whose numbers are others on MIPS, as that is what the guest takes them for: here and there.
/// Up to 34 they are the same.
const ERRORS: [(Errno, u32); 12] = [
    (Errno::DEADLK, 45),
    (Errno::NOLCK, 46),
    (Errno::NAMETOOLONG, 78),
    (Errno::OVERFLOW, 79),
    (Errno::ILSEQ, 88),
    (Errno::NOSYS, 89),
    (Errno::LOOP, 90),
    (Errno::NOTEMPTY, 93),
    (Errno::OPNOTSUPP, 122),
    (Errno::TIMEDOUT, 145),
    (Errno::STALE, 151),
    (Errno::DQUOT, 1133),
];

/// A server behind its guard.
pub(crate) struct Guard {
    server: Server,
    readonly: bool,
    /// The numbers that the guest has given to files.
    fids: FxHashSet<u32>,
}

/// What is left of a message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Errno> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(Errno::INVAL)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Errno> {
        let bytes = self.bytes(N)?;
        bytes.try_into().map_err(|_| Errno::INVAL)
    }

    fn word(&mut self) -> Result<u32, Errno> {
        self.array().map(u32::from_le_bytes)
    }

    fn half(&mut self) -> Result<u16, Errno> {
        self.array().map(u16::from_le_bytes)
    }

    /// A name, which has to be one of an entry of a folder.
    fn name(&mut self) -> Result<(), Errno> {
        let length = self.half()?;
        match self.bytes(length.into())? {
            b"" | b"." | b".." => Err(Errno::ACCESS),
            name if name.contains(&b'/') || name.contains(&0) => Err(Errno::INVAL),
            _ => Ok(()),
        }
    }
}

impl Guard {
    /// A server for the folder at `path`.
    pub fn new(path: &Path, readonly: bool) -> io::Result<Self> {
        if !path.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        Ok(Self {
            server: Server::new(path, BTreeMap::new(), BTreeMap::new())?,
            readonly,
            fids: FxHashSet::default(),
        })
    }

    /// The answer to a message: there is always one.
    pub fn answer(&mut self, message: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        let done = self.check(message).and_then(|()| {
            let handled = self.server.handle_message(&mut &*message, &mut answer);
            handled.map_err(|_| Errno::INVAL)
        });
        match done {
            Ok(()) => as_on_mips(answer),
            Err(error) => refusal(message, error),
        }
    }

    fn check(&mut self, message: &[u8]) -> Result<(), Errno> {
        let mut fields = Fields(message);
        if fields.word()? as usize > message.len() {
            return Err(Errno::INVAL);
        }
        let [kind] = fields.array()?;
        fields.half()?;
        if self.readonly && CHANGES.contains(&kind) {
            return Err(Errno::ROFS);
        }
        match kind {
            VERSION => self.fids.clear(),
            ATTACH => self.open(fields.word()?)?,
            CLUNK => {
                self.fids.remove(&fields.word()?);
            }
            WALK => {
                fields.word()?;
                self.open(fields.word()?)?;
                for _ in 0..fields.half()? {
                    fields.name()?;
                }
            }
            LOPEN => {
                fields.word()?;
                if fields.word()? & OPEN_CHANGES != 0 && self.readonly {
                    return Err(Errno::ROFS);
                }
            }
            LCREATE | MKDIR | UNLINKAT => {
                fields.word()?;
                fields.name()?;
            }
            LINK => {
                fields.bytes(8)?;
                fields.name()?;
            }
            RENAMEAT => {
                for _ in 0..2 {
                    fields.word()?;
                    fields.name()?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The guest gives a number to a file.
    fn open(&mut self, fid: u32) -> Result<(), Errno> {
        if self.fids.len() >= FIDS && !self.fids.contains(&fid) {
            return Err(Errno::MFILE);
        }
        self.fids.insert(fid);
        Ok(())
    }
}

/// An answer whose error, if it is one, has the number that it has for the guest.
fn as_on_mips(mut answer: Vec<u8>) -> Vec<u8> {
    if let [_, _, _, _, LERROR, _, _, code @ ..] = answer.as_mut_slice() {
        let number = |error: Errno| error.raw_os_error().to_le_bytes();
        if let Some((_, mips)) = ERRORS.iter().find(|(error, _)| number(*error) == *code) {
            code.copy_from_slice(&mips.to_le_bytes());
        }
    }
    answer
}

/// The answer that something failed.
pub(super) fn refusal(message: &[u8], error: Errno) -> Vec<u8> {
    let tag = message.get(5..7).unwrap_or(&[0xff; 2]);
    let mut answer = 11_u32.to_le_bytes().to_vec();
    answer.push(LERROR);
    answer.extend(tag);
    answer.extend(error.raw_os_error().to_le_bytes());
    answer
}
