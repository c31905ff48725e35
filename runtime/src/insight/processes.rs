//! The guest's processes, as far as a monitor can see them without an agent in the guest.
//!
//! What the monitor sees are address spaces: the ASID in EntryHi, and the page table that the
//! guest's refill handler walks ([`table`](super::table)). User mode entered with another of
//! either is another process. Time is charged where the space of the software TLB changes, which
//! is the monitor's business anyway; nothing is counted while a space is in use.
//!
//! The kernel writes EntryHi before it sets the page table, and for a moment borrows ASIDs to
//! write TLB entries of processes that do not run. So whose a new ASID is is only asked when user
//! mode is entered in it, or when it is left again; what happened in it until then is set aside.
//! A process keeps its account when the kernel gives it another ASID while no other process runs
//! in user mode. A guest whose handler loads no page table is told apart by ASIDs alone.
//!
//! Nothing here is part of the machine's state: the guest cannot see it, nor does a state hash.

use super::table;
use crate::account::Holding;
use crate::addr::Pa;
use crate::clock::Cycles;
use crate::cpu::cp0::STATUS_BEV;
use crate::memory::Ram;
use crate::mmu::tlb::Entry;
use crate::vcpu::{SpaceChange, Vcpu};

/// The most processes that are kept; the one that was not seen for longest goes.
const MOST: usize = 256;
/// How often it is believed that the refill handler is still the same.
const BELIEVED: u32 = 16;

/// What the monitor knows of a process of the guest's, or of its kernel before there was one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Process {
    /// The address-space identifier that it has, or last had.
    pub asid: u8,
    /// Where its page table is, as an address of the kernel's. `None` if the guest's refill
    /// handler loads no such thing, or had not been installed.
    pub table: Option<u32>,
    /// Instructions run in user (or supervisor) mode.
    pub user: u64,
    /// Instructions that the kernel ran while its address space was selected: on its behalf, or
    /// having no other's.
    pub kernel: u64,
    /// TLB refill exceptions.
    pub refills: u64,
    /// Pages that the guest's TLB had valid entries for, at any time. A large page counts once.
    pub pages: u64,
    /// When it was first seen.
    pub first: Cycles,
    /// When it was last seen.
    pub last: Cycles,
}

/// The pages of the lower half of the address space that were seen, as bits.
#[derive(Clone, Default)]
struct Pages {
    /// For each 4 MiB, the bits of its pages, if there are any.
    groups: Vec<Option<Box<[u64; 16]>>>,
    count: u64,
}

/// The most groups: those of the lower half of the address space.
const GROUPS: usize = 512;
/// What a group takes, and a place for one.
const GROUP_BYTES: usize = size_of::<[u64; 16]>() + size_of::<Option<Box<[u64; 16]>>>();

impl Pages {
    fn note(&mut self, va: u32) {
        let (group, bit) = ((va >> 22) as usize, va >> 12 & 0x3ff);
        if self.groups.len() <= group {
            self.groups.resize_with(group + 1, || None);
        }
        let bits = self.groups[group].get_or_insert_default();
        let word = &mut bits[(bit / 64) as usize];
        let bit = 1 << (bit % 64);
        self.count += u64::from(*word & bit == 0);
        *word |= bit;
    }

    fn absorb(&mut self, other: &Self) {
        for (group, bits) in other.groups.iter().enumerate() {
            let bits = bits.as_deref().into_iter().flatten();
            for (index, &word) in bits.enumerate() {
                let set = (0..64).filter(|bit| word >> bit & 1 != 0);
                set.for_each(|bit| self.note((group << 22 | index << 18 | bit << 12) as u32));
            }
        }
    }
}

impl Pages {
    /// About how many bytes they take.
    fn bytes(&self) -> usize {
        self.groups.len() * GROUP_BYTES
    }
}

#[derive(Clone, Default)]
struct Account {
    process: Process,
    pages: Pages,
}

impl Account {
    fn absorb(&mut self, other: &Self) {
        let (own, new) = (&mut self.process, &other.process);
        own.user += new.user;
        own.kernel += new.kernel;
        own.refills += new.refills;
        own.last = own.last.max(new.last);
        self.pages.absorb(&other.pages);
    }

    fn charge(&mut self, user: bool, instructions: u64, now: Cycles) {
        let process = &mut self.process;
        if user {
            process.user += instructions;
        } else {
            process.kernel += instructions;
        }
        process.last = now;
    }

    fn seen(&self) -> Process {
        Process {
            pages: self.pages.count,
            ..self.process
        }
    }
}

/// The accounts of all processes.
#[derive(Clone, Default)]
pub struct Processes {
    accounts: Vec<Account>,
    /// Whose space is in use, if that is known.
    here: Option<usize>,
    /// What happened since the ASID changed, until it is known whose it is.
    aside: Account,
    /// Whose space was last known to be in use.
    last: usize,
    /// The instructions that are charged.
    charged: u64,
    /// The TLB refills that are charged.
    charged_refills: u64,
    /// The guest's refill handler, where it loads its page table from, if it does, and how often
    /// more that is believed.
    handler: Option<(u32, Option<Pa>, u32)>,
    /// Those of the process in use that are not in its account yet, in the kernel and in user mode.
    spent: [u64; 2],
}

impl Processes {
    /// What the accounts take of the host's memory.
    pub(crate) fn held(&self) -> Holding {
        let each = size_of::<Account>() + GROUPS * GROUP_BYTES;
        let pages = self.accounts.iter().map(|account| account.pages.bytes());
        let accounts = self.accounts.len() * size_of::<Account>();
        // What is set aside is one more.
        let bytes = pages.sum::<usize>() + accounts + self.aside.pages.bytes();
        Holding::new(bytes, (MOST + 1) * each)
    }

    fn current(&mut self) -> &mut Account {
        match self.here {
            Some(index) => &mut self.accounts[index],
            None => &mut self.aside,
        }
    }

    /// Charges the process in use, which stays, as the mode changes. False if it is not yet known
    /// whose the space is.
    #[inline]
    fn spend(&mut self, user: bool, ran: u64) -> bool {
        if self.here.is_none() {
            return false;
        }
        self.spent[usize::from(user)] += ran.saturating_sub(self.charged);
        self.charged = ran;
        true
    }

    /// Charges the process in use for what ran until now, and for the TLB refills so far.
    fn charge(&mut self, user: bool, ran: u64, refills: u64, now: Cycles) {
        let [kernel, in_user] = std::mem::take(&mut self.spent);
        let instructions = ran.saturating_sub(self.charged);
        self.charged = ran;
        let refills = refills.saturating_sub(std::mem::replace(&mut self.charged_refills, refills));
        let account = self.current();
        account.process.refills += refills;
        account.charge(false, kernel, now);
        account.charge(true, in_user, now);
        account.charge(user, instructions, now);
    }

    /// An entry is in the guest's TLB.
    pub fn note_entry(&mut self, entry: &Entry) {
        let account = self.current();
        let own = !entry.is_global() && entry.asid() == account.process.asid;
        let vpn2 = entry.vpn2();
        if !own || vpn2 >> 31 != 0 {
            return;
        }
        let size = (entry.mask() >> 1) + 1;
        for (half, va) in entry.halves().iter().zip([vpn2, vpn2 | size]) {
            if half.valid {
                account.pages.note(va);
            }
        }
    }

    /// Whose the space in use is becomes known: a process with this page table, which is about to
    /// run in user mode or else is about to be left.
    fn identify(&mut self, table: Option<u32>, user: bool) {
        let asid = self.aside.process.asid;
        let same = |account: &Account| {
            table.is_some() && account.process.table == table && account.process.user > 0
        };
        let known = if self.accounts.get(self.last).is_some_and(same) {
            Some(self.last)
        } else {
            let mut accounts = self.accounts.iter().map(|account| account.process);
            accounts.position(|process| process.asid == asid && process.table == table)
        };
        let index = match known {
            Some(index) => index,
            // An ASID that was only borrowed.
            None if !user && !self.accounts.is_empty() => {
                self.accounts[self.last].absorb(&self.aside);
                return;
            }
            None => self.open(asid, table),
        };
        let account = &mut self.accounts[index];
        account.absorb(&self.aside);
        account.process.asid = asid;
        self.last = index;
        self.here = Some(index);
    }

    /// Opens an account, and closes the one that rested for longest if there are too many.
    fn open(&mut self, asid: u8, table: Option<u32>) -> usize {
        if self.accounts.len() >= MOST {
            let accounts = self.accounts.iter().enumerate();
            let oldest = accounts.min_by_key(|(_, account)| account.process.last);
            let oldest = oldest.map_or(0, |(index, _)| index);
            self.accounts.remove(oldest);
        }
        self.accounts.push(Account {
            process: Process {
                asid,
                table,
                first: self.aside.process.first,
                ..Process::default()
            },
            pages: Pages::default(),
        });
        self.accounts.len() - 1
    }

    /// Another ASID is in use.
    fn enter(&mut self, asid: u8, now: Cycles) {
        self.here = None;
        self.aside = Account::default();
        self.aside.process.asid = asid;
        self.aside.process.first = now;
    }
}

impl Processes {
    /// The CPU has left one address space or mode for another, after so many TLB refills.
    #[inline]
    pub fn space_changed(&mut self, change: SpaceChange, cpu: &Vcpu, ram: &Ram, refills: u64) {
        let SpaceChange { old, new } = change;
        let stays = old.asid == new.asid;
        if !(stays && self.spend(!old.mode.is_kernel(), cpu.retired())) {
            self.change_process(change, cpu, ram, refills);
        }
    }

    #[cold]
    fn change_process(&mut self, change: SpaceChange, cpu: &Vcpu, ram: &Ram, refills: u64) {
        let SpaceChange { old, new } = change;
        let now = cpu.now(0);
        let (user, to_user) = (!old.mode.is_kernel(), !new.mode.is_kernel());
        self.charge(user, cpu.retired(), refills, now);
        let left = old.asid != new.asid;
        if (left || to_user) && self.here.is_none() {
            let table = self.page_table(cpu, ram);
            self.identify(table, !left);
        }
        if left {
            self.enter(new.asid, now);
        }
    }

    /// The page table of the address space in use. It is asked for often: what was found out about
    /// a handler is believed for a while.
    fn page_table(&mut self, cpu: &Vcpu, ram: &Ram) -> Option<u32> {
        let vector = vectors(cpu)?;
        let (place, times) = match self.handler {
            Some((known, place, times)) if known == vector && times > 0 => (place, times - 1),
            _ => (table::place(ram, vector), BELIEVED),
        };
        self.handler = Some((vector, place, times));
        table::load(ram, place?)
    }

    /// The processes that the guest was seen to run, and its kernel before there was one: those
    /// that were last seen, in the order in which they were first seen.
    #[must_use]
    pub fn list(&self, cpu: &Vcpu, refills: u64) -> Vec<Process> {
        let mut open = self.here.map_or_else(
            || self.aside.clone(),
            |_| Account {
                process: Process {
                    first: cpu.now(0),
                    ..Process::default()
                },
                ..Account::default()
            },
        );
        let instructions = cpu.retired().saturating_sub(self.charged);
        open.process.refills += refills.saturating_sub(self.charged_refills);
        open.charge(false, self.spent[0], cpu.now(0));
        open.charge(true, self.spent[1], cpu.now(0));
        open.charge(!cpu.mode().is_kernel(), instructions, cpu.now(0));
        let mut accounts = self.accounts.clone();
        match accounts.get_mut(self.here.unwrap_or(self.last)) {
            Some(account) => account.absorb(&open),
            None => accounts.push(open),
        }
        accounts.iter().map(Account::seen).collect()
    }
}

/// The page table of the address space in use, if the guest's refill handler loads one.
#[must_use]
pub fn page_table(cpu: &Vcpu, ram: &Ram) -> Option<u32> {
    table::load(ram, table::place(ram, vectors(cpu)?)?)
}

/// Where the guest's exception vectors begin, with its TLB refill handler, if it has one.
pub(super) fn vectors(cpu: &Vcpu) -> Option<u32> {
    let cp0 = &cpu.cp0;
    let vector = match cpu.model.release {
        1 => 0x8000_0000,
        _ => cp0.ebase & 0xffff_f000,
    };
    (cp0.status & STATUS_BEV == 0).then_some(vector)
}
