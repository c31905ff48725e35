# The TLB refill handler of the kseg0 form, copied to 0x80000000. Context[22:4] holds VA[31:13];
# a pair of table entries is eight bytes. MIPS32 PRA vol. III, "Context register".

#ifndef USER
        .set    noreorder
        .set    noat
        .text
        .globl  refill_handler, refill_handler_end
refill_handler:
        mfc0    $k0, $4
        lui     $k1, %hi(page_table)
        addiu   $k1, $k1, %lo(page_table)
        srl     $k0, $k0, 1
        addu    $k1, $k1, $k0
        lw      $k0, 0($k1)
        lw      $k1, 4($k1)
        mtc0    $k0, $2
        mtc0    $k1, $3
        ehb
        tlbwr
        ehb
        eret
refill_handler_end:
#endif
