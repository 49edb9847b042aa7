//! From the boot loader to Rust: the first instructions of the boot hart.
//!
//! The hart arrives in 32-bit protected mode without paging, the physical address of the start info
//! in `ebx` (Xen, "x86/HVM direct boot ABI"; a note in the image says where to enter). It runs at
//! the physical address of code that is linked for a virtual one. The boot tables map the first 4
//! GiB twice, at their own addresses and in the direct map, and the first GiB at the image's; the
//! kernel's own tables replace them. CR0.WP is set together with paging, so no kernel write ever
//! passes through a read-only entry. How the other harts arrive stands in [`super::secondary`].

use core::arch::global_asm;

use super::layout::{DIRECT_MAP, IMAGE_BASE};
use super::{board, hart, inherited, interrupts, trap};

/// The size of the stack that the boot hart starts on. The hart leaves it for a guarded one as soon
/// as there is memory. The memory system, tens of KiB, is passed over it by value.
const BOOT_STACK_SIZE: usize = 96 << 10;

/// See [`BOOT_STACK_SIZE`].
#[repr(C, align(16))]
struct BootStack([u8; BOOT_STACK_SIZE]);

static mut BOOT_STACK: BootStack = BootStack([0; BOOT_STACK_SIZE]);

/// The tables for the way from the entry to the kernel's own tables: a root, one of the third level
/// for the first 4 GiB and one for the image, four of the second level.
#[repr(C, align(4096))]
pub(super) struct BootTables([[u64; 512]; 7]);

pub(super) static mut BOOT_TABLES: BootTables = BootTables([[0; 512]; 7]);

/// What tells the note from others (Xen, `XEN_ELFNOTE_PHYS32_ENTRY`).
const NOTE_ENTRY: u32 = 18;
/// The indices of the direct map in the root, and of the image in the root and below.
const DIRECT_MAP_ENTRY: usize = DIRECT_MAP >> 39 & 511;
const IMAGE_ROOT_ENTRY: usize = IMAGE_BASE >> 39 & 511;
const IMAGE_ENTRY: usize = IMAGE_BASE >> 30 & 511;

global_asm!(
    r#"
    .pushsection .note.pvh, "a", @note
    .balign 4
    .long 4
    .long 8
    .long {note}
    .asciz "Xen"
    .quad _start - {base}
    .popsection

    .pushsection .text.entry, "ax"
    .code32
    .globl _start
_start:
    cli
    cld
    movl %ebx, %ebp
    movl $({stack} - {base} + {stack_size}), %esp

    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    btl $29, %edx
    jnc no_long_mode
    movl %edx, %esi

    xorl %eax, %eax
    movl $(__bss_start - {base}), %edi
    movl $(__bss_end - {base}), %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    rep stosl

    # Four tables of large pages: the first 4 GiB.
    movl $({tables} - {base} + 3 * 4096), %edi
    movl $0x83, %eax
    movl $2048, %ecx
1:  movl %eax, (%edi)
    movl $0, 4(%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 1b
    # Their entries in the tables of the third level, and those of both in the root.
    movl $({tables} - {base} + 3 * 4096 + 3), %eax
    movl $({tables} - {base} + 4096), %edi
    movl %eax, (%edi)
    movl %eax, 4096 + 8 * {image_entry}(%edi)
    addl $4096, %eax
    movl %eax, 8(%edi)
    addl $4096, %eax
    movl %eax, 16(%edi)
    addl $4096, %eax
    movl %eax, 24(%edi)
    movl $({tables} - {base}), %edi
    movl $({tables} - {base} + 4096 + 3), %eax
    movl %eax, (%edi)
    movl %eax, 8 * {direct_map_entry}(%edi)
    addl $4096, %eax
    movl %eax, 8 * {image_root_entry}(%edi)

    # PAE; the root; long mode, and no-execute where there is one; paging and write protection.
    movl $0x20, %eax
    movl %eax, %cr4
    movl %edi, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax
    btl $20, %esi
    jnc 2f
    orl $0x800, %eax
2:  wrmsr
    movl $0x80010011, %eax
    movl %eax, %cr0
    lgdt boot_gdt_pointer - {base}
    ljmpl $0x08, $(boot_64 - {base})

    # The message goes out byte by byte, and the debug-exit device ends the emulator.
no_long_mode:
    movl $(no_long_mode_text - {base}), %esi
3:  lodsb
    testb %al, %al
    jz 4f
    movb %al, %cl
5:  movw $0x3fd, %dx
    inb %dx, %al
    testb $0x20, %al
    jz 5b
    movb %cl, %al
    movw $0x3f8, %dx
    outb %al, %dx
    jmp 3b
4:  movl $({no_boot} + 1), %eax
    movw $0xf4, %dx
    outl %eax, %dx
6:  hlt
    jmp 6b
no_long_mode_text:
    .asciz "cannot start: the processor has no long mode; boot with -cpu qemu64 or better\n"

    .balign 8
boot_gdt:
    .quad 0
    .quad 0x00209b0000000000
    .quad 0x0000930000000000
boot_gdt_pointer:
    .word . - boot_gdt - 1
    .long boot_gdt - {base}

    .code64
boot_64:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movabsq $7f, %rax
    jmpq *%rax
7:  movq ${stack}, %rsp
    addq ${stack_size}, %rsp
    movl %ebp, %edi
    xorl %ebp, %ebp
    call {boot}
    ud2
    .popsection
    "#,
    note = const NOTE_ENTRY,
    base = const IMAGE_BASE,
    stack = sym BOOT_STACK,
    stack_size = const size_of::<BootStack>(),
    tables = sym BOOT_TABLES,
    direct_map_entry = const DIRECT_MAP_ENTRY,
    image_root_entry = const IMAGE_ROOT_ENTRY,
    image_entry = const IMAGE_ENTRY,
    no_boot = const abi::EXIT_NO_BOOT,
    boot = sym boot_hart_main,
    options(att_syntax)
);

/// Continues the boot hart in Rust, on the boot stack.
extern "C" fn boot_hart_main(start_info: u64) -> ! {
    trap::initialize();
    hart::adopt(0);
    trap::install();
    static SERVER: sync::Server = super::fence::serve;
    sync::serve_while_spinning(&SERVER);
    crate::boot::main(board::read(start_info))
}

/// Prepares the control registers of this hart. It must already run on a guarded stack.
pub fn initialize_hart() {
    trap::install();
    inherited::set();
    interrupts::enable_sources();
}
