//! What the other end of [`attach`](super::attach) says: what is typed, and the size of its window.
//!
//! A frame is a letter for its kind, the number of its bytes as two bytes, the higher one first, and
//! these bytes.

use mirrorball_runtime::device::stroke::Stroke;
use mirrorball_runtime::device::virtio::WindowSize;

const TYPED: u8 = b't';
const PIPED: u8 = b'p';
const BREAK: u8 = b'b';
const SIZE: u8 = b'w';
const HEAD: usize = 3;
/// The most bytes of a frame.
const MOST: usize = 4096;

/// What a frame says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// This is typed.
    Typed(Vec<Stroke>),
    /// The window has this size.
    Resized(WindowSize),
}

impl Said {
    /// The frames that say it.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        match self {
            Self::Resized(size) => {
                let [a, b] = size.columns.to_be_bytes();
                let [c, d] = size.rows.to_be_bytes();
                put(&mut bytes, SIZE, &[a, b, c, d]);
            }
            Self::Typed(strokes) => {
                let alike = strokes.chunk_by(|a, b| kind(*a) == kind(*b) && kind(*a) != BREAK);
                for piece in alike.flat_map(|alike| alike.chunks(MOST)) {
                    let typed = piece.iter().filter(|stroke| **stroke != Stroke::Break);
                    let typed: Vec<u8> = typed.map(|stroke| stroke.byte()).collect();
                    put(&mut bytes, kind(piece[0]), &typed);
                }
            }
        }
        bytes
    }
}

const fn kind(stroke: Stroke) -> u8 {
    match stroke {
        Stroke::Byte(_) => TYPED,
        Stroke::Piped(_) => PIPED,
        Stroke::Break => BREAK,
    }
}

fn put(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    out.push(kind);
    out.extend((bytes.len() as u16).to_be_bytes());
    out.extend(bytes);
}

/// Takes frames apart.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The start of a frame that is not whole.
    rest: Vec<u8>,
}

impl Frames {
    /// What these bytes say with those before; nothing if it cannot be understood.
    pub fn take(&mut self, bytes: &[u8]) -> Option<Vec<Said>> {
        self.rest.extend(bytes);
        let mut said = Vec::new();
        while let [kind, high, low, rest @ ..] = &self.rest[..] {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if length > MOST {
                return None;
            }
            let Some(body) = rest.get(..length) else {
                break;
            };
            said.push(match (*kind, body) {
                (TYPED, body) => Said::Typed(Stroke::typed(body).collect()),
                (PIPED, body) => Said::Typed(Stroke::piped(body).collect()),
                (BREAK, []) => Said::Typed(vec![Stroke::Break]),
                (SIZE, &[a, b, c, d]) => Said::Resized(WindowSize {
                    columns: u16::from_be_bytes([a, b]),
                    rows: u16::from_be_bytes([c, d]),
                }),
                _ => return None,
            });
            self.rest.drain(..HEAD + length);
        }
        Some(said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard_however_it_is_cut() {
        let strokes = [
            Stroke::Byte(b'a'),
            Stroke::Byte(b'b'),
            Stroke::Break,
            Stroke::Break,
            Stroke::Piped(0xff),
        ];
        let size = WindowSize {
            columns: 300,
            rows: 2,
        };
        let mut bytes = Said::Typed(strokes.to_vec()).to_bytes();
        bytes.extend(Said::Resized(size).to_bytes());
        bytes.extend(Said::Typed(vec![Stroke::Byte(7); MOST + 1]).to_bytes());
        for cut in 1..40 {
            let mut frames = Frames::default();
            let pieces = bytes.chunks(cut);
            let said: Vec<_> = pieces
                .flat_map(|piece| frames.take(piece).unwrap())
                .collect();
            let mut typed: Vec<Stroke> = Vec::new();
            for one in &said {
                match one {
                    Said::Typed(strokes) => typed.extend(strokes.iter().copied()),
                    Said::Resized(told) => assert_eq!((*told, typed.len()), (size, 5)),
                }
            }
            assert_eq!(typed[..5], strokes);
            assert_eq!(typed[5..], vec![Stroke::Byte(7); MOST + 1]);
            assert!(frames.rest.is_empty());
        }
    }

    #[test]
    fn what_is_no_frame_is_not_understood() {
        for bytes in [
            &b"GET / HTTP/1.1"[..],
            b"w\0\x01x",
            b"b\0\x01x",
            b"t\xff\xff",
        ] {
            assert_eq!(Frames::default().take(bytes), None, "{bytes:?}");
        }
    }
}
