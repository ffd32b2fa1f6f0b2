// SPDX-License-Identifier: BSD-2-Clause
//! FRU inventory (IPMI 2.0, section 34) with a valid image in it (Platform Management FRU
//! Information Storage Definition 1.0).

use crate::message::{checksum, exactly, Answer, CompletionCode};

const SIZE: usize = 512;
/// Areas start and end on multiples of eight bytes.
const UNIT: usize = 8;
const ENGLISH: u8 = 0x19;
/// Type/length byte for 8-bit text.
const TEXT: u8 = 0xc0;
const END_OF_FIELDS: u8 = 0xc1;
/// Minutes from 1996-01-01 to 2026-01-01.
const MADE: u32 = 15_779_520;

#[derive(Clone, Debug)]
pub(crate) struct Fru {
    image: Vec<u8>,
}

impl Fru {
    pub(crate) fn new() -> Fru {
        let chassis = area(&[0x01, 0x17], &["CH-0001", "CHS0123456"]);
        let [minutes0, minutes1, minutes2, _] = MADE.to_le_bytes();
        let board = area(
            &[0x01, ENGLISH, minutes0, minutes1, minutes2],
            &["Soft Works", "Test Board", "BRD0123456", "TB-0001", ""],
        );
        let product = area(
            &[0x01, ENGLISH],
            &[
                "Soft Works",
                "Test Server",
                "TS-0001",
                "1.0",
                "PRD0123456",
                "",
                "",
            ],
        );
        let mut image = vec![0x01, 0x00];
        let mut at = UNIT;
        for length in [chassis.len(), board.len(), product.len()] {
            image.push((at / UNIT) as u8);
            at += length;
        }
        image.extend([0x00, 0x00]);
        image.push(checksum(&image));
        image.extend(chassis.into_iter().chain(board).chain(product));
        image.resize(SIZE, 0);
        Fru { image }
    }

    fn read(&self, data: &[u8]) -> Answer {
        let [device, low, high, count] = exactly::<4>(data)?;
        present(device)?;
        let from = usize::from(u16::from_le_bytes([low, high]));
        let rest = self.image.get(from..).filter(|rest| !rest.is_empty());
        let rest = rest.ok_or(CompletionCode::OUT_OF_RANGE)?;
        let part = &rest[..rest.len().min(usize::from(count))];
        Ok([&[part.len() as u8], part].concat())
    }

    fn write(&mut self, data: &[u8]) -> Answer {
        let [device, low, high, bytes @ ..] = data else {
            return Err(CompletionCode::LENGTH_INVALID);
        };
        present(*device)?;
        let from = usize::from(u16::from_le_bytes([*low, *high]));
        let room = self.image.get_mut(from..from + bytes.len());
        room.ok_or(CompletionCode::OUT_OF_RANGE)?
            .copy_from_slice(bytes);
        Ok(vec![bytes.len() as u8])
    }
}

/// Only FRU device 0 is there.
fn present(device: u8) -> Result<(), CompletionCode> {
    match device {
        0 => Ok(()),
        _ => Err(CompletionCode::NOT_PRESENT),
    }
}

/// An area: version, length, what `head` has after the version, fields, end mark, checksum.
fn area(head: &[u8], fields: &[&str]) -> Vec<u8> {
    let mut bytes = vec![head[0], 0];
    bytes.extend(&head[1..]);
    for field in fields {
        bytes.push(TEXT | field.len() as u8);
        bytes.extend(field.as_bytes());
    }
    bytes.push(END_OF_FIELDS);
    let length = (bytes.len() + 1).next_multiple_of(UNIT);
    bytes.resize(length - 1, 0);
    bytes[1] = (length / UNIT) as u8;
    bytes.push(checksum(&bytes));
    bytes
}

pub(super) fn run(fru: &mut Fru, cmd: u8, data: &[u8]) -> Option<Answer> {
    Some(match cmd {
        0x10 => exactly(data).and_then(|[device]: [u8; 1]| {
            present(device)?;
            let [low, high] = (SIZE as u16).to_le_bytes();
            Ok(vec![low, high, 0x00])
        }),
        0x11 => fru.read(data),
        0x12 => fru.write(data),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_areas_sum_to_zero() {
        let image = Fru::new().image;
        assert_eq!(checksum(&image[..8]), 0);
        for area in 2..=4 {
            let from = usize::from(image[area]) * UNIT;
            let length = usize::from(image[from + 1]) * UNIT;
            assert_eq!(checksum(&image[from..from + length]), 0, "area {area}");
        }
    }
}
