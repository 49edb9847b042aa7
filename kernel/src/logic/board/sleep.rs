//! The numbers that switch a PC off: ACPI's soft-off state, found in the firmware's byte code.
//!
//! The state is the object `\_S5` of the DSDT, a package of small integers. The first two are
//! written to the power-management registers (ACPI 6.5, section 7.4.2.6; encoding: section 20.2).
//! Nothing needs to be executed to find it, because the name is declared once, with a constant
//! behind it.

/// The sleep types of soft off for the two control registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoftOff {
    /// For PM1a.
    pub a: u8,
    /// For PM1b, where there is one.
    pub b: u8,
}

const NAME: u8 = 0x08;
const PACKAGE: u8 = 0x12;
const ZERO: u8 = 0x00;
const ONE: u8 = 0x01;
const BYTE_PREFIX: u8 = 0x0a;

/// Finds the state in a table's byte code.
pub fn soft_off(code: &[u8]) -> Option<SoftOff> {
    let mut windows = code.windows(4).enumerate();
    windows.find_map(|(at, window)| {
        let declared = at > 0
            && (code[at - 1] == NAME || at > 1 && code[at - 1] == b'\\' && code[at - 2] == NAME);
        if window != b"_S5_" || !declared {
            return None;
        }
        let rest = code.get(at + 4..)?.strip_prefix(&[PACKAGE])?;
        // The length's own length is in its top two bits; behind it comes the number of elements.
        let length = 1 + usize::from(rest.first()? >> 6);
        let mut elements = rest.get(length + 1..)?;
        Some(SoftOff {
            a: small_integer(&mut elements)?,
            b: small_integer(&mut elements)?,
        })
    })
}

fn small_integer(code: &mut &[u8]) -> Option<u8> {
    let (value, rest) = match **code {
        [BYTE_PREFIX, value, ref rest @ ..] => (value, rest),
        [value @ (ZERO | ONE), ref rest @ ..] => (value, rest),
        _ => return None,
    };
    *code = rest;
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_declared_package_is_found() {
        let qemu = b"\x10\x05\\_SB_\x08_S5_\x12\x06\x04\x00\x00\x00\x00\x5b";
        assert_eq!(soft_off(qemu), Some(SoftOff { a: 0, b: 0 }));
        let other = b"_S5_\x08\\_S5_\x12\x07\x04\x0a\x05\x01\x00\x00";
        assert_eq!(soft_off(other), Some(SoftOff { a: 5, b: 1 }));
    }

    #[test]
    fn anything_else_is_not() {
        for code in [
            &b""[..],
            b"_S5_",
            b"\x08_S5_",
            b"\x08_S5_\x12",
            b"\x08_S5_\x12\x06\x04",
            b"\x08_S5_\x12\x06\x04\x0a",
            b"\x08_S5_\x12\xc6",
            b"\x08_S5_\x13\x06\x04\x00\x00",
            b"\x14_S5_\x12\x06\x04\x00\x00",
        ] {
            assert_eq!(soft_off(code), None, "{code:x?}");
        }
    }
}
