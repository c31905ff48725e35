//! As much of HTTP/1.1 as the control socket speaks: one request and one answer a connection,
//! each of bounded size and read in bounded time.
//!
//! Heads are parsed by `httparse`. What is large is sent in chunks, whose last one says that it is
//! whole. There is no keep-alive, no chunked request and no compression.

use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use thiserror::Error;

use super::api::{Saves, Talks};

/// The most bytes of a message before its body.
pub(super) const MOST_HEAD: usize = 8 << 10;
/// The most bytes of a request's body.
pub(super) const MOST_BODY: usize = 64 << 10;
/// The most bytes of an answer: many VMs with many counters.
const MOST_ANSWER: usize = 64 << 20;
const MOST_HEADERS: usize = 64;
/// The bytes of a chunk that is sent.
const CHUNK: usize = 64 << 10;
/// The bytes behind those of a chunk.
const CHUNK_END: usize = 2;

/// Why a message cannot be read.
#[derive(Debug, Error)]
pub enum HttpError {
    #[error("is no HTTP/1.1: {0}")]
    Malformed(String),
    #[error("the head is longer than {MOST_HEAD} bytes")]
    Head,
    #[error("the body is longer than {MOST_BODY} bytes")]
    Body,
    #[error("the body has a transfer encoding; send it with Content-Length")]
    Encoding,
    #[error("nothing more came in time")]
    Late,
    #[error("the connection ended too early")]
    Ended,
    #[error(transparent)]
    Io(io::Error),
}

impl From<httparse::Error> for HttpError {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::TooManyHeaders => Self::Head,
            other => Self::Malformed(other.to_string()),
        }
    }
}

impl From<io::Error> for HttpError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Self::Late,
            _ => Self::Io(error),
        }
    }
}

impl HttpError {
    /// The status that tells the other side, if there is still another side.
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Malformed(_) => Some(400),
            Self::Head => Some(431),
            Self::Body => Some(413),
            Self::Encoding => Some(501),
            Self::Late => Some(408),
            Self::Ended | Self::Io(_) => None,
        }
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// The protocol that is to be spoken behind the answer.
    pub upgrade: Option<String>,
    pub body: Vec<u8>,
}

/// The body of an answer.
pub enum Content {
    /// All of it.
    Bytes(Vec<u8>),
    /// What writes it.
    Stream(Box<dyn Saves>),
    /// None: what is behind the answer is another protocol.
    Talk(Box<dyn Talks>),
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub kind: &'static str,
    /// The methods that there are, where another one was used.
    pub allow: Option<String>,
    pub body: Content,
}

/// A connection that everything has to be over on by a moment.
pub struct Connection<'a> {
    stream: &'a UnixStream,
    deadline: Instant,
}

impl<'a> Connection<'a> {
    pub fn new(stream: &'a UnixStream, time: Duration) -> Self {
        Self {
            stream,
            deadline: Instant::now() + time,
        }
    }

    /// What is left of the time; a timeout of zero would be none at all.
    fn left(&self) -> io::Result<Duration> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        Ok(left)
    }

    /// Appends what arrives to `buffer`; says how much that was, 0 at the end.
    fn read_some(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let mut piece = [0; 4096];
        loop {
            self.stream.set_read_timeout(Some(self.left()?))?;
            match self.stream.read(&mut piece) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => {
                    let count = read?;
                    buffer.extend_from_slice(&piece[..count]);
                    return Ok(count);
                }
            }
        }
    }

    pub fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.set_write_timeout(Some(self.left()?))?;
            match self.stream.write(bytes) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes what `content` writes, in chunks: for as long as that takes, if the other side takes
    /// some of it in each `time`.
    pub fn stream(&mut self, content: &dyn Saves, time: Duration) -> io::Result<()> {
        let chunks = Chunks {
            connection: self,
            time,
        };
        let mut out = BufWriter::with_capacity(CHUNK, chunks);
        content.write(&mut out)?;
        out.flush()?;
        drop(out);
        self.write(b"0\r\n\r\n")
    }

    pub fn request(&mut self) -> Result<Request, HttpError> {
        let mut bytes = Vec::new();
        let (mut request, start, length) = loop {
            if let Some(head) = request_head(&bytes)? {
                break head;
            }
            if bytes.len() > MOST_HEAD {
                return Err(HttpError::Head);
            }
            self.read_more(&mut bytes)?;
        };
        if length > MOST_BODY {
            return Err(HttpError::Body);
        }
        while bytes.len() < start + length {
            self.read_more(&mut bytes)?;
        }
        request.body = bytes[start..start + length].to_vec();
        Ok(request)
    }

    /// The status and the body of what the other side answers; it closes the connection then.
    pub fn answer(&mut self) -> Result<(u16, Vec<u8>), HttpError> {
        self.answer_from(Vec::new())
    }

    /// The same, of which these bytes have come.
    fn answer_from(&mut self, mut bytes: Vec<u8>) -> Result<(u16, Vec<u8>), HttpError> {
        while self.read_some(&mut bytes)? > 0 {
            if bytes.len() > MOST_ANSWER {
                return Err(HttpError::Body);
            }
        }
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut answer = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(start) = answer.parse(&bytes)? else {
            return Err(HttpError::Ended);
        };
        let body = &bytes[start..];
        let length = length(answer.headers)?.unwrap_or(body.len());
        let status = answer.code.ok_or(HttpError::Ended)?;
        let body = body.get(..length).ok_or(HttpError::Ended)?;
        Ok((status, body.to_vec()))
    }

    /// Has the body of the answer go to `out` while it comes; some of it has to come in each `time`.
    /// An answer that refuses is returned with its status.
    pub fn save(
        &mut self,
        out: &mut dyn Write,
        time: Duration,
    ) -> Result<Result<(), (u16, Vec<u8>)>, HttpError> {
        let mut bytes = Vec::new();
        let start = loop {
            let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
            let mut answer = httparse::Response::new(&mut headers);
            match answer.parse(&bytes)? {
                httparse::Status::Complete(start) if answer.code == Some(200) => break start,
                httparse::Status::Complete(_) => return self.answer_from(bytes).map(Err),
                httparse::Status::Partial if bytes.len() > MOST_HEAD => {
                    return Err(HttpError::Head);
                }
                httparse::Status::Partial => self.read_more(&mut bytes)?,
            }
        };
        bytes.drain(..start);
        loop {
            self.deadline = Instant::now() + time;
            let (start, length) = self.chunk_head(&mut bytes)?;
            bytes.drain(..start);
            if length == 0 {
                return Ok(Ok(()));
            }
            while bytes.len() < length + CHUNK_END {
                self.read_more(&mut bytes)?;
            }
            out.write_all(&bytes[..length])?;
            bytes.drain(..length + CHUNK_END);
        }
    }

    /// Where the chunk that `bytes` start with begins, and how many bytes it has.
    fn chunk_head(&mut self, bytes: &mut Vec<u8>) -> Result<(usize, usize), HttpError> {
        let wrong = |_| HttpError::Malformed("a chunk has no size".to_owned());
        loop {
            match httparse::parse_chunk_size(bytes).map_err(wrong)? {
                httparse::Status::Complete((_, length)) if length > MOST_ANSWER as u64 => {
                    return Err(HttpError::Body);
                }
                httparse::Status::Complete((start, length)) => return Ok((start, length as usize)),
                httparse::Status::Partial => self.read_more(bytes)?,
            }
        }
    }

    /// Reads the head of an answer behind which another protocol is spoken; the other side waits then for
    /// this one to begin. An answer that refuses is returned with its status.
    pub fn switch(&mut self) -> Result<Result<(), (u16, Vec<u8>)>, HttpError> {
        let mut bytes = Vec::new();
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
            let mut answer = httparse::Response::new(&mut headers);
            match answer.parse(&bytes)? {
                httparse::Status::Complete(_) if answer.code == Some(101) => return Ok(Ok(())),
                httparse::Status::Complete(_) => return self.answer_from(bytes).map(Err),
                httparse::Status::Partial if bytes.len() > MOST_HEAD => {
                    return Err(HttpError::Head);
                }
                httparse::Status::Partial => self.read_more(&mut bytes)?,
            }
        }
    }

    fn read_more(&mut self, bytes: &mut Vec<u8>) -> Result<(), HttpError> {
        match self.read_some(bytes)? {
            0 => Err(HttpError::Ended),
            _ => Ok(()),
        }
    }

    /// Takes what the other side still sends, so that it comes to read the answer.
    pub fn drain(&mut self, time: Duration) {
        self.deadline = self.deadline.min(Instant::now() + time);
        let mut bytes = Vec::new();
        while self.read_some(&mut bytes).is_ok_and(|count| count > 0) {
            bytes.clear();
        }
    }
}

/// The chunks of a body, each of which may take so long.
struct Chunks<'a, 'b> {
    connection: &'a mut Connection<'b>,
    time: Duration,
}

impl Write for Chunks<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let connection = &mut self.connection;
        connection.deadline = Instant::now() + self.time;
        connection.write(format!("{:x}\r\n", bytes.len()).as_bytes())?;
        connection.write(bytes)?;
        connection.write(b"\r\n")?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The request whose head `bytes` start with, where its body starts and how long that is; nothing
/// if the head goes on.
fn request_head(bytes: &[u8]) -> Result<Option<(Request, usize, usize)>, HttpError> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(start) = request.parse(bytes)? else {
        return Ok(None);
    };
    if header(request.headers, "transfer-encoding")
        .next()
        .is_some()
    {
        return Err(HttpError::Encoding);
    }
    let length = length(request.headers)?.unwrap_or(0);
    let request = Request {
        method: request.method.unwrap_or_default().to_owned(),
        target: request.path.unwrap_or_default().to_owned(),
        upgrade: header(request.headers, "upgrade")
            .next()
            .map(|value| String::from_utf8_lossy(value).into_owned()),
        body: Vec::new(),
    };
    Ok(Some((request, start, length)))
}

fn header<'a>(
    headers: &'a [httparse::Header<'a>],
    name: &'a str,
) -> impl Iterator<Item = &'a [u8]> {
    headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value)
}

/// What Content-Length says; all of them, if there are several, have to say the same.
fn length(headers: &[httparse::Header<'_>]) -> Result<Option<usize>, HttpError> {
    let wrong = || HttpError::Malformed("Content-Length is no number".to_owned());
    let mut length = None;
    for value in header(headers, "content-length") {
        let digits = std::str::from_utf8(value).map_err(|_| wrong())?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        // What is too large for a number is too large for a body.
        let one = digits.parse().unwrap_or(usize::MAX);
        if length.is_some_and(|other| other != one) {
            return Err(wrong());
        }
        length = Some(one);
    }
    Ok(length)
}

impl Request {
    /// What is sent.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Self {
            method,
            target,
            upgrade,
            body,
        } = self;
        let connection = match upgrade {
            Some(protocol) => format!("Upgrade\r\nUpgrade: {protocol}"),
            None => "close".to_owned(),
        };
        let mut bytes = format!(
            "{method} {target} HTTP/1.1\r\nHost: mirrorball\r\nConnection: {connection}\r\n"
        );
        if !body.is_empty() {
            bytes += "Content-Type: application/json\r\n";
        }
        bytes += &format!("Content-Length: {}\r\n\r\n", body.len());
        let mut bytes = bytes.into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }
}

impl Answer {
    /// What is sent before the body, and with it if that is known and not `head_only`.
    pub fn to_bytes(&self, head_only: bool) -> Vec<u8> {
        if let Content::Talk(_) = self.body {
            let (status, kind) = (self.status, self.kind);
            let reason = reason(status);
            let head = format!("HTTP/1.1 {status} {reason}\r\nConnection: Upgrade\r\n");
            return format!("{head}Upgrade: {kind}\r\n\r\n").into_bytes();
        }
        let mut bytes = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nConnection: close\r\n",
            self.status,
            reason(self.status),
            self.kind,
        );
        if let Some(allow) = &self.allow {
            bytes += &format!("Allow: {allow}\r\n");
        }
        let Content::Bytes(body) = &self.body else {
            return (bytes + "Transfer-Encoding: chunked\r\n\r\n").into_bytes();
        };
        bytes += &format!("Content-Length: {}\r\n\r\n", body.len());
        let mut bytes = bytes.into_bytes();
        if !head_only {
            bytes.extend_from_slice(body);
        }
        bytes
    }
}

/// What a status is called.
pub(super) const fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests;
