//! Lines of the table with a mistake: each way that each column could be wrong, where it can be seen.

use mirrorball::isa::{
    Access, Effect, Field, Flow, Format, FpuField, Info, Memory, Number, Operand, Size, State,
};

const ACCESSES: [Access; 3] = [Access::R, Access::W, Access::RW];
const FIELDS: [Field; 3] = [Field::Rs, Field::Rt, Field::Rd];
const FPU_FIELDS: [FpuField; 4] = [FpuField::Fr, FpuField::Ft, FpuField::Fs, FpuField::Fd];
/// One of each width.
const FORMATS: [Format; 3] = [Format::S, Format::D, Format::H];
const SIZES: [Size; 4] = [Size::Byte, Size::Half, Size::Word, Size::Double];
const STATES: [State; 7] = [
    State::Hi,
    State::Lo,
    State::Ra,
    State::Fcsr,
    State::Cp0,
    State::Tlb,
    State::Link,
];
const FLOWS: [Flow; 7] = [
    Flow::Next,
    Flow::Jump,
    Flow::Branch,
    Flow::Likely,
    Flow::Change,
    Flow::Trap,
    Flow::Leave,
];

/// A line with the operand `index` replaced, or without it.
fn with_operand(info: &Info, index: usize, other: Option<Operand>) -> Info {
    let mut operands = info.operands.to_vec();
    operands.splice(index..=index, other);
    Info {
        operands: operands.leak(),
        ..*info
    }
}

fn with_effect(info: &Info, index: usize, other: Option<Effect>) -> Info {
    let mut effects = info.effects.to_vec();
    effects.splice(index..=index, other);
    Info {
        effects: effects.leak(),
        ..*info
    }
}

fn with_effects(info: &Info, more: Effect) -> Info {
    let effects = [info.effects, &[more]].concat();
    Info {
        effects: effects.leak(),
        ..*info
    }
}

/// The line with every single mistake.
pub fn lines(info: &Info) -> Vec<Info> {
    let mut wrong = Vec::new();
    for (index, &operand) in info.operands.iter().enumerate() {
        if is_seen(info, operand) {
            let others = operands(operand).into_iter().map(Some).chain([None]);
            wrong.extend(others.map(|other| with_operand(info, index, other)));
        }
    }
    for (index, &effect) in info.effects.iter().enumerate() {
        wrong.push(with_effect(info, index, None));
        let others = effects(effect).into_iter();
        wrong.extend(others.map(|other| with_effect(info, index, Some(other))));
    }
    wrong.extend(missing(info).map(|more| with_effects(info, more)));
    let flows = FLOWS.into_iter().filter(|&flow| flow != info.flow);
    wrong.extend(flows.map(|flow| Info { flow, ..*info }));
    wrong
}

/// Whether an operand says that something is accessed, and that can be seen: of the address of a
/// hint it cannot.
fn is_seen(info: &Info, operand: Operand) -> bool {
    match operand {
        Operand::Offset | Operand::Indexed => info.memory().is_some(),
        Operand::Gpr(..) | Operand::Fpr(..) => true,
        Operand::BranchCode | Operand::MoveCode | Operand::CompareCode => true,
        _ => false,
    }
}

fn operands(operand: Operand) -> Vec<Operand> {
    let others: Vec<Operand> = match operand {
        Operand::Gpr(access, field) => {
            let accesses = ACCESSES.map(|access| Operand::Gpr(access, field));
            let fields = FIELDS.map(|field| Operand::Gpr(access, field));
            [accesses, fields].concat()
        }
        Operand::Fpr(access, field, format) => {
            let accesses = ACCESSES.map(|access| Operand::Fpr(access, field, format));
            let fields = FPU_FIELDS.map(|field| Operand::Fpr(access, field, format));
            let formats = FORMATS.into_iter().filter(|other| {
                let same_width = other.is_wide() == format.is_wide();
                !same_width || (*other == Format::H) != (format == Format::H)
            });
            let formats = formats.map(|format| Operand::Fpr(access, field, format));
            accesses.into_iter().chain(fields).chain(formats).collect()
        }
        Operand::BranchCode | Operand::MoveCode => vec![Operand::CompareCode],
        Operand::CompareCode => vec![Operand::BranchCode],
        Operand::Offset => vec![Operand::Indexed],
        Operand::Indexed => vec![Operand::Offset],
        _ => Vec::new(),
    };
    others
        .into_iter()
        .filter(|&other| other != operand)
        .collect()
}

fn effects(effect: Effect) -> Vec<Effect> {
    let others: Vec<Effect> = match effect {
        Effect::State(access, state) => {
            let accesses = ACCESSES
                .map(|access| Effect::State(access, state))
                .into_iter();
            let states = STATES.map(|state| Effect::State(access, state));
            accesses.chain(states).collect()
        }
        Effect::Memory(memory) => memories(memory).into_iter().map(Effect::Memory).collect(),
        _ => Vec::new(),
    };
    others
        .into_iter()
        .filter(|&other| other != effect)
        .collect()
}

/// Other accesses. A sign is only seen of what is less than a register.
fn memories(memory: Memory) -> Vec<Memory> {
    let kinds: [fn(Size) -> Memory; 5] = [
        Memory::Store,
        Memory::LoadPart,
        Memory::StorePart,
        Memory::LoadLinked,
        Memory::StoreConditional,
    ];
    let numbers = [
        Number::I8,
        Number::U8,
        Number::I16,
        Number::U16,
        Number::I32,
        Number::U64,
    ];
    let same = |number: Number| matches!(memory, Memory::Load(other) if other.size() == number.size() && number.size().bytes() >= 4);
    let loads = numbers.into_iter().filter(|&number| !same(number));
    let others = kinds.into_iter().flat_map(|kind| SIZES.map(kind));
    let others = others.chain(loads.map(Memory::Load)).chain([Memory::Probe]);
    // One byte is no part of anything.
    let whole = [Memory::LoadPart(Size::Byte), Memory::StorePart(Size::Byte)];
    let others = others.filter(|other| !whole.contains(other));
    others.filter(|&other| other != memory).collect()
}

/// Effects that the line does not have.
fn missing(info: &Info) -> impl Iterator<Item = Effect> {
    let linked = matches!(
        info.memory(),
        Some(Memory::LoadLinked(_) | Memory::StoreConditional(_))
    );
    let states = STATES.into_iter().filter(move |&state| {
        // Of these it goes without saying.
        info.access(state).is_none() && !(linked && state == State::Link)
    });
    let states = states.flat_map(|state| ACCESSES.map(|access| Effect::State(access, state)));
    let others = [
        Effect::Float,
        Effect::Raise,
        Effect::Memory(Memory::Load(Number::I32)),
        Effect::Memory(Memory::Store(Size::Word)),
        Effect::Memory(Memory::Probe),
    ];
    let others = others.into_iter().filter(|&effect| match effect {
        Effect::Memory(_) => info.memory().is_none(),
        effect => !info.has(effect),
    });
    states.chain(others)
}
