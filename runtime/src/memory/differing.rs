//! Where the memories of two machines differ.

use super::kept::or_zeros;
use super::pmap::Page;
use super::ram::Ram;
use crate::addr::Pa;
use std::sync::Arc;

/// The pages whose content differs between two memories of one size, in order of address. A page that
/// was never touched counts as one of zeros.
pub fn differing<'a>(a: &'a Ram, b: &'a Ram) -> impl Iterator<Item = Pa> + 'a {
    let stores = a.pmap.store().zip(b.pmap.store());
    let one_store = stores.is_some_and(|(a, b)| Arc::ptr_eq(a, b));
    (0..a.pmap.len().max(b.pmap.len())).filter_map(move |index| {
        let [left, right] = [a, b].map(|ram| ram.pmap.page_at(index).unwrap_or_default());
        if one_store && left == right && matches!(left, Page::Stored(_)) {
            return None;
        }
        let differ = match (a.content(left), b.content(right)) {
            (None, None) => false,
            (left, right) => or_zeros(left) != or_zeros(right),
        };
        differ.then(|| a.pmap.address(index))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::PAGE_SIZE;
    use crate::memory::machine::MachineMemory;

    fn ram() -> Ram {
        let memory = MachineMemory::new(8 * PAGE_SIZE).unwrap();
        Ram::new(8 * PAGE_SIZE, false, Arc::new(memory))
    }

    fn write(ram: &mut Ram, page: u64, bytes: &[u8]) {
        let access = ram.write(Pa(page * PAGE_SIZE)).unwrap().unwrap();
        ram.put(access, bytes);
    }

    #[test]
    fn pages_differ_by_their_content_alone() {
        let (mut a, mut b) = (ram(), ram());
        write(&mut a, 1, &[0]);
        write(&mut a, 2, b"same");
        write(&mut b, 2, b"same");
        assert_eq!(differing(&a, &b).next(), None, "zeros are as good as none");
        write(&mut a, 3, b"one");
        write(&mut b, 5, b"two");
        let pages: Vec<u64> = differing(&a, &b).map(|pa| pa.page_number()).collect();
        assert_eq!(pages, [3, 5]);
    }
}
