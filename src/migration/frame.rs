//! What the two monitors say to each other: a byte for its kind, the number of its bytes in four, the
//! lowest first, and these bytes.

use std::io::{self, ErrorKind, Read, Write};

use serde::{Deserialize, Serialize};

/// The most bytes of a frame.
const MOST: usize = 1 << 20;
const HEAD: usize = 5;

/// What came of a move.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The machine.
    pub vm: String,
    /// The control socket of the monitor that has it, if there is one.
    pub control: Option<String>,
    /// How often pages were sent: all, and then those that had been written.
    pub rounds: u32,
    /// The bytes that were sent.
    pub bytes: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// How long the guest stood still, in seconds.
    pub still_seconds: f64,
}

/// One thing that is said.
#[derive(Clone, Debug, PartialEq)]
pub enum Frame {
    /// A part of a snapshot.
    Part(Vec<u8>),
    /// That was the last part of it.
    Whole,
    /// All is here, and the machine could go on; the monitor's control socket, if it has one.
    Ready(Option<String>),
    /// It is to go on.
    Go,
    /// It does. What follows is typed.
    Goes,
    /// What was typed where the machine was, as clients of consoles say it.
    Typed(Vec<u8>),
    /// The move has failed, for this reason.
    Failed(String),
    /// For what carries the bytes: what came of it.
    Told(Report),
}

impl Frame {
    fn kind(&self) -> u8 {
        match self {
            Self::Part(_) => b'p',
            Self::Whole => b'w',
            Self::Ready(_) => b'r',
            Self::Go => b'g',
            Self::Goes => b'G',
            Self::Typed(_) => b't',
            Self::Failed(_) => b'f',
            Self::Told(_) => b'T',
        }
    }

    fn of(kind: u8, body: Vec<u8>) -> io::Result<Self> {
        let text = |body| String::from_utf8(body).map_err(|_| strange());
        let is_empty = body.is_empty();
        Ok(match kind {
            b'p' => Self::Part(body),
            b'w' if is_empty => Self::Whole,
            b'r' => Self::Ready(Some(text(body)?).filter(|path| !path.is_empty())),
            b'g' if is_empty => Self::Go,
            b'G' if is_empty => Self::Goes,
            b't' => Self::Typed(body),
            b'f' => Self::Failed(text(body)?),
            b'T' => Self::Told(serde_json::from_slice(&body)?),
            _ => return Err(strange()),
        })
    }

    /// Says it.
    ///
    /// # Errors
    /// If `to` takes no more.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        let told;
        let body: &[u8] = match self {
            Self::Part(bytes) | Self::Typed(bytes) => bytes,
            Self::Ready(path) => path.as_deref().unwrap_or_default().as_bytes(),
            Self::Failed(why) => why.as_bytes(),
            Self::Told(report) => {
                told = serde_json::to_vec(report)?;
                &told
            }
            Self::Whole | Self::Go | Self::Goes => &[],
        };
        put(to, self.kind(), body)
    }

    /// Hears what is said next. No byte behind it is read.
    ///
    /// # Errors
    /// If that is nothing that can be said, or there is no more.
    pub fn read(from: &mut dyn Read) -> io::Result<Self> {
        let mut head = [0; HEAD];
        from.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        let length = u32::from_le_bytes(length) as usize;
        if length > MOST {
            return Err(strange());
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        Self::of(kind, body)
    }
}

fn put(to: &mut dyn Write, kind: u8, body: &[u8]) -> io::Result<()> {
    let length = u32::try_from(body.len()).map_err(|_| strange())?;
    let [a, b, c, d] = length.to_le_bytes();
    to.write_all(&[kind, a, b, c, d])?;
    to.write_all(body)?;
    to.flush()
}

fn strange() -> io::Error {
    let what = "what was said is nothing that monitors of this version say to each other";
    io::Error::new(ErrorKind::InvalidData, what)
}

/// Sends what is written as parts of a snapshot.
pub struct Parts<'a>(pub &'a mut dyn Write);

impl Write for Parts<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = &bytes[..bytes.len().min(MOST)];
        put(self.0, b'p', piece)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let report = Report {
            vm: "web".to_owned(),
            rounds: 3,
            ..Report::default()
        };
        let all = [
            Frame::Part(vec![7; 300]),
            Frame::Whole,
            Frame::Ready(Some("/there.sock".to_owned())),
            Frame::Ready(None),
            Frame::Go,
            Frame::Goes,
            Frame::Typed(b"t\x00\x01x".to_vec()),
            Frame::Failed("why".to_owned()),
            Frame::Told(report),
        ];
        let mut bytes = Vec::new();
        for frame in &all {
            frame.write(&mut bytes).unwrap();
        }
        let mut rest = &bytes[..];
        for frame in &all {
            assert_eq!(Frame::read(&mut rest).unwrap(), *frame);
        }
        assert!(rest.is_empty());
        let mut parts = Vec::new();
        Parts(&mut parts).write_all(&vec![1; MOST + 5]).unwrap();
        let mut parts = &parts[..];
        for length in [MOST, 5] {
            assert_eq!(
                Frame::read(&mut parts).unwrap(),
                Frame::Part(vec![1; length])
            );
        }
    }

    #[test]
    fn what_makes_no_sense_is_no_frame() {
        for bytes in [
            &b"GET / HTTP/1.1"[..],
            b"p\xff\xff\xff\xff",
            b"w\x01\0\0\0x",
            b"f\x01\0\0\0\xff",
            b"T\x02\0\0\0{}",
            b"p\x05\0\0\0abc",
            b"",
        ] {
            assert!(Frame::read(&mut &bytes[..]).is_err(), "{bytes:?}");
        }
    }
}
