//! Which addresses are known to be aligned: an access that went through says so of its address, and
//! of all that lie a multiple of its size away.

use cranelift_codegen::ir::{DataFlowGraph, InstructionData, Opcode, Value, ValueDef};

/// The longest chain of additions that is looked through.
const CHAIN: usize = 16;

/// What is known on the current path.
#[derive(Clone, Default)]
pub struct Alignments(Vec<Known>);

/// `root` plus `offset` is a multiple of `size`.
#[derive(Clone, Copy)]
struct Known {
    root: Value,
    offset: i64,
    size: u32,
}

impl Known {
    fn of(dfg: &DataFlowGraph, address: Value, size: u32) -> Self {
        let (root, offset) = apart(dfg, address);
        Self { root, offset, size }
    }
}

/// An address as what is left of it without the constants that were added, and these.
pub fn apart(dfg: &DataFlowGraph, address: Value) -> (Value, i64) {
    let (mut root, mut offset) = (dfg.resolve_aliases(address), 0);
    for _ in 0..CHAIN {
        let Some((base, constant)) = sum(dfg, root) else {
            break;
        };
        root = dfg.resolve_aliases(base);
        offset += constant;
    }
    (root, offset)
}

/// A value as the sum of another and a constant.
fn sum(dfg: &DataFlowGraph, value: Value) -> Option<(Value, i64)> {
    let ValueDef::Result(inst, _) = dfg.value_def(value) else {
        return None;
    };
    let InstructionData::Binary {
        opcode: Opcode::Iadd,
        args: [base, added],
    } = dfg.insts[inst]
    else {
        return None;
    };
    let ValueDef::Result(inst, _) = dfg.value_def(added) else {
        return None;
    };
    let InstructionData::UnaryImm {
        opcode: Opcode::Iconst,
        imm,
    } = dfg.insts[inst]
    else {
        return None;
    };
    // A constant of 32 bits is kept without its sign.
    Some((base, i64::from(imm.bits() as i32)))
}

impl Alignments {
    /// Whether `address` is known to be a multiple of `size`.
    pub fn knows(&self, dfg: &DataFlowGraph, address: Value, size: u32) -> bool {
        if size == 1 {
            return true;
        }
        let wanted = Known::of(dfg, address, size);
        self.0.iter().any(|known| {
            known.root == wanted.root
                && known.size >= size
                && (known.offset - wanted.offset) % i64::from(size) == 0
        })
    }

    /// Notes that `address` is a multiple of `size`: an access went through.
    pub fn learn(&mut self, dfg: &DataFlowGraph, address: Value, size: u32) {
        self.0.push(Known::of(dfg, address, size));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_codegen::ir::{AbiParam, Function, InstBuilder, types};
    use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

    #[test]
    fn constants_are_added_with_their_signs() {
        let (mut func, mut context) = (Function::new(), FunctionBuilderContext::new());
        func.signature.params.push(AbiParam::new(types::I32));
        let mut b = FunctionBuilder::new(&mut func, &mut context);
        let block = b.create_block();
        b.append_block_params_for_function_params(block);
        b.switch_to_block(block);
        let stack = b.block_params(block)[0];
        let moved = b.ins().iadd_imm_s(stack, -24);
        let place = b.ins().iadd_imm_s(moved, 20);
        assert_eq!(apart(&b.func.dfg, place), (stack, -4));
        let mut alignments = Alignments::default();
        alignments.learn(&b.func.dfg, place, 4);
        assert!(alignments.knows(&b.func.dfg, stack, 4));
        let odd = b.ins().iadd_imm_s(place, 2);
        assert!(!alignments.knows(&b.func.dfg, odd, 4));
    }
}
