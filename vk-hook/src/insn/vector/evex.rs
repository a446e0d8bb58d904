//! Opcodes of EVEX.

use super::Opcodes;

pub(super) static MAP_1: Opcodes = Opcodes::new(&[
    b"................", // 0x
    b"fff33373........", // 1x
    b"........33c3ccff", // 2x: AVX10.2 vcomx
    b"................", // 3x
    b"................", // 4x
    b".f..3333fff7ffff", // 5x
    b"222222222222222e", // 6x
    b"e222222.ffee..6e", // 7x
    b"................", // 8x
    b"33bb............", // 9x: APX kmov
    b"................", // Ax
    b"................", // Bx
    b"..f.223.........", // Cx
    b".222222.22222222", // Dx
    b"222222e222222222", // Ex
    b".222222.2222222.", // Fx
]);

pub(super) static MAP_2: Opcodes = Opcodes::new(&[
    b"2...2......222..", // 0x
    b"6666662.22222222", // 1x
    b"66666666666222..", // 2x
    b"6666662266622222", // 3x
    b"24222222.3ee2222", // 4x: AVX10.2 vpmovssdb; APX ldtilecfg, tileloadd; AMX-AVX512, ACE
    b"fffa22..22224.f.", // 5x: VNNI, AVX10.2 vdpphps; ACE
    b"..2222228....f33", // 6x: AVX10.2 vcvt2ps2phx; AMX-AVX512, APX t2rpntlvwz0
    b"22e2d22222222222", // 7x: AVX10.2 vcvtbiasph2bf8
    b"...2....2222.2.2", // 8x
    b"2222..2222aa2222", // 9x
    b"2222..2222aa2222", // Ax
    b"....222222222222", // Bx
    b"....2.222.2222.2", // Cx
    b"..77......c.2222", // Dx: AVX10.2 vpdpw, vsm4; AES
    b"2222222222222222", // Ex: APX cmpccxadd
    b"..11.d8f........", // Fx: APX BMI
]);

pub(super) static MAP_3: Opcodes = Opcodes::new(&[
    b"22.222.fb232...2", // 0x: AMX-AVX512 tilemovrow; AVX10.2 vrndscalebf16
    b"....22222222.222", // 1x
    b"2222.2b3.......2", // 2x: AVX10.2 vgetmantbf16; ACE
    b"........2222.122", // 3x: AVX10.2 vunpackb
    b"..622...........", // 4x: AVX10.2 vmpsadbw
    b"22b322b3........", // 5x: AVX10.2 vminmax, vreducebf16
    b"......b3........", // 6x: AVX10.2 vfpclassbf16
    b"2222...c........", // 7x: AMX-AVX512
    b".............f.8", // 8x: ACE
    b"................", // 9x
    b"................", // Ax
    b"................", // Bx
    b"..d...........22", // Cx: AVX10.2 vcmpbf16
    b"................", // Dx
    b"................", // Ex
    b"8...............", // Fx: APX rorx
]);

/// Legacy opcodes of APX: 1 is an operand size by W alone, 2 one of 16 bits.
pub(super) static MAP_4: Opcodes = Opcodes::new(&[
    b"1313....1313....", // 0x: add, or
    b"1313....1313....", // 1x: adc, sbb
    b"13133...13133...", // 2x: and, shld, sub, shrd
    b"1313....1313....", // 3x: xor, ccmp
    b"bbbbbbbbbbbbbbbb", // 4x: cmov, cfcmov, setcc
    b"................", // 5x
    b"33...27..3.3....", // 6x: movbe, wruss, wrss, adcx, adox, imul
    b"................", // 7x
    b"13.313..3......1", // 8x: group 1, ctest, popcnt, pop2
    b"................", // 9x
    b".....3.......3.3", // Ax: shld, shrd, imul
    b"................", // Bx
    b"13..............", // Cx: group 2
    b"1313............", // Dx: group 2
    b"................", // Ex
    b"574.3313e1..f.13", // Fx: crc32, invept, tzcnt, lzcnt, groups 3 to 5, enqcmd, RAO-INT
]);

pub(super) static MAP_5: Opcodes = Opcodes::new(&[
    b"................", // 0x
    b"44......d..d.38.", // 1x: AVX10.2 vcvtbiasph2hf8, vcvthf82ph
    b"..........4.4457", // 2x: AVX10.2 vcomxsh, vcomisbf16
    b"......137575444.", // 3x: AVX10.2 vcvtbf82ps, vcvtps2hf8, vcvtbf82bf4s
    b"................", // 4x
    b".7......77f77777", // 5x: AVX10.2 bf16
    b"........bbbbff6c", // 6x: AVX10.2 vcvttps2ibs, vcvttps2dqs, vmovw; vmovrs
    b"....d...77a63f6.", // 7x
    b"................", // 8x
    b"................", // 9x
    b"................", // Ax
    b"................", // Bx
    b"................", // Cx
    b"................", // Dx
    b"................", // Ex
    b"........33......", // Fx: APX t2rpntlvwz0rs
]);

pub(super) static MAP_6: Opcodes = Opcodes::new(&[
    b"................", // 0x
    b"...3............", // 1x
    b"............32..", // 2x: AVX10.2 bf16
    b"................", // 3x
    b"..32........3232", // 4x: AVX10.2 bf16
    b"......cc........", // 5x
    b"................", // 6x
    b"................", // 7x
    b"................", // 8x
    b".....d2232323232", // 9x: ACE bsrmov; AVX10.2 bf16
    b"......2232323232", // Ax
    b"......2232323232", // Bx
    b"................", // Cx
    b"......cc........", // Dx
    b"................", // Ex
    b"................", // Fx
]);
