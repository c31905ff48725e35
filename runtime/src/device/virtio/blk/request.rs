//! What a driver asks of a disk, as it lies in the buffers: a head of sixteen bytes, data in either
//! direction, and the status as the last byte.

use crate::device::Memory;
use crate::device::disk::{Command, SECTOR, Shape};
use crate::device::virtio::{Broken, Chain, Order};
use serde::{Deserialize, Serialize};
use virtio_bindings::virtio_blk::{
    VIRTIO_BLK_ID_BYTES, VIRTIO_BLK_S_IOERR, VIRTIO_BLK_S_OK, VIRTIO_BLK_S_UNSUPP,
    VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_FLUSH, VIRTIO_BLK_T_GET_ID, VIRTIO_BLK_T_IN,
    VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_WRITE_ZEROES, VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP,
};

/// The bytes of the head.
const HEAD: u64 = 16;
/// The most data of a request.
pub(super) const LONGEST: u64 = super::PIECES as u64 * super::PIECE as u64;

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[repr(u8)]
pub(super) enum Status {
    /// It was done.
    Ok = VIRTIO_BLK_S_OK as u8,
    /// It could not be done.
    Failed = VIRTIO_BLK_S_IOERR as u8,
    /// There are no such requests.
    Unsupported = VIRTIO_BLK_S_UNSUPP as u8,
}

/// What a request comes to.
#[derive(Debug)]
pub(super) enum Work {
    /// The host has something to do.
    Host(Command),
    /// The device has the answer.
    Answer(Status, Vec<u8>),
}

const FAILED: Work = Work::Answer(Status::Failed, Vec::new());
const UNSUPPORTED: Work = Work::Answer(Status::Unsupported, Vec::new());

impl Work {
    /// What the driver asks for.
    pub fn of(
        chain: &Chain,
        order: Order,
        shape: &Shape,
        memory: &mut dyn Memory,
    ) -> Result<Self, Broken> {
        let head: Option<[u8; HEAD as usize]> = chain.readable.array(memory, 0)?;
        let room = chain.writable.length().checked_sub(1).ok_or(Broken)?;
        let [k0, k1, k2, k3, _, _, _, _, sector @ ..] = head.ok_or(Broken)?;
        let sector = order.get64(sector);
        match order.get32([k0, k1, k2, k3]) {
            VIRTIO_BLK_T_IN => Ok(Self::read(shape, sector, room)),
            VIRTIO_BLK_T_OUT => Self::write(chain, shape, sector, memory),
            VIRTIO_BLK_T_FLUSH => Ok(Self::Host(Command::Flush)),
            VIRTIO_BLK_T_GET_ID => {
                let serial = shape.serial_bytes(VIRTIO_BLK_ID_BYTES as usize, 0);
                Ok(Self::Answer(Status::Ok, serial))
            }
            kind @ (VIRTIO_BLK_T_DISCARD | VIRTIO_BLK_T_WRITE_ZEROES) => {
                Self::erase(chain, order, shape, kind, memory)
            }
            _ => Ok(UNSUPPORTED),
        }
    }

    fn read(shape: &Shape, sector: u64, bytes: u64) -> Self {
        if !moves(shape, sector, bytes) {
            return FAILED;
        }
        let bytes = bytes as u32;
        Self::Host(Command::Read { sector, bytes })
    }

    fn write(
        chain: &Chain,
        shape: &Shape,
        sector: u64,
        memory: &mut dyn Memory,
    ) -> Result<Self, Broken> {
        let bytes = chain.readable.length() - HEAD;
        if shape.read_only || !moves(shape, sector, bytes) {
            return Ok(FAILED);
        }
        let mut data = vec![0; bytes as usize];
        chain.readable.read(memory, HEAD, &mut data)?;
        Ok(Self::Host(Command::Write { sector, data }))
    }

    /// Discards or zeroes one range.
    fn erase(
        chain: &Chain,
        order: Order,
        shape: &Shape,
        kind: u32,
        memory: &mut dyn Memory,
    ) -> Result<Self, Broken> {
        let range: Option<[u8; 16]> = chain.readable.array(memory, HEAD)?;
        let Some([s @ .., n0, n1, n2, n3, f0, f1, f2, f3]) = range else {
            return Ok(FAILED);
        };
        let (sector, sectors) = (order.get64(s), order.get32([n0, n1, n2, n3]));
        let flags = order.get32([f0, f1, f2, f3]);
        let zeroes = kind == VIRTIO_BLK_T_WRITE_ZEROES;
        let known = if zeroes {
            VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP
        } else {
            0
        };
        if flags & !known != 0 || chain.readable.length() != HEAD + 16 {
            return Ok(UNSUPPORTED);
        }
        let fits = sectors <= super::SPAN && shape.holds(sector, sectors.into());
        if shape.read_only || !fits {
            return Ok(FAILED);
        }
        let sectors = sectors.into();
        Ok(Self::Host(if zeroes {
            Command::WriteZeroes { sector, sectors }
        } else {
            Command::Discard { sector, sectors }
        }))
    }
}

/// Whether so many bytes can be moved.
fn moves(shape: &Shape, sector: u64, bytes: u64) -> bool {
    let whole = bytes.is_multiple_of(SECTOR) && bytes > 0;
    whole && bytes <= LONGEST && shape.holds(sector, bytes / SECTOR)
}
