//! The instruction set, one line an instruction: what decoder, disassembler, interpreter and
//! translator all read.
//!
//! MIPS32 Architecture for Programmers, Volume II (revision 2.5 and later), releases 1 and 2.
//!
//! Each line says, in this order:
//!
//! - the variant of [`Insn`](super::Insn) and the name of the function that implements it
//!   (one in `interp`, one in `translate`),
//! - the mnemonic,
//! - the encoding, most significant bit first: `0` and `1` are fixed, a letter is a field
//!   (`s` rs, `t` rt, `d` rd, `a` sa, `i` immediate, `j` target, `c` code, `h` hint, `n` condition
//!   code, `r` the FPU's fr, `l` select), spaces group,
//! - the operands as the assembler writes them: see [`super::operand`],
//! - which register is written: `D` rd, `T` rt, `Ra` $31, `N` none (FPU registers, HI and LO do
//!   not count),
//! - since when: `R1`, `R2` (a 64-bit CPU's come with MIPS64),
//! - what unit it needs: `Cpu`, `Cop0` (kernel mode or CU0), `Fpu` (CU1), `Fpu64` (CU1 and FR = 1),
//!   `FpuD` (CU1; even registers only while FR = 0),
//! - how control goes on: `Next`; `Jump`, `Branch` (with a delay slot), `Likely` (the slot is
//!   skipped if the branch is not taken); `End` (ends a block: what follows may run in another
//!   mode, address space or not at all).

/// Calls `$callback!` with every line of the table.
#[macro_export]
macro_rules! for_each_instruction {
    ($callback:ident) => {
        $callback! {
            // Shifts.
            Sll sll "sll" "000000 00000 ttttt ddddd aaaaa 000000" "d,t,a" D R1 Cpu Next;
            Srl srl "srl" "000000 00000 ttttt ddddd aaaaa 000010" "d,t,a" D R1 Cpu Next;
            Rotr rotr "rotr" "000000 00001 ttttt ddddd aaaaa 000010" "d,t,a" D R2 Cpu Next;
            Sra sra "sra" "000000 00000 ttttt ddddd aaaaa 000011" "d,t,a" D R1 Cpu Next;
            Sllv sllv "sllv" "000000 sssss ttttt ddddd 00000 000100" "d,t,s" D R1 Cpu Next;
            Srlv srlv "srlv" "000000 sssss ttttt ddddd 00000 000110" "d,t,s" D R1 Cpu Next;
            Rotrv rotrv "rotrv" "000000 sssss ttttt ddddd 00001 000110" "d,t,s" D R2 Cpu Next;
            Srav srav "srav" "000000 sssss ttttt ddddd 00000 000111" "d,t,s" D R1 Cpu Next;

            // Arithmetic and logic.
            Add add "add" "000000 sssss ttttt ddddd 00000 100000" "d,s,t" D R1 Cpu Next;
            Addu addu "addu" "000000 sssss ttttt ddddd 00000 100001" "d,s,t" D R1 Cpu Next;
            Sub sub "sub" "000000 sssss ttttt ddddd 00000 100010" "d,s,t" D R1 Cpu Next;
            Subu subu "subu" "000000 sssss ttttt ddddd 00000 100011" "d,s,t" D R1 Cpu Next;
            And and "and" "000000 sssss ttttt ddddd 00000 100100" "d,s,t" D R1 Cpu Next;
            Or or "or" "000000 sssss ttttt ddddd 00000 100101" "d,s,t" D R1 Cpu Next;
            Xor xor "xor" "000000 sssss ttttt ddddd 00000 100110" "d,s,t" D R1 Cpu Next;
            Nor nor "nor" "000000 sssss ttttt ddddd 00000 100111" "d,s,t" D R1 Cpu Next;
            Slt slt "slt" "000000 sssss ttttt ddddd 00000 101010" "d,s,t" D R1 Cpu Next;
            Sltu sltu "sltu" "000000 sssss ttttt ddddd 00000 101011" "d,s,t" D R1 Cpu Next;
            Addi addi "addi" "001000 sssss ttttt iiiii iiiii iiiiii" "t,s,i" T R1 Cpu Next;
            Addiu addiu "addiu" "001001 sssss ttttt iiiii iiiii iiiiii" "t,s,i" T R1 Cpu Next;
            Slti slti "slti" "001010 sssss ttttt iiiii iiiii iiiiii" "t,s,i" T R1 Cpu Next;
            Sltiu sltiu "sltiu" "001011 sssss ttttt iiiii iiiii iiiiii" "t,s,i" T R1 Cpu Next;
            Andi andi "andi" "001100 sssss ttttt iiiii iiiii iiiiii" "t,s,u" T R1 Cpu Next;
            Ori ori "ori" "001101 sssss ttttt iiiii iiiii iiiiii" "t,s,u" T R1 Cpu Next;
            Xori xori "xori" "001110 sssss ttttt iiiii iiiii iiiiii" "t,s,u" T R1 Cpu Next;
            Lui lui "lui" "001111 00000 ttttt iiiii iiiii iiiiii" "t,u" T R1 Cpu Next;
            Clz clz "clz" "011100 sssss ttttt ddddd 00000 100000" "d,s" D R1 Cpu Next;
            Clo clo "clo" "011100 sssss ttttt ddddd 00000 100001" "d,s" D R1 Cpu Next;

            // Conditional moves.
            Movz movz "movz" "000000 sssss ttttt ddddd 00000 001010" "d,s,t" D R1 Cpu Next;
            Movn movn "movn" "000000 sssss ttttt ddddd 00000 001011" "d,s,t" D R1 Cpu Next;
            Movf movf "movf" "000000 sssss nnn00 ddddd 00000 000001" "d,s,C" D R1 Fpu Next;
            Movt movt "movt" "000000 sssss nnn01 ddddd 00000 000001" "d,s,C" D R1 Fpu Next;

            // Bit fields.
            Ext ext "ext" "011111 sssss ttttt ddddd aaaaa 000000" "t,s,e" T R2 Cpu Next;
            Ins ins "ins" "011111 sssss ttttt ddddd aaaaa 000100" "t,s,m" T R2 Cpu Next;
            Wsbh wsbh "wsbh" "011111 00000 ttttt ddddd 00010 100000" "d,t" D R2 Cpu Next;
            Seb seb "seb" "011111 00000 ttttt ddddd 10000 100000" "d,t" D R2 Cpu Next;
            Seh seh "seh" "011111 00000 ttttt ddddd 11000 100000" "d,t" D R2 Cpu Next;

            // Multiply and divide.
            Mfhi mfhi "mfhi" "000000 00000 00000 ddddd 00000 010000" "d" D R1 Cpu Next;
            Mthi mthi "mthi" "000000 sssss 00000 00000 00000 010001" "s" N R1 Cpu Next;
            Mflo mflo "mflo" "000000 00000 00000 ddddd 00000 010010" "d" D R1 Cpu Next;
            Mtlo mtlo "mtlo" "000000 sssss 00000 00000 00000 010011" "s" N R1 Cpu Next;
            Mult mult "mult" "000000 sssss ttttt 00000 00000 011000" "s,t" N R1 Cpu Next;
            Multu multu "multu" "000000 sssss ttttt 00000 00000 011001" "s,t" N R1 Cpu Next;
            Div div "div" "000000 sssss ttttt 00000 00000 011010" "s,t" N R1 Cpu Next;
            Divu divu "divu" "000000 sssss ttttt 00000 00000 011011" "s,t" N R1 Cpu Next;
            Madd madd "madd" "011100 sssss ttttt 00000 00000 000000" "s,t" N R1 Cpu Next;
            Maddu maddu "maddu" "011100 sssss ttttt 00000 00000 000001" "s,t" N R1 Cpu Next;
            Mul mul "mul" "011100 sssss ttttt ddddd 00000 000010" "d,s,t" D R1 Cpu Next;
            Msub msub "msub" "011100 sssss ttttt 00000 00000 000100" "s,t" N R1 Cpu Next;
            Msubu msubu "msubu" "011100 sssss ttttt 00000 00000 000101" "s,t" N R1 Cpu Next;

            // Jumps and branches.
            J j "j" "000010 jjjjj jjjjj jjjjj jjjjj jjjjjj" "j" N R1 Cpu Jump;
            Jal jal "jal" "000011 jjjjj jjjjj jjjjj jjjjj jjjjjj" "j" Ra R1 Cpu Jump;
            Jr jr "jr" "000000 sssss 00000 00000 hhhhh 001000" "s" N R1 Cpu Jump;
            Jalr jalr "jalr" "000000 sssss 00000 ddddd hhhhh 001001" "d,s" D R1 Cpu Jump;
            Beq beq "beq" "000100 sssss ttttt iiiii iiiii iiiiii" "s,t,b" N R1 Cpu Branch;
            Bne bne "bne" "000101 sssss ttttt iiiii iiiii iiiiii" "s,t,b" N R1 Cpu Branch;
            Blez blez "blez" "000110 sssss 00000 iiiii iiiii iiiiii" "s,b" N R1 Cpu Branch;
            Bgtz bgtz "bgtz" "000111 sssss 00000 iiiii iiiii iiiiii" "s,b" N R1 Cpu Branch;
            Bltz bltz "bltz" "000001 sssss 00000 iiiii iiiii iiiiii" "s,b" N R1 Cpu Branch;
            Bgez bgez "bgez" "000001 sssss 00001 iiiii iiiii iiiiii" "s,b" N R1 Cpu Branch;
            Bltzal bltzal "bltzal" "000001 sssss 10000 iiiii iiiii iiiiii" "s,b" Ra R1 Cpu Branch;
            Bgezal bgezal "bgezal" "000001 sssss 10001 iiiii iiiii iiiiii" "s,b" Ra R1 Cpu Branch;
            Beql beql "beql" "010100 sssss ttttt iiiii iiiii iiiiii" "s,t,b" N R1 Cpu Likely;
            Bnel bnel "bnel" "010101 sssss ttttt iiiii iiiii iiiiii" "s,t,b" N R1 Cpu Likely;
            Blezl blezl "blezl" "010110 sssss 00000 iiiii iiiii iiiiii" "s,b" N R1 Cpu Likely;
            Bgtzl bgtzl "bgtzl" "010111 sssss 00000 iiiii iiiii iiiiii" "s,b" N R1 Cpu Likely;
            Bltzl bltzl "bltzl" "000001 sssss 00010 iiiii iiiii iiiiii" "s,b" N R1 Cpu Likely;
            Bgezl bgezl "bgezl" "000001 sssss 00011 iiiii iiiii iiiiii" "s,b" N R1 Cpu Likely;
            Bltzall bltzall "bltzall" "000001 sssss 10010 iiiii iiiii iiiiii" "s,b" Ra R1 Cpu Likely;
            Bgezall bgezall "bgezall" "000001 sssss 10011 iiiii iiiii iiiiii" "s,b" Ra R1 Cpu Likely;
            Bc1f bc1f "bc1f" "010001 01000 nnn00 iiiii iiiii iiiiii" "n,b" N R1 Fpu Branch;
            Bc1t bc1t "bc1t" "010001 01000 nnn01 iiiii iiiii iiiiii" "n,b" N R1 Fpu Branch;
            Bc1fl bc1fl "bc1fl" "010001 01000 nnn10 iiiii iiiii iiiiii" "n,b" N R1 Fpu Likely;
            Bc1tl bc1tl "bc1tl" "010001 01000 nnn11 iiiii iiiii iiiiii" "n,b" N R1 Fpu Likely;

            // Loads and stores.
            Lb lb "lb" "100000 sssss ttttt iiiii iiiii iiiiii" "t,o" T R1 Cpu Next;
            Lh lh "lh" "100001 sssss ttttt iiiii iiiii iiiiii" "t,o" T R1 Cpu Next;
            Lwl lwl "lwl" "100010 sssss ttttt iiiii iiiii iiiiii" "t,o" T R1 Cpu Next;
            Lw lw "lw" "100011 sssss ttttt iiiii iiiii iiiiii" "t,o" T R1 Cpu Next;
            Lbu lbu "lbu" "100100 sssss ttttt iiiii iiiii iiiiii" "t,o" T R1 Cpu Next;
            Lhu lhu "lhu" "100101 sssss ttttt iiiii iiiii iiiiii" "t,o" T R1 Cpu Next;
            Lwr lwr "lwr" "100110 sssss ttttt iiiii iiiii iiiiii" "t,o" T R1 Cpu Next;
            Sb sb "sb" "101000 sssss ttttt iiiii iiiii iiiiii" "t,o" N R1 Cpu Next;
            Sh sh "sh" "101001 sssss ttttt iiiii iiiii iiiiii" "t,o" N R1 Cpu Next;
            Swl swl "swl" "101010 sssss ttttt iiiii iiiii iiiiii" "t,o" N R1 Cpu Next;
            Sw sw "sw" "101011 sssss ttttt iiiii iiiii iiiiii" "t,o" N R1 Cpu Next;
            Swr swr "swr" "101110 sssss ttttt iiiii iiiii iiiiii" "t,o" N R1 Cpu Next;
            Ll ll "ll" "110000 sssss ttttt iiiii iiiii iiiiii" "t,o" T R1 Cpu Next;
            Sc sc "sc" "111000 sssss ttttt iiiii iiiii iiiiii" "t,o" T R1 Cpu Next;
            Pref pref "pref" "110011 sssss hhhhh iiiii iiiii iiiiii" "h,o" N R1 Cpu Next;
            Sync sync "sync" "000000 00000 00000 00000 aaaaa 001111" "k" N R1 Cpu Next;
            Synci synci "synci" "000001 sssss 11111 iiiii iiiii iiiiii" "o" N R2 Cpu Next;

            // Traps.
            Syscall syscall "syscall" "000000 ccccc ccccc ccccc ccccc 001100" "c" N R1 Cpu End;
            Break break_ "break" "000000 ccccc ccccc ccccc ccccc 001101" "y" N R1 Cpu End;
            Tge tge "tge" "000000 sssss ttttt ccccc ccccc 110000" "s,t,q" N R1 Cpu Next;
            Tgeu tgeu "tgeu" "000000 sssss ttttt ccccc ccccc 110001" "s,t,q" N R1 Cpu Next;
            Tlt tlt "tlt" "000000 sssss ttttt ccccc ccccc 110010" "s,t,q" N R1 Cpu Next;
            Tltu tltu "tltu" "000000 sssss ttttt ccccc ccccc 110011" "s,t,q" N R1 Cpu Next;
            Teq teq "teq" "000000 sssss ttttt ccccc ccccc 110100" "s,t,q" N R1 Cpu Next;
            Tne tne "tne" "000000 sssss ttttt ccccc ccccc 110110" "s,t,q" N R1 Cpu Next;
            Tgei tgei "tgei" "000001 sssss 01000 iiiii iiiii iiiiii" "s,i" N R1 Cpu Next;
            Tgeiu tgeiu "tgeiu" "000001 sssss 01001 iiiii iiiii iiiiii" "s,i" N R1 Cpu Next;
            Tlti tlti "tlti" "000001 sssss 01010 iiiii iiiii iiiiii" "s,i" N R1 Cpu Next;
            Tltiu tltiu "tltiu" "000001 sssss 01011 iiiii iiiii iiiiii" "s,i" N R1 Cpu Next;
            Teqi teqi "teqi" "000001 sssss 01100 iiiii iiiii iiiiii" "s,i" N R1 Cpu Next;
            Tnei tnei "tnei" "000001 sssss 01110 iiiii iiiii iiiiii" "s,i" N R1 Cpu Next;

            // The system.
            Mfc0 mfc0 "mfc0" "010000 00000 ttttt ddddd 00000 000lll" "t,p" T R1 Cop0 Next;
            Mtc0 mtc0 "mtc0" "010000 00100 ttttt ddddd 00000 000lll" "t,p" N R1 Cop0 End;
            Rdpgpr rdpgpr "rdpgpr" "010000 01010 ttttt ddddd 00000 000000" "d,t" D R2 Cop0 Next;
            Wrpgpr wrpgpr "wrpgpr" "010000 01110 ttttt ddddd 00000 000000" "d,t" D R2 Cop0 Next;
            Di di "di" "010000 01011 ttttt 01100 00000 000000" "t" T R2 Cop0 End;
            Ei ei "ei" "010000 01011 ttttt 01100 00000 100000" "t" T R2 Cop0 End;
            Tlbr tlbr "tlbr" "010000 10000 00000 00000 00000 000001" "" N R1 Cop0 End;
            Tlbwi tlbwi "tlbwi" "010000 10000 00000 00000 00000 000010" "" N R1 Cop0 End;
            Tlbwr tlbwr "tlbwr" "010000 10000 00000 00000 00000 000110" "" N R1 Cop0 End;
            Tlbp tlbp "tlbp" "010000 10000 00000 00000 00000 001000" "" N R1 Cop0 Next;
            Eret eret "eret" "010000 10000 00000 00000 00000 011000" "" N R1 Cop0 End;
            Wait wait "wait" "010000 1cccc ccccc ccccc ccccc 100000" "v" N R1 Cop0 End;
            // Of the virtualization module, and here whatever the CPU is: the monitor knows it.
            Hypcall hypcall "hypcall" "010000 10000 ccccc ccccc 00000 101000" "g" N R1 Cop0 End;
            Cache cache "cache" "101111 sssss hhhhh iiiii iiiii iiiiii" "h,o" N R1 Cop0 Next;
            Rdhwr rdhwr "rdhwr" "011111 00000 ttttt ddddd 00000 111011" "t,w" T R2 Cpu Next;

            // The FPU: moves between registers.
            Mfc1 mfc1 "mfc1" "010001 00000 ttttt ddddd 00000 000000" "t,S" T R1 Fpu Next;
            Cfc1 cfc1 "cfc1" "010001 00010 ttttt ddddd 00000 000000" "t,d" T R1 Fpu Next;
            Mfhc1 mfhc1 "mfhc1" "010001 00011 ttttt ddddd 00000 000000" "t,S" T R2 FpuD Next;
            Mtc1 mtc1 "mtc1" "010001 00100 ttttt ddddd 00000 000000" "t,S" N R1 Fpu Next;
            Ctc1 ctc1 "ctc1" "010001 00110 ttttt ddddd 00000 000000" "t,d" N R1 Fpu Next;
            Mthc1 mthc1 "mthc1" "010001 00111 ttttt ddddd 00000 000000" "t,S" N R2 FpuD Next;

            // The FPU: loads and stores.
            Lwc1 lwc1 "lwc1" "110001 sssss ttttt iiiii iiiii iiiiii" "T,o" N R1 Fpu Next;
            Ldc1 ldc1 "ldc1" "110101 sssss ttttt iiiii iiiii iiiiii" "T,o" N R1 FpuD Next;
            Swc1 swc1 "swc1" "111001 sssss ttttt iiiii iiiii iiiiii" "T,o" N R1 Fpu Next;
            Sdc1 sdc1 "sdc1" "111101 sssss ttttt iiiii iiiii iiiiii" "T,o" N R1 FpuD Next;
            Lwxc1 lwxc1 "lwxc1" "010011 sssss ttttt 00000 aaaaa 000000" "F,x" N R2 Fpu Next;
            Ldxc1 ldxc1 "ldxc1" "010011 sssss ttttt 00000 aaaaa 000001" "F,x" N R2 FpuD Next;
            Luxc1 luxc1 "luxc1" "010011 sssss ttttt 00000 aaaaa 000101" "F,x" N R2 Fpu64 Next;
            Swxc1 swxc1 "swxc1" "010011 sssss ttttt ddddd 00000 001000" "S,x" N R2 Fpu Next;
            Sdxc1 sdxc1 "sdxc1" "010011 sssss ttttt ddddd 00000 001001" "S,x" N R2 FpuD Next;
            Suxc1 suxc1 "suxc1" "010011 sssss ttttt ddddd 00000 001101" "S,x" N R2 Fpu64 Next;
            Prefx prefx "prefx" "010011 sssss ttttt hhhhh 00000 001111" "d,x" N R2 Fpu Next;

            // The FPU: single precision.
            AddS add_s "add.s" "010001 10000 ttttt ddddd aaaaa 000000" "F,S,T" N R1 Fpu Next;
            SubS sub_s "sub.s" "010001 10000 ttttt ddddd aaaaa 000001" "F,S,T" N R1 Fpu Next;
            MulS mul_s "mul.s" "010001 10000 ttttt ddddd aaaaa 000010" "F,S,T" N R1 Fpu Next;
            DivS div_s "div.s" "010001 10000 ttttt ddddd aaaaa 000011" "F,S,T" N R1 Fpu Next;
            SqrtS sqrt_s "sqrt.s" "010001 10000 00000 ddddd aaaaa 000100" "F,S" N R1 Fpu Next;
            AbsS abs_s "abs.s" "010001 10000 00000 ddddd aaaaa 000101" "F,S" N R1 Fpu Next;
            MovS mov_s "mov.s" "010001 10000 00000 ddddd aaaaa 000110" "F,S" N R1 Fpu Next;
            NegS neg_s "neg.s" "010001 10000 00000 ddddd aaaaa 000111" "F,S" N R1 Fpu Next;
            RoundLS round_l_s "round.l.s" "010001 10000 00000 ddddd aaaaa 001000" "F,S" N R2 Fpu64 Next;
            TruncLS trunc_l_s "trunc.l.s" "010001 10000 00000 ddddd aaaaa 001001" "F,S" N R2 Fpu64 Next;
            CeilLS ceil_l_s "ceil.l.s" "010001 10000 00000 ddddd aaaaa 001010" "F,S" N R2 Fpu64 Next;
            FloorLS floor_l_s "floor.l.s" "010001 10000 00000 ddddd aaaaa 001011" "F,S" N R2 Fpu64 Next;
            RoundWS round_w_s "round.w.s" "010001 10000 00000 ddddd aaaaa 001100" "F,S" N R1 Fpu Next;
            TruncWS trunc_w_s "trunc.w.s" "010001 10000 00000 ddddd aaaaa 001101" "F,S" N R1 Fpu Next;
            CeilWS ceil_w_s "ceil.w.s" "010001 10000 00000 ddddd aaaaa 001110" "F,S" N R1 Fpu Next;
            FloorWS floor_w_s "floor.w.s" "010001 10000 00000 ddddd aaaaa 001111" "F,S" N R1 Fpu Next;
            MovfS movf_s "movf.s" "010001 10000 nnn00 ddddd aaaaa 010001" "F,S,C" N R1 Fpu Next;
            MovtS movt_s "movt.s" "010001 10000 nnn01 ddddd aaaaa 010001" "F,S,C" N R1 Fpu Next;
            MovzS movz_s "movz.s" "010001 10000 ttttt ddddd aaaaa 010010" "F,S,t" N R1 Fpu Next;
            MovnS movn_s "movn.s" "010001 10000 ttttt ddddd aaaaa 010011" "F,S,t" N R1 Fpu Next;
            RecipS recip_s "recip.s" "010001 10000 00000 ddddd aaaaa 010101" "F,S" N R2 Fpu Next;
            RsqrtS rsqrt_s "rsqrt.s" "010001 10000 00000 ddddd aaaaa 010110" "F,S" N R2 Fpu Next;
            CvtDS cvt_d_s "cvt.d.s" "010001 10000 00000 ddddd aaaaa 100001" "F,S" N R1 FpuD Next;
            CvtWS cvt_w_s "cvt.w.s" "010001 10000 00000 ddddd aaaaa 100100" "F,S" N R1 Fpu Next;
            CvtLS cvt_l_s "cvt.l.s" "010001 10000 00000 ddddd aaaaa 100101" "F,S" N R2 Fpu64 Next;
            CS c_s "c.~.s" "010001 10000 ttttt ddddd nnn00 11cccc" "N,S,T" N R1 Fpu Next;
            MaddS madd_s "madd.s" "010011 rrrrr ttttt ddddd aaaaa 100000" "F,R,S,T" N R2 Fpu Next;
            MsubS msub_s "msub.s" "010011 rrrrr ttttt ddddd aaaaa 101000" "F,R,S,T" N R2 Fpu Next;
            NmaddS nmadd_s "nmadd.s" "010011 rrrrr ttttt ddddd aaaaa 110000" "F,R,S,T" N R2 Fpu Next;
            NmsubS nmsub_s "nmsub.s" "010011 rrrrr ttttt ddddd aaaaa 111000" "F,R,S,T" N R2 Fpu Next;

            // The FPU: double precision.
            AddD add_d "add.d" "010001 10001 ttttt ddddd aaaaa 000000" "F,S,T" N R1 FpuD Next;
            SubD sub_d "sub.d" "010001 10001 ttttt ddddd aaaaa 000001" "F,S,T" N R1 FpuD Next;
            MulD mul_d "mul.d" "010001 10001 ttttt ddddd aaaaa 000010" "F,S,T" N R1 FpuD Next;
            DivD div_d "div.d" "010001 10001 ttttt ddddd aaaaa 000011" "F,S,T" N R1 FpuD Next;
            SqrtD sqrt_d "sqrt.d" "010001 10001 00000 ddddd aaaaa 000100" "F,S" N R1 FpuD Next;
            AbsD abs_d "abs.d" "010001 10001 00000 ddddd aaaaa 000101" "F,S" N R1 FpuD Next;
            MovD mov_d "mov.d" "010001 10001 00000 ddddd aaaaa 000110" "F,S" N R1 FpuD Next;
            NegD neg_d "neg.d" "010001 10001 00000 ddddd aaaaa 000111" "F,S" N R1 FpuD Next;
            RoundLD round_l_d "round.l.d" "010001 10001 00000 ddddd aaaaa 001000" "F,S" N R2 Fpu64 Next;
            TruncLD trunc_l_d "trunc.l.d" "010001 10001 00000 ddddd aaaaa 001001" "F,S" N R2 Fpu64 Next;
            CeilLD ceil_l_d "ceil.l.d" "010001 10001 00000 ddddd aaaaa 001010" "F,S" N R2 Fpu64 Next;
            FloorLD floor_l_d "floor.l.d" "010001 10001 00000 ddddd aaaaa 001011" "F,S" N R2 Fpu64 Next;
            RoundWD round_w_d "round.w.d" "010001 10001 00000 ddddd aaaaa 001100" "F,S" N R1 FpuD Next;
            TruncWD trunc_w_d "trunc.w.d" "010001 10001 00000 ddddd aaaaa 001101" "F,S" N R1 FpuD Next;
            CeilWD ceil_w_d "ceil.w.d" "010001 10001 00000 ddddd aaaaa 001110" "F,S" N R1 FpuD Next;
            FloorWD floor_w_d "floor.w.d" "010001 10001 00000 ddddd aaaaa 001111" "F,S" N R1 FpuD Next;
            MovfD movf_d "movf.d" "010001 10001 nnn00 ddddd aaaaa 010001" "F,S,C" N R1 FpuD Next;
            MovtD movt_d "movt.d" "010001 10001 nnn01 ddddd aaaaa 010001" "F,S,C" N R1 FpuD Next;
            MovzD movz_d "movz.d" "010001 10001 ttttt ddddd aaaaa 010010" "F,S,t" N R1 FpuD Next;
            MovnD movn_d "movn.d" "010001 10001 ttttt ddddd aaaaa 010011" "F,S,t" N R1 FpuD Next;
            RecipD recip_d "recip.d" "010001 10001 00000 ddddd aaaaa 010101" "F,S" N R2 FpuD Next;
            RsqrtD rsqrt_d "rsqrt.d" "010001 10001 00000 ddddd aaaaa 010110" "F,S" N R2 FpuD Next;
            CvtSD cvt_s_d "cvt.s.d" "010001 10001 00000 ddddd aaaaa 100000" "F,S" N R1 FpuD Next;
            CvtWD cvt_w_d "cvt.w.d" "010001 10001 00000 ddddd aaaaa 100100" "F,S" N R1 FpuD Next;
            CvtLD cvt_l_d "cvt.l.d" "010001 10001 00000 ddddd aaaaa 100101" "F,S" N R2 Fpu64 Next;
            CD c_d "c.~.d" "010001 10001 ttttt ddddd nnn00 11cccc" "N,S,T" N R1 FpuD Next;
            MaddD madd_d "madd.d" "010011 rrrrr ttttt ddddd aaaaa 100001" "F,R,S,T" N R2 FpuD Next;
            MsubD msub_d "msub.d" "010011 rrrrr ttttt ddddd aaaaa 101001" "F,R,S,T" N R2 FpuD Next;
            NmaddD nmadd_d "nmadd.d" "010011 rrrrr ttttt ddddd aaaaa 110001" "F,R,S,T" N R2 FpuD Next;
            NmsubD nmsub_d "nmsub.d" "010011 rrrrr ttttt ddddd aaaaa 111001" "F,R,S,T" N R2 FpuD Next;

            // The FPU: integers.
            CvtSW cvt_s_w "cvt.s.w" "010001 10100 00000 ddddd aaaaa 100000" "F,S" N R1 Fpu Next;
            CvtDW cvt_d_w "cvt.d.w" "010001 10100 00000 ddddd aaaaa 100001" "F,S" N R1 FpuD Next;
            CvtSL cvt_s_l "cvt.s.l" "010001 10101 00000 ddddd aaaaa 100000" "F,S" N R2 Fpu64 Next;
            CvtDL cvt_d_l "cvt.d.l" "010001 10101 00000 ddddd aaaaa 100001" "F,S" N R2 Fpu64 Next;
        }
    };
}
