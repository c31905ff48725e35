//! The instruction set, one line an instruction: what decoder, disassembler, interpreter and
//! translator all read.
//!
//! MIPS32 Architecture for Programmers, Volume II (revision 2.5 and later), releases 1 and 2; of
//! MIPS64 a few instructions.
//!
//! Each line says, in this order:
//!
//! - the variant of [`Insn`](super::Insn) and the name of the function that implements it
//!   (one in `interp`, one in `translate`),
//! - the mnemonic,
//! - the encoding, most significant bit first: `0` and `1` are fixed, a letter is a field
//!   (`s` rs, `t` rt, `d` rd, `a` sa, `i` immediate, `j` target, `c` code, `h` hint, `n` condition
//!   code, `r` the FPU's fr, `l` select), spaces group,
//! - the operands in the assembler's order, see [`Operand`](super::Operand): a register with how
//!   it is accessed (`R` read, `W` written as a whole, `RW` read or written in part, or not always)
//!   and in the FPU with its format,
//! - what else it reads, writes and does, see [`Effect`](super::Effect): registers that it does not
//!   name, state, memory, and whether it may be refused. What holds of every instruction of a unit
//!   (the unit may be unusable, the page of the code missing) is not said,
//! - since when: `R1`, `R2`, or `M64` for what only MIPS64 has,
//! - what unit it needs, see [`Unit`](super::Unit),
//! - how control goes on, see [`Flow`](super::Flow).
//!
//! Decoder, disassembler, register dataflow, the search for idle loops and the accesses of translated
//! code are made from this; `tests/effects` holds each line against the interpreter.

/// Calls `$callback!` with every line of the table.
#[macro_export]
macro_rules! for_each_instruction {
    ($callback:ident) => {
        $callback! {
            // Shifts.
            Sll sll "sll" "000000 00000 ttttt ddddd aaaaa 000000" [W Rd, R Rt, Shift] [] R1 Cpu Next;
            Srl srl "srl" "000000 00000 ttttt ddddd aaaaa 000010" [W Rd, R Rt, Shift] [] R1 Cpu Next;
            Rotr rotr "rotr" "000000 00001 ttttt ddddd aaaaa 000010" [W Rd, R Rt, Shift] [] R2 Cpu Next;
            Sra sra "sra" "000000 00000 ttttt ddddd aaaaa 000011" [W Rd, R Rt, Shift] [] R1 Cpu Next;
            Sllv sllv "sllv" "000000 sssss ttttt ddddd 00000 000100" [W Rd, R Rt, R Rs] [] R1 Cpu Next;
            Srlv srlv "srlv" "000000 sssss ttttt ddddd 00000 000110" [W Rd, R Rt, R Rs] [] R1 Cpu Next;
            Rotrv rotrv "rotrv" "000000 sssss ttttt ddddd 00001 000110" [W Rd, R Rt, R Rs] [] R2 Cpu Next;
            Srav srav "srav" "000000 sssss ttttt ddddd 00000 000111" [W Rd, R Rt, R Rs] [] R1 Cpu Next;

            // Arithmetic and logic.
            Add add "add" "000000 sssss ttttt ddddd 00000 100000" [W Rd, R Rs, R Rt] [Raise] R1 Cpu Next;
            Addu addu "addu" "000000 sssss ttttt ddddd 00000 100001" [W Rd, R Rs, R Rt] [] R1 Cpu Next;
            Sub sub "sub" "000000 sssss ttttt ddddd 00000 100010" [W Rd, R Rs, R Rt] [Raise] R1 Cpu Next;
            Subu subu "subu" "000000 sssss ttttt ddddd 00000 100011" [W Rd, R Rs, R Rt] [] R1 Cpu Next;
            And and "and" "000000 sssss ttttt ddddd 00000 100100" [W Rd, R Rs, R Rt] [] R1 Cpu Next;
            Or or "or" "000000 sssss ttttt ddddd 00000 100101" [W Rd, R Rs, R Rt] [] R1 Cpu Next;
            Xor xor "xor" "000000 sssss ttttt ddddd 00000 100110" [W Rd, R Rs, R Rt] [] R1 Cpu Next;
            Nor nor "nor" "000000 sssss ttttt ddddd 00000 100111" [W Rd, R Rs, R Rt] [] R1 Cpu Next;
            Slt slt "slt" "000000 sssss ttttt ddddd 00000 101010" [W Rd, R Rs, R Rt] [] R1 Cpu Next;
            Sltu sltu "sltu" "000000 sssss ttttt ddddd 00000 101011" [W Rd, R Rs, R Rt] [] R1 Cpu Next;
            Addi addi "addi" "001000 sssss ttttt iiiii iiiii iiiiii" [W Rt, R Rs, Signed] [Raise] R1 Cpu Next;
            Addiu addiu "addiu" "001001 sssss ttttt iiiii iiiii iiiiii" [W Rt, R Rs, Signed] [] R1 Cpu Next;
            Slti slti "slti" "001010 sssss ttttt iiiii iiiii iiiiii" [W Rt, R Rs, Signed] [] R1 Cpu Next;
            Sltiu sltiu "sltiu" "001011 sssss ttttt iiiii iiiii iiiiii" [W Rt, R Rs, Signed] [] R1 Cpu Next;
            Andi andi "andi" "001100 sssss ttttt iiiii iiiii iiiiii" [W Rt, R Rs, Unsigned] [] R1 Cpu Next;
            Ori ori "ori" "001101 sssss ttttt iiiii iiiii iiiiii" [W Rt, R Rs, Unsigned] [] R1 Cpu Next;
            Xori xori "xori" "001110 sssss ttttt iiiii iiiii iiiiii" [W Rt, R Rs, Unsigned] [] R1 Cpu Next;
            Lui lui "lui" "001111 00000 ttttt iiiii iiiii iiiiii" [W Rt, Unsigned] [] R1 Cpu Next;
            Clz clz "clz" "011100 sssss ttttt ddddd 00000 100000" [W Rd, R Rs] [] R1 Cpu Next;
            Clo clo "clo" "011100 sssss ttttt ddddd 00000 100001" [W Rd, R Rs] [] R1 Cpu Next;

            // Conditional moves.
            Movz movz "movz" "000000 sssss ttttt ddddd 00000 001010" [RW Rd, R Rs, R Rt] [] R1 Cpu Next;
            Movn movn "movn" "000000 sssss ttttt ddddd 00000 001011" [RW Rd, R Rs, R Rt] [] R1 Cpu Next;
            Movf movf "movf" "000000 sssss nnn00 ddddd 00000 000001" [RW Rd, R Rs, MoveCode] [] R1 Fpu Next;
            Movt movt "movt" "000000 sssss nnn01 ddddd 00000 000001" [RW Rd, R Rs, MoveCode] [] R1 Fpu Next;

            // Bit fields.
            Ext ext "ext" "011111 sssss ttttt ddddd aaaaa 000000" [W Rt, R Rs, Extract] [] R2 Cpu Next;
            Ins ins "ins" "011111 sssss ttttt ddddd aaaaa 000100" [RW Rt, R Rs, Insert] [] R2 Cpu Next;
            Wsbh wsbh "wsbh" "011111 00000 ttttt ddddd 00010 100000" [W Rd, R Rt] [] R2 Cpu Next;
            Seb seb "seb" "011111 00000 ttttt ddddd 10000 100000" [W Rd, R Rt] [] R2 Cpu Next;
            Seh seh "seh" "011111 00000 ttttt ddddd 11000 100000" [W Rd, R Rt] [] R2 Cpu Next;

            // Multiply and divide.
            Mfhi mfhi "mfhi" "000000 00000 00000 ddddd 00000 010000" [W Rd] [R Hi] R1 Cpu Next;
            Mthi mthi "mthi" "000000 sssss 00000 00000 00000 010001" [R Rs] [W Hi] R1 Cpu Next;
            Mflo mflo "mflo" "000000 00000 00000 ddddd 00000 010010" [W Rd] [R Lo] R1 Cpu Next;
            Mtlo mtlo "mtlo" "000000 sssss 00000 00000 00000 010011" [R Rs] [W Lo] R1 Cpu Next;
            Mult mult "mult" "000000 sssss ttttt 00000 00000 011000" [R Rs, R Rt] [W Hi, W Lo] R1 Cpu Next;
            Multu multu "multu" "000000 sssss ttttt 00000 00000 011001" [R Rs, R Rt] [W Hi, W Lo] R1 Cpu Next;
            Div div "div" "000000 sssss ttttt 00000 00000 011010" [R Rs, R Rt] [W Hi, W Lo] R1 Cpu Next;
            Divu divu "divu" "000000 sssss ttttt 00000 00000 011011" [R Rs, R Rt] [W Hi, W Lo] R1 Cpu Next;
            Madd madd "madd" "011100 sssss ttttt 00000 00000 000000" [R Rs, R Rt] [RW Hi, RW Lo] R1 Cpu Next;
            Maddu maddu "maddu" "011100 sssss ttttt 00000 00000 000001" [R Rs, R Rt] [RW Hi, RW Lo] R1 Cpu Next;
            Mul mul "mul" "011100 sssss ttttt ddddd 00000 000010" [W Rd, R Rs, R Rt] [] R1 Cpu Next;
            Msub msub "msub" "011100 sssss ttttt 00000 00000 000100" [R Rs, R Rt] [RW Hi, RW Lo] R1 Cpu Next;
            Msubu msubu "msubu" "011100 sssss ttttt 00000 00000 000101" [R Rs, R Rt] [RW Hi, RW Lo] R1 Cpu Next;

            // Jumps and branches.
            J j "j" "000010 jjjjj jjjjj jjjjj jjjjj jjjjjj" [Jump] [] R1 Cpu Jump;
            Jal jal "jal" "000011 jjjjj jjjjj jjjjj jjjjj jjjjjj" [Jump] [W Ra] R1 Cpu Jump;
            Jr jr "jr" "000000 sssss 00000 00000 hhhhh 001000" [R Rs] [] R1 Cpu Jump;
            Jalr jalr "jalr" "000000 sssss 00000 ddddd hhhhh 001001" [W Rd, R Rs] [] R1 Cpu Jump;
            Beq beq "beq" "000100 sssss ttttt iiiii iiiii iiiiii" [R Rs, R Rt, Branch] [] R1 Cpu Branch;
            Bne bne "bne" "000101 sssss ttttt iiiii iiiii iiiiii" [R Rs, R Rt, Branch] [] R1 Cpu Branch;
            Blez blez "blez" "000110 sssss 00000 iiiii iiiii iiiiii" [R Rs, Branch] [] R1 Cpu Branch;
            Bgtz bgtz "bgtz" "000111 sssss 00000 iiiii iiiii iiiiii" [R Rs, Branch] [] R1 Cpu Branch;
            Bltz bltz "bltz" "000001 sssss 00000 iiiii iiiii iiiiii" [R Rs, Branch] [] R1 Cpu Branch;
            Bgez bgez "bgez" "000001 sssss 00001 iiiii iiiii iiiiii" [R Rs, Branch] [] R1 Cpu Branch;
            Bltzal bltzal "bltzal" "000001 sssss 10000 iiiii iiiii iiiiii" [R Rs, Branch] [W Ra] R1 Cpu Branch;
            Bgezal bgezal "bgezal" "000001 sssss 10001 iiiii iiiii iiiiii" [R Rs, Branch] [W Ra] R1 Cpu Branch;
            Beql beql "beql" "010100 sssss ttttt iiiii iiiii iiiiii" [R Rs, R Rt, Branch] [] R1 Cpu Likely;
            Bnel bnel "bnel" "010101 sssss ttttt iiiii iiiii iiiiii" [R Rs, R Rt, Branch] [] R1 Cpu Likely;
            Blezl blezl "blezl" "010110 sssss 00000 iiiii iiiii iiiiii" [R Rs, Branch] [] R1 Cpu Likely;
            Bgtzl bgtzl "bgtzl" "010111 sssss 00000 iiiii iiiii iiiiii" [R Rs, Branch] [] R1 Cpu Likely;
            Bltzl bltzl "bltzl" "000001 sssss 00010 iiiii iiiii iiiiii" [R Rs, Branch] [] R1 Cpu Likely;
            Bgezl bgezl "bgezl" "000001 sssss 00011 iiiii iiiii iiiiii" [R Rs, Branch] [] R1 Cpu Likely;
            Bltzall bltzall "bltzall" "000001 sssss 10010 iiiii iiiii iiiiii" [R Rs, Branch] [W Ra] R1 Cpu Likely;
            Bgezall bgezall "bgezall" "000001 sssss 10011 iiiii iiiii iiiiii" [R Rs, Branch] [W Ra] R1 Cpu Likely;
            Bc1f bc1f "bc1f" "010001 01000 nnn00 iiiii iiiii iiiiii" [BranchCode, Branch] [] R1 Fpu Branch;
            Bc1t bc1t "bc1t" "010001 01000 nnn01 iiiii iiiii iiiiii" [BranchCode, Branch] [] R1 Fpu Branch;
            Bc1fl bc1fl "bc1fl" "010001 01000 nnn10 iiiii iiiii iiiiii" [BranchCode, Branch] [] R1 Fpu Likely;
            Bc1tl bc1tl "bc1tl" "010001 01000 nnn11 iiiii iiiii iiiiii" [BranchCode, Branch] [] R1 Fpu Likely;

            // Loads and stores.
            Lb lb "lb" "100000 sssss ttttt iiiii iiiii iiiiii" [W Rt, Offset] [Load I8] R1 Cpu Next;
            Lh lh "lh" "100001 sssss ttttt iiiii iiiii iiiiii" [W Rt, Offset] [Load I16] R1 Cpu Next;
            Lwl lwl "lwl" "100010 sssss ttttt iiiii iiiii iiiiii" [RW Rt, Offset] [LoadPart Word] R1 Cpu Next;
            Lw lw "lw" "100011 sssss ttttt iiiii iiiii iiiiii" [W Rt, Offset] [Load I32] R1 Cpu Next;
            Lbu lbu "lbu" "100100 sssss ttttt iiiii iiiii iiiiii" [W Rt, Offset] [Load U8] R1 Cpu Next;
            Lhu lhu "lhu" "100101 sssss ttttt iiiii iiiii iiiiii" [W Rt, Offset] [Load U16] R1 Cpu Next;
            Lwr lwr "lwr" "100110 sssss ttttt iiiii iiiii iiiiii" [RW Rt, Offset] [LoadPart Word] R1 Cpu Next;
            Sb sb "sb" "101000 sssss ttttt iiiii iiiii iiiiii" [R Rt, Offset] [Store Byte] R1 Cpu Next;
            Sh sh "sh" "101001 sssss ttttt iiiii iiiii iiiiii" [R Rt, Offset] [Store Half] R1 Cpu Next;
            Swl swl "swl" "101010 sssss ttttt iiiii iiiii iiiiii" [R Rt, Offset] [StorePart Word] R1 Cpu Next;
            Sw sw "sw" "101011 sssss ttttt iiiii iiiii iiiiii" [R Rt, Offset] [Store Word] R1 Cpu Next;
            Swr swr "swr" "101110 sssss ttttt iiiii iiiii iiiiii" [R Rt, Offset] [StorePart Word] R1 Cpu Next;
            Ll ll "ll" "110000 sssss ttttt iiiii iiiii iiiiii" [W Rt, Offset] [LoadLinked Word] R1 Cpu Next;
            Sc sc "sc" "111000 sssss ttttt iiiii iiiii iiiiii" [RW Rt, Offset] [StoreConditional Word] R1 Cpu Next;
            Pref pref "pref" "110011 sssss hhhhh iiiii iiiii iiiiii" [Hint, Offset] [] R1 Cpu Next;
            Sync sync "sync" "000000 00000 00000 00000 aaaaa 001111" [SyncType] [] R1 Cpu Next;
            Synci synci "synci" "000001 sssss 11111 iiiii iiiii iiiiii" [Offset] [Probe] R2 Cpu Next;

            // Traps.
            Syscall syscall "syscall" "000000 ccccc ccccc ccccc ccccc 001100" [Code] [Raise] R1 Cpu Trap;
            Break break_ "break" "000000 ccccc ccccc ccccc ccccc 001101" [BreakCode] [Raise] R1 Cpu Trap;
            Tge tge "tge" "000000 sssss ttttt ccccc ccccc 110000" [R Rs, R Rt, TrapCode] [Raise] R1 Cpu Next;
            Tgeu tgeu "tgeu" "000000 sssss ttttt ccccc ccccc 110001" [R Rs, R Rt, TrapCode] [Raise] R1 Cpu Next;
            Tlt tlt "tlt" "000000 sssss ttttt ccccc ccccc 110010" [R Rs, R Rt, TrapCode] [Raise] R1 Cpu Next;
            Tltu tltu "tltu" "000000 sssss ttttt ccccc ccccc 110011" [R Rs, R Rt, TrapCode] [Raise] R1 Cpu Next;
            Teq teq "teq" "000000 sssss ttttt ccccc ccccc 110100" [R Rs, R Rt, TrapCode] [Raise] R1 Cpu Next;
            Tne tne "tne" "000000 sssss ttttt ccccc ccccc 110110" [R Rs, R Rt, TrapCode] [Raise] R1 Cpu Next;
            Tgei tgei "tgei" "000001 sssss 01000 iiiii iiiii iiiiii" [R Rs, Signed] [Raise] R1 Cpu Next;
            Tgeiu tgeiu "tgeiu" "000001 sssss 01001 iiiii iiiii iiiiii" [R Rs, Signed] [Raise] R1 Cpu Next;
            Tlti tlti "tlti" "000001 sssss 01010 iiiii iiiii iiiiii" [R Rs, Signed] [Raise] R1 Cpu Next;
            Tltiu tltiu "tltiu" "000001 sssss 01011 iiiii iiiii iiiiii" [R Rs, Signed] [Raise] R1 Cpu Next;
            Teqi teqi "teqi" "000001 sssss 01100 iiiii iiiii iiiiii" [R Rs, Signed] [Raise] R1 Cpu Next;
            Tnei tnei "tnei" "000001 sssss 01110 iiiii iiiii iiiiii" [R Rs, Signed] [Raise] R1 Cpu Next;

            // The system.
            Mfc0 mfc0 "mfc0" "010000 00000 ttttt ddddd 00000 000lll" [W Rt, Selected] [R Cp0, R Link] R1 Cop0 Next;
            Mtc0 mtc0 "mtc0" "010000 00100 ttttt ddddd 00000 000lll" [R Rt, Selected] [RW Cp0] R1 Cop0 Change;
            Rdpgpr rdpgpr "rdpgpr" "010000 01010 ttttt ddddd 00000 000000" [W Rd, R Rt] [] R2 Cop0 Next;
            Wrpgpr wrpgpr "wrpgpr" "010000 01110 ttttt ddddd 00000 000000" [W Rd, R Rt] [] R2 Cop0 Next;
            Di di "di" "010000 01011 ttttt 01100 00000 000000" [W Rt] [RW Cp0] R2 Cop0 Change;
            Ei ei "ei" "010000 01011 ttttt 01100 00000 100000" [W Rt] [RW Cp0] R2 Cop0 Change;
            Tlbr tlbr "tlbr" "010000 10000 00000 00000 00000 000001" [] [RW Cp0, R Tlb] R1 Cop0 Change;
            Tlbwi tlbwi "tlbwi" "010000 10000 00000 00000 00000 000010" [] [R Cp0, RW Tlb, Raise] R1 Cop0 Change;
            Tlbwr tlbwr "tlbwr" "010000 10000 00000 00000 00000 000110" [] [RW Cp0, RW Tlb, Raise] R1 Cop0 Change;
            Tlbp tlbp "tlbp" "010000 10000 00000 00000 00000 001000" [] [RW Cp0, R Tlb] R1 Cop0 Next;
            Eret eret "eret" "010000 10000 00000 00000 00000 011000" [] [RW Cp0, RW Link] R1 Cop0 Leave;
            Wait wait "wait" "010000 1cccc ccccc ccccc ccccc 100000" [WaitCode] [R Cp0] R1 Cop0 Leave;
            // Of the virtualization module, and here whatever the CPU is: the monitor knows it.
            Hypcall hypcall "hypcall" "010000 10000 ccccc ccccc 00000 101000" [Hypercode] [Monitor, Raise] R1 Cop0 Leave;
            Cache cache "cache" "101111 sssss hhhhh iiiii iiiii iiiiii" [Hint, Offset] [Probe] R1 Cop0 Next;
            Rdhwr rdhwr "rdhwr" "011111 00000 ttttt ddddd 00000 111011" [W Rt, Hardware] [R Cp0, Raise] R2 Cpu Next;

            // The FPU: moves between registers.
            Mfc1 mfc1 "mfc1" "010001 00000 ttttt ddddd 00000 000000" [W Rt, R Fs W] [] R1 Fpu Next;
            Cfc1 cfc1 "cfc1" "010001 00010 ttttt ddddd 00000 000000" [W Rt, Control] [R Fcsr] R1 Fpu Next;
            Mfhc1 mfhc1 "mfhc1" "010001 00011 ttttt ddddd 00000 000000" [W Rt, R Fs H] [] R2 Fpu Next;
            Mtc1 mtc1 "mtc1" "010001 00100 ttttt ddddd 00000 000000" [R Rt, W Fs W] [] R1 Fpu Next;
            Ctc1 ctc1 "ctc1" "010001 00110 ttttt ddddd 00000 000000" [R Rt, Control] [RW Fcsr, Raise] R1 Fpu Next;
            Mthc1 mthc1 "mthc1" "010001 00111 ttttt ddddd 00000 000000" [R Rt, W Fs H] [] R2 Fpu Next;

            // The FPU: loads and stores.
            Lwc1 lwc1 "lwc1" "110001 sssss ttttt iiiii iiiii iiiiii" [W Ft W, Offset] [Load U32] R1 Fpu Next;
            Ldc1 ldc1 "ldc1" "110101 sssss ttttt iiiii iiiii iiiiii" [W Ft L, Offset] [Load U64] R1 Fpu Next;
            Swc1 swc1 "swc1" "111001 sssss ttttt iiiii iiiii iiiiii" [R Ft W, Offset] [Store Word] R1 Fpu Next;
            Sdc1 sdc1 "sdc1" "111101 sssss ttttt iiiii iiiii iiiiii" [R Ft L, Offset] [Store Double] R1 Fpu Next;
            Lwxc1 lwxc1 "lwxc1" "010011 sssss ttttt 00000 aaaaa 000000" [W Fd W, Indexed] [Load U32] R2 Fpu Next;
            Ldxc1 ldxc1 "ldxc1" "010011 sssss ttttt 00000 aaaaa 000001" [W Fd L, Indexed] [Load U64] R2 Fpu Next;
            Luxc1 luxc1 "luxc1" "010011 sssss ttttt 00000 aaaaa 000101" [W Fd L, Indexed] [Load U64] R2 Fpu64 Next;
            Swxc1 swxc1 "swxc1" "010011 sssss ttttt ddddd 00000 001000" [R Fs W, Indexed] [Store Word] R2 Fpu Next;
            Sdxc1 sdxc1 "sdxc1" "010011 sssss ttttt ddddd 00000 001001" [R Fs L, Indexed] [Store Double] R2 Fpu Next;
            Suxc1 suxc1 "suxc1" "010011 sssss ttttt ddddd 00000 001101" [R Fs L, Indexed] [Store Double] R2 Fpu64 Next;
            Prefx prefx "prefx" "010011 sssss ttttt hhhhh 00000 001111" [IndexedHint, Indexed] [] R2 Fpu Next;

            // The FPU: single precision.
            AddS add_s "add.s" "010001 10000 ttttt ddddd aaaaa 000000" [W Fd S, R Fs S, R Ft S] [Float] R1 Fpu Next;
            SubS sub_s "sub.s" "010001 10000 ttttt ddddd aaaaa 000001" [W Fd S, R Fs S, R Ft S] [Float] R1 Fpu Next;
            MulS mul_s "mul.s" "010001 10000 ttttt ddddd aaaaa 000010" [W Fd S, R Fs S, R Ft S] [Float] R1 Fpu Next;
            DivS div_s "div.s" "010001 10000 ttttt ddddd aaaaa 000011" [W Fd S, R Fs S, R Ft S] [Float] R1 Fpu Next;
            SqrtS sqrt_s "sqrt.s" "010001 10000 00000 ddddd aaaaa 000100" [W Fd S, R Fs S] [Float] R1 Fpu Next;
            AbsS abs_s "abs.s" "010001 10000 00000 ddddd aaaaa 000101" [W Fd S, R Fs S] [Float] R1 Fpu Next;
            MovS mov_s "mov.s" "010001 10000 00000 ddddd aaaaa 000110" [W Fd S, R Fs S] [] R1 Fpu Next;
            NegS neg_s "neg.s" "010001 10000 00000 ddddd aaaaa 000111" [W Fd S, R Fs S] [Float] R1 Fpu Next;
            RoundLS round_l_s "round.l.s" "010001 10000 00000 ddddd aaaaa 001000" [W Fd L, R Fs S] [Float] R2 Fpu64 Next;
            TruncLS trunc_l_s "trunc.l.s" "010001 10000 00000 ddddd aaaaa 001001" [W Fd L, R Fs S] [Float] R2 Fpu64 Next;
            CeilLS ceil_l_s "ceil.l.s" "010001 10000 00000 ddddd aaaaa 001010" [W Fd L, R Fs S] [Float] R2 Fpu64 Next;
            FloorLS floor_l_s "floor.l.s" "010001 10000 00000 ddddd aaaaa 001011" [W Fd L, R Fs S] [Float] R2 Fpu64 Next;
            RoundWS round_w_s "round.w.s" "010001 10000 00000 ddddd aaaaa 001100" [W Fd W, R Fs S] [Float] R1 Fpu Next;
            TruncWS trunc_w_s "trunc.w.s" "010001 10000 00000 ddddd aaaaa 001101" [W Fd W, R Fs S] [Float] R1 Fpu Next;
            CeilWS ceil_w_s "ceil.w.s" "010001 10000 00000 ddddd aaaaa 001110" [W Fd W, R Fs S] [Float] R1 Fpu Next;
            FloorWS floor_w_s "floor.w.s" "010001 10000 00000 ddddd aaaaa 001111" [W Fd W, R Fs S] [Float] R1 Fpu Next;
            MovfS movf_s "movf.s" "010001 10000 nnn00 ddddd aaaaa 010001" [RW Fd S, R Fs S, MoveCode] [] R1 Fpu Next;
            MovtS movt_s "movt.s" "010001 10000 nnn01 ddddd aaaaa 010001" [RW Fd S, R Fs S, MoveCode] [] R1 Fpu Next;
            MovzS movz_s "movz.s" "010001 10000 ttttt ddddd aaaaa 010010" [RW Fd S, R Fs S, R Rt] [] R1 Fpu Next;
            MovnS movn_s "movn.s" "010001 10000 ttttt ddddd aaaaa 010011" [RW Fd S, R Fs S, R Rt] [] R1 Fpu Next;
            RecipS recip_s "recip.s" "010001 10000 00000 ddddd aaaaa 010101" [W Fd S, R Fs S] [Float] R2 Fpu Next;
            RsqrtS rsqrt_s "rsqrt.s" "010001 10000 00000 ddddd aaaaa 010110" [W Fd S, R Fs S] [Float] R2 Fpu Next;
            CvtDS cvt_d_s "cvt.d.s" "010001 10000 00000 ddddd aaaaa 100001" [W Fd D, R Fs S] [Float] R1 Fpu Next;
            CvtWS cvt_w_s "cvt.w.s" "010001 10000 00000 ddddd aaaaa 100100" [W Fd W, R Fs S] [Float] R1 Fpu Next;
            CvtLS cvt_l_s "cvt.l.s" "010001 10000 00000 ddddd aaaaa 100101" [W Fd L, R Fs S] [Float] R2 Fpu64 Next;
            CS c_s "c.~.s" "010001 10000 ttttt ddddd nnn00 11cccc" [CompareCode, R Fs S, R Ft S] [Float] R1 Fpu Next;
            MaddS madd_s "madd.s" "010011 rrrrr ttttt ddddd aaaaa 100000" [W Fd S, R Fr S, R Fs S, R Ft S] [Float] R2 Fpu Next;
            MsubS msub_s "msub.s" "010011 rrrrr ttttt ddddd aaaaa 101000" [W Fd S, R Fr S, R Fs S, R Ft S] [Float] R2 Fpu Next;
            NmaddS nmadd_s "nmadd.s" "010011 rrrrr ttttt ddddd aaaaa 110000" [W Fd S, R Fr S, R Fs S, R Ft S] [Float] R2 Fpu Next;
            NmsubS nmsub_s "nmsub.s" "010011 rrrrr ttttt ddddd aaaaa 111000" [W Fd S, R Fr S, R Fs S, R Ft S] [Float] R2 Fpu Next;

            // The FPU: double precision.
            AddD add_d "add.d" "010001 10001 ttttt ddddd aaaaa 000000" [W Fd D, R Fs D, R Ft D] [Float] R1 Fpu Next;
            SubD sub_d "sub.d" "010001 10001 ttttt ddddd aaaaa 000001" [W Fd D, R Fs D, R Ft D] [Float] R1 Fpu Next;
            MulD mul_d "mul.d" "010001 10001 ttttt ddddd aaaaa 000010" [W Fd D, R Fs D, R Ft D] [Float] R1 Fpu Next;
            DivD div_d "div.d" "010001 10001 ttttt ddddd aaaaa 000011" [W Fd D, R Fs D, R Ft D] [Float] R1 Fpu Next;
            SqrtD sqrt_d "sqrt.d" "010001 10001 00000 ddddd aaaaa 000100" [W Fd D, R Fs D] [Float] R1 Fpu Next;
            AbsD abs_d "abs.d" "010001 10001 00000 ddddd aaaaa 000101" [W Fd D, R Fs D] [Float] R1 Fpu Next;
            MovD mov_d "mov.d" "010001 10001 00000 ddddd aaaaa 000110" [W Fd D, R Fs D] [] R1 Fpu Next;
            NegD neg_d "neg.d" "010001 10001 00000 ddddd aaaaa 000111" [W Fd D, R Fs D] [Float] R1 Fpu Next;
            RoundLD round_l_d "round.l.d" "010001 10001 00000 ddddd aaaaa 001000" [W Fd L, R Fs D] [Float] R2 Fpu64 Next;
            TruncLD trunc_l_d "trunc.l.d" "010001 10001 00000 ddddd aaaaa 001001" [W Fd L, R Fs D] [Float] R2 Fpu64 Next;
            CeilLD ceil_l_d "ceil.l.d" "010001 10001 00000 ddddd aaaaa 001010" [W Fd L, R Fs D] [Float] R2 Fpu64 Next;
            FloorLD floor_l_d "floor.l.d" "010001 10001 00000 ddddd aaaaa 001011" [W Fd L, R Fs D] [Float] R2 Fpu64 Next;
            RoundWD round_w_d "round.w.d" "010001 10001 00000 ddddd aaaaa 001100" [W Fd W, R Fs D] [Float] R1 Fpu Next;
            TruncWD trunc_w_d "trunc.w.d" "010001 10001 00000 ddddd aaaaa 001101" [W Fd W, R Fs D] [Float] R1 Fpu Next;
            CeilWD ceil_w_d "ceil.w.d" "010001 10001 00000 ddddd aaaaa 001110" [W Fd W, R Fs D] [Float] R1 Fpu Next;
            FloorWD floor_w_d "floor.w.d" "010001 10001 00000 ddddd aaaaa 001111" [W Fd W, R Fs D] [Float] R1 Fpu Next;
            MovfD movf_d "movf.d" "010001 10001 nnn00 ddddd aaaaa 010001" [RW Fd D, R Fs D, MoveCode] [] R1 Fpu Next;
            MovtD movt_d "movt.d" "010001 10001 nnn01 ddddd aaaaa 010001" [RW Fd D, R Fs D, MoveCode] [] R1 Fpu Next;
            MovzD movz_d "movz.d" "010001 10001 ttttt ddddd aaaaa 010010" [RW Fd D, R Fs D, R Rt] [] R1 Fpu Next;
            MovnD movn_d "movn.d" "010001 10001 ttttt ddddd aaaaa 010011" [RW Fd D, R Fs D, R Rt] [] R1 Fpu Next;
            RecipD recip_d "recip.d" "010001 10001 00000 ddddd aaaaa 010101" [W Fd D, R Fs D] [Float] R2 Fpu Next;
            RsqrtD rsqrt_d "rsqrt.d" "010001 10001 00000 ddddd aaaaa 010110" [W Fd D, R Fs D] [Float] R2 Fpu Next;
            CvtSD cvt_s_d "cvt.s.d" "010001 10001 00000 ddddd aaaaa 100000" [W Fd S, R Fs D] [Float] R1 Fpu Next;
            CvtWD cvt_w_d "cvt.w.d" "010001 10001 00000 ddddd aaaaa 100100" [W Fd W, R Fs D] [Float] R1 Fpu Next;
            CvtLD cvt_l_d "cvt.l.d" "010001 10001 00000 ddddd aaaaa 100101" [W Fd L, R Fs D] [Float] R2 Fpu64 Next;
            CD c_d "c.~.d" "010001 10001 ttttt ddddd nnn00 11cccc" [CompareCode, R Fs D, R Ft D] [Float] R1 Fpu Next;
            MaddD madd_d "madd.d" "010011 rrrrr ttttt ddddd aaaaa 100001" [W Fd D, R Fr D, R Fs D, R Ft D] [Float] R2 Fpu Next;
            MsubD msub_d "msub.d" "010011 rrrrr ttttt ddddd aaaaa 101001" [W Fd D, R Fr D, R Fs D, R Ft D] [Float] R2 Fpu Next;
            NmaddD nmadd_d "nmadd.d" "010011 rrrrr ttttt ddddd aaaaa 110001" [W Fd D, R Fr D, R Fs D, R Ft D] [Float] R2 Fpu Next;
            NmsubD nmsub_d "nmsub.d" "010011 rrrrr ttttt ddddd aaaaa 111001" [W Fd D, R Fr D, R Fs D, R Ft D] [Float] R2 Fpu Next;

            // The FPU: integers.
            CvtSW cvt_s_w "cvt.s.w" "010001 10100 00000 ddddd aaaaa 100000" [W Fd S, R Fs W] [Float] R1 Fpu Next;
            CvtDW cvt_d_w "cvt.d.w" "010001 10100 00000 ddddd aaaaa 100001" [W Fd D, R Fs W] [Float] R1 Fpu Next;
            CvtSL cvt_s_l "cvt.s.l" "010001 10101 00000 ddddd aaaaa 100000" [W Fd S, R Fs L] [Float] R2 Fpu64 Next;
            CvtDL cvt_d_l "cvt.d.l" "010001 10101 00000 ddddd aaaaa 100001" [W Fd D, R Fs L] [Float] R2 Fpu64 Next;

            // What only MIPS64 has.
            Daddiu daddiu "daddiu" "011001 sssss ttttt iiiii iiiii iiiiii" [W Rt, R Rs, Signed] [] M64 Cpu Next;
            Daddu daddu "daddu" "000000 sssss ttttt ddddd 00000 101101" [W Rd, R Rs, R Rt] [] M64 Cpu Next;
            Dsll dsll "dsll" "000000 00000 ttttt ddddd aaaaa 111000" [W Rd, R Rt, Shift] [] M64 Cpu Next;
            Dsll32 dsll32 "dsll32" "000000 00000 ttttt ddddd aaaaa 111100" [W Rd, R Rt, Shift] [] M64 Cpu Next;
            Dsrl32 dsrl32 "dsrl32" "000000 00000 ttttt ddddd aaaaa 111110" [W Rd, R Rt, Shift] [] M64 Cpu Next;
            Ld ld "ld" "110111 sssss ttttt iiiii iiiii iiiiii" [W Rt, Offset] [Load U64] M64 Cpu Next;
            Sd sd "sd" "111111 sssss ttttt iiiii iiiii iiiiii" [R Rt, Offset] [Store Double] M64 Cpu Next;
            Dmfc0 dmfc0 "dmfc0" "010000 00001 ttttt ddddd 00000 000lll" [W Rt, Selected] [R Cp0, R Link] M64 Cop0 Next;
        }
    };
}
