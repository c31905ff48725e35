//! How the board's table is written: its columns, what is made of it, and what may not be in it.

use crate::device::pci::{Hit, PciFunction};

/// A range of ports that are where they always were.
pub struct Ports {
    first: u64,
    count: u64,
    /// The chip's offset of the first, or the base address register that the range stands for if
    /// the chip is a PCI function.
    offset: u64,
    bar: u8,
}

/// Ports of a chip on ISA: the first, how many, and the chip's offset of the first.
pub const fn ports(first: u64, count: u64, offset: u64) -> Ports {
    Ports {
        first,
        count,
        offset,
        bar: 0,
    }
}

/// Ports of a PCI function that no base address moves: the first, how many, and the base address
/// register that they stand for.
pub const fn fixed(first: u64, count: u64, bar: u8) -> Ports {
    Ports {
        first,
        count,
        offset: 0,
        bar,
    }
}

impl Ports {
    /// The register behind a port of the range.
    pub fn decode(&self, port: u64) -> Option<Hit> {
        let hit = Hit::within(self.bar, self.first, self.count, port)?;
        Some(Hit {
            offset: hit.offset + self.offset,
            ..hit
        })
    }

    const fn overlaps(&self, other: &Self) -> bool {
        self.first < other.first + other.count && other.first < self.first + self.count
    }
}

/// Where an interrupt output leads.
#[derive(Clone, Copy)]
pub enum Wire {
    /// To an input of the 8259 pair.
    Isa(u8),
    /// To the PIIX4's input for the pin of the slot that the function uses.
    Pci,
    /// To a hardware interrupt of the CPU.
    Cpu(u8),
}

/// A chip's place on the board, or something else that accesses are counted of.
pub struct Row {
    /// What reports call it.
    pub name: &'static str,
    /// Its ports that do not move.
    pub ports: &'static [Ports],
    /// Its slot and function on PCI.
    pub slot: Option<(u8, u8)>,
    /// Where its interrupt outputs lead.
    pub wires: &'static [Wire],
}

/// Whether two ranges of ports in the table overlap, be they of the same chip.
pub const fn ports_overlap(rows: &[Row]) -> bool {
    let mut a = (0, 0);
    while a.0 < rows.len() {
        if a.1 == rows[a.0].ports.len() {
            a = (a.0 + 1, 0);
            continue;
        }
        let range = &rows[a.0].ports[a.1];
        if count_overlaps(rows, range) != 1 {
            return true;
        }
        a.1 += 1;
    }
    false
}

/// How many ranges of the table overlap `range`.
const fn count_overlaps(rows: &[Row], range: &Ports) -> usize {
    let (mut row, mut at, mut count) = (0, 0, 0);
    while row < rows.len() {
        if at == rows[row].ports.len() {
            (row, at) = (row + 1, 0);
        } else {
            count += rows[row].ports[at].overlaps(range) as usize;
            at += 1;
        }
    }
    count
}

/// Whether two rows of the table are the same function of the same slot.
pub const fn slots_overlap(rows: &[Row]) -> bool {
    let mut pair = (0, 1);
    while pair.1 < rows.len() {
        if let (Some(a), Some(b)) = (rows[pair.0].slot, rows[pair.1].slot)
            && a.0 == b.0
            && a.1 == b.1
        {
            return true;
        }
        pair.0 += 1;
        if pair.0 == pair.1 {
            pair = (0, pair.1 + 1);
        }
    }
    false
}

/// What a field of the board holds for a slot: a function, or one that the board may be without.
pub trait Fitted {
    /// The function, if it is there.
    fn function(&self) -> Option<&dyn PciFunction>;
    /// The function, if it is there, to be changed.
    fn function_mut(&mut self) -> Option<&mut dyn PciFunction>;
}

impl<F: PciFunction + 'static> Fitted for F {
    fn function(&self) -> Option<&dyn PciFunction> {
        Some(self)
    }

    fn function_mut(&mut self) -> Option<&mut dyn PciFunction> {
        Some(self)
    }
}

impl<F: PciFunction + 'static> Fitted for Option<F> {
    fn function(&self) -> Option<&dyn PciFunction> {
        self.as_ref().map(|function| function as &dyn PciFunction)
    }

    fn function_mut(&mut self) -> Option<&mut dyn PciFunction> {
        self.as_mut()
            .map(|function| function as &mut dyn PciFunction)
    }
}

/// Makes of the table: the enum `Chip`, the rows `BOARD` in its order, and the struct `Chips`.
macro_rules! board {
    (
        config: $config:ident;
        chips {
            $($chip:ident, $name:literal, $field:ident: $type:ty = $new:expr,
                [$($ports:expr),*], [$($wire:expr),*];)*
        }
        functions {
            $($function:ident, $fname:literal, $ffield:ident: $ftype:ty = $fnew:expr,
                ($slot:literal, $number:literal), [$($fports:expr),*], [$($fwire:expr),*];)*
        }
        counted { $($counted:ident, $cname:literal;)* }
    ) => {
        /// Everything that an access can reach and that is counted by itself.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Chip {
            $($chip,)*
            $($function,)*
            $($counted,)*
        }

        /// The functions on PCI.
        pub const FUNCTIONS: &[Chip] = &[$(Chip::$function),*];

        /// The chips, those on PCI included.
        pub const CHIPS: &[Chip] = &[$(Chip::$chip,)* $(Chip::$function,)*];

        /// The rows of the table, in the order of [`Chip`].
        pub const BOARD: &[Row] = &[
            $(Row {
                name: $name,
                ports: &[$($ports),*],
                slot: None,
                wires: &[$($wire),*],
            },)*
            $(Row {
                name: $fname,
                ports: &[$($fports),*],
                slot: Some(($slot, $number)),
                wires: &[$($fwire),*],
            },)*
            $(Row { name: $cname, ports: &[], slot: None, wires: &[] },)*
        ];

        /// The chips themselves.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        pub struct Chips {
            $(pub $field: $type,)*
            $(pub $ffield: $ftype,)*
        }

        impl Chips {
            /// All chips after power-on.
            pub fn new($config: &MaltaConfig) -> Self {
                Self {
                    $($field: $new,)*
                    $($ffield: $fnew,)*
                }
            }

            /// The name of a chip that is not sound, if there is one.
            pub fn unsound(&self) -> Option<&'static str> {
                let chips = [
                    $(($name, self.$field.is_sound()),)*
                    $(($fname, self.$ffield.is_sound()),)*
                ];
                chips.into_iter().find_map(|(name, sound)| (!sound).then_some(name))
            }

            /// A chip that is not on PCI.
            pub fn registers(&mut self, chip: Chip) -> Option<&mut dyn Registers> {
                match chip {
                    $(Chip::$chip => Some(&mut self.$field),)*
                    _ => None,
                }
            }

            /// A function on PCI.
            pub fn function(&self, chip: Chip) -> Option<&dyn PciFunction> {
                match chip {
                    $(Chip::$function => self.$ffield.function(),)*
                    _ => None,
                }
            }

            /// A function on PCI, to be changed.
            pub fn function_mut(&mut self, chip: Chip) -> Option<&mut dyn PciFunction> {
                match chip {
                    $(Chip::$function => self.$ffield.function_mut(),)*
                    _ => None,
                }
            }

            /// Any chip.
            pub fn device(&mut self, chip: Chip) -> Option<&mut dyn Device> {
                match chip {
                    $(Chip::$chip => Some(&mut self.$field),)*
                    _ => Some(self.function_mut(chip)?),
                }
            }
        }
    };
}

pub(super) use board;

#[cfg(test)]
mod tests {
    use super::*;

    const fn row(ports: &'static [Ports], slot: Option<(u8, u8)>) -> Row {
        Row {
            name: "",
            ports,
            slot,
            wires: &[],
        }
    }

    const PAIR: Row = row(&[ports(0x20, 2, 0), ports(0xa0, 2, 2)], None);

    #[test]
    fn overlapping_ports_are_noticed() {
        const APART: &[Ports] = &[fixed(0x22, 8, 0)];
        const TOUCHING: &[Ports] = &[fixed(0x9e, 3, 0)];
        const INSIDE: &[Ports] = &[ports(0xa1, 1, 0)];
        const ITSELF: &[Ports] = &[ports(0, 2, 0), ports(1, 2, 2)];
        assert!(!ports_overlap(&[PAIR, row(&[], None), row(APART, None)]));
        assert!(ports_overlap(&[PAIR, row(TOUCHING, None)]));
        assert!(ports_overlap(&[row(INSIDE, None), PAIR]));
        assert!(ports_overlap(&[row(ITSELF, None)]));
    }

    #[test]
    fn two_functions_in_one_place_are_noticed() {
        let places = [Some((0, 0)), None, Some((10, 0)), Some((10, 1)), None];
        assert!(!slots_overlap(&places.map(|slot| row(&[], slot))));
        let places = [Some((0, 0)), None, Some((10, 1)), Some((10, 1)), None];
        assert!(slots_overlap(&places.map(|slot| row(&[], slot))));
        assert!(!slots_overlap(&[]));
    }
}
