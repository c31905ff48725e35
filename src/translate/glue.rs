//! The functions around translations, which live as long as their engine: what they are called,
//! and the code of those that are generated.
//!
//! This is the one place that names them. Translated code finds them in [`Cpu::symbols`], by their
//! number: so it is the same bytes wherever they lie, and may be kept on disk.

use super::{Cell, TranslateError, Translator, calls};
use cranelift_codegen::Context;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AbiParam, Function, InstBuilder, MemFlagsData, SigRef, Signature, UserFuncName, Value, types,
};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_frontend::FunctionBuilder;
use mirrorball_runtime::addr::{PAGE_BITS, PAGE_SIZE};
use mirrorball_runtime::cpu::{Cpu, SYMBOLS};
use mirrorball_runtime::mmu::soft::Space;
use mirrorball_runtime::vcpu;
use std::mem::{offset_of, size_of};

/// A function that has a name and a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Symbol {
    /// Interprets an instruction; general registers survive: see [`calls`].
    Interpret,
    /// The same, and floating-point registers survive as well.
    InterpretWithFloats,
    /// Goes on at a guest address, which need not be one of an instruction: looks it up in the
    /// current space.
    LookUp,
    /// Is found in place of code that is not translated, and is what the offsets of code count
    /// from: goes back to the dispatcher, at the guest address that it is told.
    Untranslated,
    /// Open links lead to it: returns the note of the cell that it was reached through.
    Unlinked,
    /// Enters translated code: `extern "C" fn(vm, code) -> note`.
    Enter,
}

/// All of them, in the order of [`Cpu::symbols`].
pub const ALL: [Symbol; SYMBOLS] = [
    Symbol::Interpret,
    Symbol::InterpretWithFloats,
    Symbol::LookUp,
    Symbol::Untranslated,
    Symbol::Unlinked,
    Symbol::Enter,
];

/// A function that is generated.
struct Stub {
    signature: Signature,
    body: fn(&mut FunctionBuilder<'_>, &[Value]),
}

impl Symbol {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Interpret => "interpret",
            Self::InterpretWithFloats => "interpret_with_floats",
            Self::LookUp => "look_up",
            Self::Untranslated => "untranslated",
            Self::Unlinked => "unlinked",
            Self::Enter => "enter",
        }
    }

    /// Where in the CPU the pointer to it is.
    #[must_use]
    pub fn place(self) -> usize {
        offset_of!(Cpu, symbols) + self as usize * size_of::<usize>()
    }

    /// Where it is, if it is not generated but part of the program.
    #[must_use]
    pub fn address(self) -> Option<usize> {
        match self {
            Self::Interpret => Some(calls::interpreting()),
            Self::InterpretWithFloats => Some(calls::interpreting_with_floats()),
            _ => None,
        }
    }

    fn stub(self, translator: &Translator) -> Option<Stub> {
        let link = Translator::link_signature();
        let (signature, body): (_, fn(&mut FunctionBuilder<'_>, &[Value])) = match self {
            Self::Interpret | Self::InterpretWithFloats => return None,
            Self::LookUp => (link, look_up_any),
            Self::Untranslated => (link, untranslated),
            Self::Unlinked => (link, unlinked),
            Self::Enter => {
                let mut signature = Signature::new(translator.thorough.default_call_conv());
                signature.params = vec![AbiParam::new(types::I64); 2];
                signature.returns.push(AbiParam::new(types::I64));
                (signature, enter)
            }
        };
        Some(Stub { signature, body })
    }
}

impl Translator {
    /// How stubs are compiled.
    #[must_use]
    pub fn stub_isa(&self) -> OwnedTargetIsa {
        self.thorough.clone()
    }

    /// The function behind a symbol, to be compiled, if it is one that is generated.
    ///
    /// # Errors
    /// If Cranelift refuses it, which is a mistake in it.
    pub fn stub(&mut self, symbol: Symbol) -> Result<Option<&mut Context>, TranslateError> {
        let Some(Stub { signature, body }) = symbol.stub(self) else {
            return Ok(None);
        };
        self.context.clear();
        self.context.func = Function::with_name_signature(UserFuncName::default(), signature);
        let mut builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder);
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        let arguments = builder.block_params(block).to_vec();
        body(&mut builder, &arguments);
        builder.seal_all_blocks();
        builder.finalize(self.thorough.frontend_config());
        self.choose_convention(0)?;
        Ok(Some(&mut self.context))
    }
}

/// Looks the aligned address `pc` up in the space that is current now, and goes on there: by the
/// slot of its page to the code page, and by its word there to the code.
pub fn look_up(b: &mut FunctionBuilder<'_>, link_signature: SigRef, vm: Value, pc: Value) {
    let trusted = MemFlagsData::trusted();
    let field =
        |b: &mut FunctionBuilder<'_>, offset| b.ins().load(types::I64, trusted, vm, offset as i32);
    let space = field(b, vcpu::SPACE);
    let page = b.ins().ushr_imm_s(pc, i64::from(PAGE_BITS));
    let page = b.ins().uextend(types::I64, page);
    let page = b.ins().ishl_imm_s(page, 2);
    let slot = b.ins().iadd(space, page);
    let code = offset_of!(Space, code) as i32;
    let slot = b.ins().uload32(trusted, slot, code);
    let pages = field(b, offset_of!(Cpu, code_pages));
    let word = b.ins().band_imm_s(pc, PAGE_SIZE as i64 - 4);
    let word = b.ins().uextend(types::I64, word);
    let code = b.ins().iadd(pages, slot);
    let code = b.ins().iadd(code, word);
    let code = b.ins().sload32(trusted, code, 0);
    let origin = field(b, Symbol::Untranslated.place());
    let code = b.ins().iadd(origin, code);
    let base = b.ins().band_imm_s(pc, -(PAGE_SIZE as i64));
    let at = offset_of!(Cpu, code_base) as i32;
    b.ins().store(trusted, base, vm, at);
    let pc = b.ins().uextend(types::I64, pc);
    b.ins()
        .return_call_indirect(link_signature, code, &[vm, pc]);
}

/// As [`look_up`], for an address that need not be one of an instruction: then the dispatcher finds
/// it in the CPU.
fn look_up_any(b: &mut FunctionBuilder<'_>, arguments: &[Value]) {
    let (odd, even) = (b.create_block(), b.create_block());
    b.set_cold_block(odd);
    let low = b.ins().band_imm_s(arguments[1], 3);
    let is_odd = b.ins().icmp_imm_s(IntCC::NotEqual, low, 0);
    b.ins().brif(is_odd, odd, &[], even, &[]);
    b.switch_to_block(odd);
    untranslated(b, arguments);
    b.switch_to_block(even);
    let link = b.import_signature(Translator::link_signature());
    let pc = b.ins().ireduce(types::I32, arguments[1]);
    look_up(b, link, arguments[0], pc);
}

fn untranslated(b: &mut FunctionBuilder<'_>, arguments: &[Value]) {
    let at = offset_of!(Cpu, pc) as i32;
    let trusted = MemFlagsData::trusted();
    b.ins().store(trusted, arguments[1], arguments[0], at);
    let nothing = b.ins().iconst(types::I64, 0);
    b.ins().return_(&[nothing]);
}

fn unlinked(b: &mut FunctionBuilder<'_>, arguments: &[Value]) {
    let note = offset_of!(Cell, note) as i32;
    let trusted = MemFlagsData::trusted();
    let note = b.ins().load(types::I64, trusted, arguments[1], note);
    b.ins().return_(&[note]);
}

fn enter(b: &mut FunctionBuilder<'_>, arguments: &[Value]) {
    let signature = b.import_signature(Translator::code_signature());
    let (vm, code) = (arguments[0], arguments[1]);
    let call = b.ins().call_indirect(signature, code, &[vm]);
    let note = b.inst_results(call)[0];
    b.ins().return_(&[note]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_numbered_as_they_are_listed() {
        for (number, symbol) in ALL.into_iter().enumerate() {
            assert_eq!(symbol as usize, number, "{}", symbol.name());
        }
    }
}
