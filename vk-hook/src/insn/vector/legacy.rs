//! Opcodes behind `0F 38` and `0F 3A`: all have a `ModRM` byte, those behind `0F 3A` an `Ib`.

use super::Opcodes;

pub(super) static MAP_0F38: Opcodes = Opcodes::new(&[
    b"333333333333....", // 0x: SSSE3
    b"2...22.2....333.", // 1x
    b"222222..2222....", // 2x: SSE4.1
    b"222222.222222222", // 3x
    b"22..............", // 4x
    b"................", // 5x
    b"................", // 6x
    b"................", // 7x
    b"222.......33....", // 8x: invept, invvpid, invpcid; movrs
    b"................", // 9x
    b"................", // Ax
    b"................", // Bx
    b"........111111.2", // Cx: SHA, gf2p8mulb
    b"........4..26666", // Dx: key locker, AES
    b"................", // Ex
    b"bb...27.e144f...", // Fx: movbe and crc32, wruss, wrss, adcx, adox, enqcmd, RAO-INT
]);

pub(super) static MAP_0F3A: Opcodes = Opcodes::new(&[
    b"........22222223", // 0x
    b"....2222........", // 1x
    b"222.............", // 2x
    b"................", // 3x
    b"222.2...........", // 4x
    b"................", // 5x
    b"2222............", // 6x
    b"................", // 7x
    b"................", // 8x
    b"................", // 9x
    b"................", // Ax
    b"................", // Bx
    b"............1.22", // Cx: sha1rnds4, gf2p8affineqb
    b"...............2", // Dx: aeskeygenassist
    b"................", // Ex
    b"4...............", // Fx: hreset
]);
