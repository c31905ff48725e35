//! What a machine takes of the host's memory beside its guest's: all that a guest or a client can
//! make grow, each kind with its limit. What is reported of it comes from this one table.
//!
//! Machine memory does not count it: pages of a guest can be shared, given back and swapped until
//! there is room, and these cannot. So each kind has a limit of its own, which is kept where it
//! grows.

/// A kind of memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Software TLBs, one for each of the guest's address spaces in use.
    Tables,
    /// What was printed and not written yet, and what was typed and not read yet.
    Console,
    /// Frames that came in and were not received by the guest, and what is on its way between a
    /// network of the host's and the guest.
    Network,
    /// Messages to shared folders, and their answers.
    Folders,
    /// What is known of the guest's processes.
    Processes,
    /// Translated code.
    Code,
    /// Tables that lead to it.
    CodePages,
    /// Predecoded blocks, and what is known of their translations.
    Blocks,
    /// Regions that wait to be translated.
    Waiting,
}

impl Kind {
    /// Every kind, in order.
    pub const ALL: [Self; 9] = [
        Self::Tables,
        Self::Console,
        Self::Network,
        Self::Folders,
        Self::Processes,
        Self::Code,
        Self::CodePages,
        Self::Blocks,
        Self::Waiting,
    ];

    /// Its name: a word for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tables => "tables",
            Self::Console => "console",
            Self::Network => "network",
            Self::Folders => "folders",
            Self::Processes => "processes",
            Self::Code => "code",
            Self::CodePages => "code_pages",
            Self::Blocks => "blocks",
            Self::Waiting => "waiting",
        }
    }

    /// What it is, for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Tables => "software TLBs",
            Self::Console => "console",
            Self::Network => "network",
            Self::Folders => "shared folders",
            Self::Processes => "guest processes",
            Self::Code => "translated code",
            Self::CodePages => "tables that lead to code",
            Self::Blocks => "predecoded blocks",
            Self::Waiting => "waiting for translation",
        }
    }
}

/// So much of a kind, and the most that there can be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Holding {
    /// Bytes, about.
    pub bytes: u64,
    /// The limit.
    pub limit: u64,
}

impl Holding {
    /// So many bytes of so many.
    #[must_use]
    pub const fn new(bytes: usize, limit: usize) -> Self {
        Self {
            bytes: bytes as u64,
            limit: limit as u64,
        }
    }
}

impl std::ops::AddAssign for Holding {
    fn add_assign(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.limit += other.limit;
    }
}

/// What one machine holds of each kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Account([Holding; Kind::ALL.len()]);

impl Account {
    /// Adds a holding.
    pub fn add(&mut self, kind: Kind, holding: Holding) {
        self.0[kind as usize] += holding;
    }

    /// Adds another account.
    pub fn add_all(&mut self, other: &Self) {
        for (kind, holding) in other.holdings() {
            self.add(kind, holding);
        }
    }

    /// Each kind that there can be some of.
    pub fn holdings(&self) -> impl Iterator<Item = (Kind, Holding)> {
        let all = Kind::ALL.into_iter().zip(self.0);
        all.filter(|(_, holding)| holding.limit > 0)
    }

    /// What it holds of one kind.
    #[must_use]
    pub fn of(&self, kind: Kind) -> Holding {
        self.0[kind as usize]
    }

    /// All kinds together.
    #[must_use]
    pub fn total(&self) -> Holding {
        let mut total = Holding::default();
        self.0.iter().for_each(|&holding| total += holding);
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_add_up_by_kind() {
        let mut account = Account::default();
        account.add(Kind::Code, Holding::new(10, 100));
        let mut other = Account::default();
        other.add(Kind::Code, Holding::new(1, 10));
        other.add(Kind::Console, Holding::new(0, 5));
        account.add_all(&other);
        let holdings: Vec<_> = account.holdings().collect();
        assert_eq!(
            holdings,
            [
                (Kind::Console, Holding::new(0, 5)),
                (Kind::Code, Holding::new(11, 110))
            ]
        );
        assert_eq!(account.total(), Holding::new(11, 115));
        assert!(
            Kind::ALL
                .iter()
                .enumerate()
                .all(|(at, &kind)| kind as usize == at)
        );
    }
}
