//! Links: the cells through which one piece of translated code jumps to the next.
//!
//! A cell holds the target's code, or 0. Making and undoing a link is one store.

use super::blocks::BlockKey;

/// What a link leads to, once it is known.
#[derive(Clone, Copy, Debug)]
struct Link {
    /// The block that the link belongs to.
    from: BlockKey,
    /// The guest address that it leads to.
    pc: u32,
}

/// The target of a link that leads nowhere: no instruction lies at an odd address.
const NOWHERE: u32 = 1;

/// All links of one VM.
pub struct Links {
    cells: Box<[usize]>,
    links: Vec<Link>,
}

/// The number of a link.
pub type LinkId = u32;

impl Links {
    /// Room for `count` links.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self {
            cells: vec![0; count].into(),
            links: Vec::new(),
        }
    }

    /// Where translated code finds the cells.
    pub fn cells(&mut self) -> *mut usize {
        self.cells.as_mut_ptr()
    }

    /// Sets `count` links aside for block `from`, whose targets are not known yet. `None` if there
    /// is no room for them.
    pub fn reserve(&mut self, from: BlockKey, count: usize) -> Option<LinkId> {
        let first = self.links.len();
        if first + count > self.cells.len() {
            return None;
        }
        let link = Link { from, pc: NOWHERE };
        self.links.extend(std::iter::repeat_n(link, count));
        Some(first as LinkId)
    }

    /// Says where the links from `first` on lead.
    pub fn aim(&mut self, first: LinkId, targets: impl Iterator<Item = u32>) {
        for (link, pc) in self.links[first as usize..].iter_mut().zip(targets) {
            link.pc = pc;
        }
    }

    /// Makes link `id` lead to `code`, the translation of block `to`, if that is what it is for.
    pub fn make(&mut self, id: LinkId, to: BlockKey, code: usize) -> bool {
        let link = self.links[id as usize];
        let fits = link.pc == to.pc
            && link.from.kernel == to.kernel
            && link.from.status == to.status
            && (link.pc >> 30 == 2 || link.from.pa.page() == to.pa.page());
        if fits {
            self.cells[id as usize] = code;
        }
        fits
    }

    /// Opens link `id` again.
    pub fn open(&mut self, id: LinkId) {
        self.cells[id as usize] = 0;
    }

    /// Forgets all links.
    pub fn clear(&mut self) {
        self.cells[..self.links.len()].fill(0);
        self.links.clear();
    }
}

/// What a translated block has to do with links.
#[derive(Default, Debug)]
pub struct Incoming(Vec<LinkId>);

impl Incoming {
    /// Notes a link that leads here.
    pub fn push(&mut self, id: LinkId) {
        self.0.push(id);
    }

    /// Opens every link that leads here.
    pub fn open_all(&mut self, links: &mut Links) {
        for id in self.0.drain(..) {
            links.open(id);
        }
    }
}
