//! Every instruction is translated: with debug assertions that says what its emitter accesses, and
//! the table has to say the same.

use super::testing::{block, region};
use super::{Region, Translator};
use crate::isa::{Fields, Info, Since, TABLE, Unit};
use mirrorball_runtime::cpu::model::MODELS;

/// Words for each line of the table and setting.
const WORDS: u32 = 12;

/// A word of the instruction. `salt` decides on its operands.
fn word(info: &Info, salt: u32) -> u32 {
    let bits = salt.wrapping_mul(0x9e37_79b9);
    info.value | (bits ^ bits >> 15) & !info.mask
}

fn translate(translator: &mut Translator, info: &Info, salt: u32, fr: bool) {
    let word = word(info, salt);
    if !fr && (info.unit == Unit::Fpu64 || info.names_odd_pair(Fields(word))) {
        return;
    }
    let slot = info.flow.has_slot();
    let words = [word, 0];
    let words = if slot { &words[..] } else { &words[..1] };
    let wide = info.since == Since::M64;
    let model = MODELS.iter().find(|model| model.is_wide() == wide).unwrap();
    let region = Region {
        fr,
        big_endian: salt & 1 != 0,
        model,
        ..region(vec![block(0x8000_1000, words, slot)])
    };
    let made = translator.translate(&region);
    assert!(made.is_ok(), "{:?}: {word:#010x}", info.insn);
}

#[test]
fn emitters_access_what_the_table_says() {
    let mut translator = Translator::new().unwrap();
    for info in TABLE {
        for salt in 0..WORDS {
            translate(&mut translator, info, salt, false);
            translate(&mut translator, info, salt, true);
        }
    }
}
