//! The checksum of the Internet protocols (RFC 1071): the sum of 16-bit numbers, in which what
//! overflows is added at the other end.

/// Completes a checksum that the driver has begun: the field, `offset` bytes behind `start`, holds the
/// sum of what is not in front of it. `None` if the field is not in the frame.
pub(super) fn fill(frame: &mut [u8], start: usize, offset: usize) -> Option<()> {
    let covered = frame.get_mut(start..)?;
    let complement = !sum(covered);
    let field = covered.get_mut(offset..offset + 2)?;
    // Zero would mean that there is none.
    let checksum = if complement == 0 { !0 } else { complement };
    field.copy_from_slice(&checksum.to_be_bytes());
    Some(())
}

/// The sum of all bytes.
fn sum(bytes: &[u8]) -> u16 {
    let (words, rest) = bytes.as_chunks::<4>();
    let words = words
        .iter()
        .map(|&word| u64::from(u32::from_be_bytes(word)));
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    let mut sum = words.sum::<u64>() + u64::from(u32::from_be_bytes(last));
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_makes_the_sum_of_all_bytes_whole() {
        for length in [20, 21, 22, 23, 1460] {
            let mut frame: Vec<u8> = (0..length + 14).map(|at| (at * 37) as u8).collect();
            fill(&mut frame, 14, 6).expect("it is in the frame");
            let pairs = frame[14..]
                .chunks(2)
                .map(|pair| u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0)));
            // The field held a number that counts as part of the sum.
            let old = u64::from((20_u16 * 37) as u8) << 8 | u64::from((21_u16 * 37) as u8);
            let total = pairs.sum::<u64>() + old;
            assert_eq!(total % 0xffff, 0, "{length}");
        }
        assert_eq!(fill(&mut [0; 20], 14, 5), None);
        assert_eq!(fill(&mut [0; 20], 21, 0), None);
        assert_eq!(fill(&mut [0; 20], 14, usize::MAX - 14), None);
    }

    #[test]
    fn zero_is_never_the_checksum() {
        let mut frame = [0xff, 0xff, 0, 0];
        fill(&mut frame, 0, 2).expect("it is in the frame");
        assert_eq!(frame, [0xff; 4]);
    }
}
