// SPDX-License-Identifier: BSD-2-Clause
//! The IPMI device of a DSDT, as acpi(4) shows it to drivers. Knows as much of AML as the names in such a
//! device take, no methods; must not know drivers.

use ipmi_kernel::{AcpiDevice, Range};

/// Opcodes of ACPI 6, section 20.3.
const ZERO: u8 = 0x00;
const ONE: u8 = 0x01;
const NAME: u8 = 0x08;
const BYTE: u8 = 0x0a;
const WORD: u8 = 0x0b;
const DWORD: u8 = 0x0c;
const STRING: u8 = 0x0d;
const BUFFER: u8 = 0x11;
const DEVICE: [u8; 2] = [0x5b, 0x82];

/// IPI0001 as an EISA identification.
const IPI0001: u64 = u64::from_le_bytes([0x26, 0x09, 0x00, 0x01, 0, 0, 0, 0]);

/// Small resource descriptors of section 6.4.2, by tag and length.
const IRQ: u8 = 0x22;
const IRQ_WITH_FLAGS: u8 = 0x23;
const IO: u8 = 0x47;
const END: u8 = 0x79;

/// What a name stands for.
enum Data<'a> {
    Number(u64),
    Text,
    Bytes(&'a [u8]),
}

/// A length, and the bytes that it takes itself.
fn package(bytes: &[u8]) -> Option<(usize, usize)> {
    let lead = *bytes.first()?;
    let more = usize::from(lead >> 6);
    let low = match more {
        0 => return Some((lead.into(), 1)),
        _ => usize::from(lead & 0x0f),
    };
    let high = bytes.get(1..1 + more)?.iter().rev();
    let high = high.fold(0, |length, byte| length << 8 | usize::from(*byte));
    Some((high << 4 | low, 1 + more))
}

/// An object that is a constant, and what follows it.
fn data(bytes: &[u8]) -> Option<(Data<'_>, &[u8])> {
    let (&opcode, rest) = bytes.split_first()?;
    let number = |width: usize| {
        let (digits, rest) = rest.split_at_checked(width)?;
        let digits = digits.iter().rev();
        let number = digits.fold(0, |n, byte| n << 8 | u64::from(*byte));
        Some((Data::Number(number), rest))
    };
    match opcode {
        ZERO | ONE => Some((Data::Number(opcode.into()), rest)),
        BYTE => number(1),
        WORD => number(2),
        DWORD => number(4),
        STRING => {
            let end = rest.iter().position(|byte| *byte == 0)?;
            Some((Data::Text, &rest[end + 1..]))
        }
        BUFFER => {
            let (length, taken) = package(rest)?;
            let (body, rest) = rest.split_at_checked(length)?;
            let (Data::Number(_), body) = data(&body[taken..])? else {
                return None;
            };
            Some((Data::Bytes(body), rest))
        }
        _ => None,
    }
}

/// `_CRS` as far as acpi(4) takes it: ports whose place is fixed, and lines.
fn resources(mut bytes: &[u8]) -> Vec<Range> {
    let mut found = vec![];
    while let Some((&tag, rest)) = bytes.split_first().filter(|(tag, _)| **tag != END) {
        let length = match tag & 0x80 {
            0 => usize::from(tag & 7),
            _ => {
                2 + rest
                    .first_chunk()
                    .map_or(0, |l| usize::from(u16::from_le_bytes(*l)))
            }
        };
        let Some((body, rest)) = rest.split_at_checked(length) else {
            break;
        };
        let word = |at: usize| u16::from_le_bytes([body[at], body[at + 1]]);
        match tag {
            // Where the lowest and the highest address differ, the range is to be chosen from, and
            // acpi(4) drops it.
            IO if word(1) == word(3) => found.push(Range::ports(word(1), body[6].into())),
            IRQ | IRQ_WITH_FLAGS => {
                found.push(Range::line(word(0).trailing_zeros() as u8));
            }
            _ => {}
        }
        bytes = rest;
    }
    found
}

/// The device if it begins there and is of IPMI.
fn device(bytes: &[u8]) -> Option<AcpiDevice> {
    let bytes = bytes.strip_prefix(&DEVICE)?;
    let (length, taken) = package(bytes)?;
    let (name, mut body) = bytes.get(taken..length)?.split_at_checked(4)?;
    let mut found = AcpiDevice {
        path: format!(r"\_SB_.{}", String::from_utf8_lossy(name)),
        hid: String::new(),
        objects: vec![],
        resources: vec![],
    };
    while let Some((&NAME, rest)) = body.split_first() {
        let (name, rest) = rest.split_at_checked(4)?;
        let (value, rest) = data(rest)?;
        match (String::from_utf8_lossy(name).as_ref(), value) {
            ("_HID", Data::Number(IPI0001)) => found.hid = "IPI0001".into(),
            ("_CRS", Data::Bytes(bytes)) => found.resources = resources(bytes),
            (name, Data::Number(number)) => found.object(name, Some(number as u32)),
            _ => {}
        }
        body = rest;
    }
    (!found.hid.is_empty()).then_some(found)
}

/// The IPMI devices of a DSDT.
pub fn ipmi_devices(dsdt: &[u8]) -> Vec<AcpiDevice> {
    (0..dsdt.len())
        .filter_map(|at| device(&dsdt[at..]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_device_of_a_qemu_machine_is_read() {
        let found = ipmi_devices(include_bytes!("../../tables/pc-isa-ipmi-bt.dsdt"));
        let [device] = &found[..] else {
            panic!("{found:?}");
        };
        assert_eq!(device.path, r"\_SB_.MI1_");
        for (name, number) in [("_IFT", 3), ("_SRV", 0x0200), ("_UID", 1)] {
            assert!(device.objects.contains(&(name.into(), number)), "{name}");
        }
        // Its ports are said to be anywhere from e4 to e6.
        assert_eq!(device.resources, [Range::line(5)]);
    }
}
