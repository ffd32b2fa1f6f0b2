// SPDX-License-Identifier: BSD-2-Clause
//! The conversions of the kernel's printf(9), `%b` and `%D` included; must not know where the text
//! goes or how a caller passes its arguments.

/// Where a format finds its arguments and the memory they point to.
pub trait Source {
    /// The next argument, as wide as a register.
    fn next(&mut self) -> u64;
    /// The byte at `address`.
    fn byte(&mut self, address: u64) -> u8;
}

/// What stands between the percent sign and the conversion letter.
#[derive(Default)]
struct Spec {
    alternate: bool,
    left: bool,
    sign: Option<u8>,
    zero: bool,
    dot: bool,
    width: i64,
    precision: i64,
    size: Size,
}

/// How much of a register an integer argument fills.
#[derive(Clone, Copy, Default, PartialEq)]
enum Size {
    Char,
    Short,
    #[default]
    Int,
    Long,
}

impl Size {
    fn unsigned(self, raw: u64) -> u64 {
        match self {
            Size::Char => u64::from(raw as u8),
            Size::Short => u64::from(raw as u16),
            Size::Int => u64::from(raw as u32),
            Size::Long => raw,
        }
    }

    fn signed(self, raw: u64) -> i64 {
        match self {
            Size::Char => i64::from(raw as i8),
            Size::Short => i64::from(raw as i16),
            Size::Int => i64::from(raw as i32),
            Size::Long => raw as i64,
        }
    }
}

/// Expands `format`. As in the kernel, an unknown conversion ends the interpretation: what follows
/// is copied as it stands, since its arguments can no longer be told.
pub fn format(format: &[u8], source: &mut dyn Source) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = format;
    while let Some((&first, tail)) = rest.split_first() {
        if first != b'%' {
            out.push(first);
            rest = tail;
            continue;
        }
        match convert(tail, source, &mut out) {
            Some(used) => rest = &tail[used..],
            None => {
                out.extend_from_slice(rest);
                break;
            }
        }
    }
    out
}

/// Expands one conversion and returns its length without the percent sign.
fn convert(text: &[u8], source: &mut dyn Source, out: &mut Vec<u8>) -> Option<usize> {
    let mut spec = Spec::default();
    let mut at = 0;
    loop {
        let letter = *text.get(at)?;
        at += 1;
        match letter {
            b'.' => spec.dot = true,
            b'#' => spec.alternate = true,
            b'+' => spec.sign = Some(b'+'),
            b'-' => spec.left = true,
            b'*' => star(&mut spec, i64::from(source.next() as i32)),
            b'0' if !spec.dot => spec.zero = true,
            b'0'..=b'9' => at += digits(&mut spec, &text[at - 1..]) - 1,
            b'h' if spec.size == Size::Short => spec.size = Size::Char,
            b'h' => spec.size = Size::Short,
            b'j' | b'l' | b'q' | b't' | b'z' => spec.size = Size::Long,
            _ => return letter_conversion(letter, spec, source, out).then_some(at),
        }
    }
}

fn star(spec: &mut Spec, value: i64) {
    if spec.dot {
        spec.precision = value;
    } else {
        spec.left ^= value < 0;
        spec.width = value.abs();
    }
}

fn digits(spec: &mut Spec, text: &[u8]) -> usize {
    let len = text.iter().take_while(|c| c.is_ascii_digit()).count();
    let value = text[..len].iter().fold(0i64, |n, c| {
        n.saturating_mul(10).saturating_add(i64::from(c - b'0'))
    });
    if spec.dot {
        spec.precision = value;
    } else {
        spec.width = value;
    }
    len
}

/// Whether `letter` is a conversion at all.
fn letter_conversion(
    letter: u8,
    mut spec: Spec,
    source: &mut dyn Source,
    out: &mut Vec<u8>,
) -> bool {
    match letter {
        b'%' => out.push(b'%'),
        b'b' => bits(spec, source, out),
        b'c' => {
            let c = source.next() as u8;
            text(&spec, &[c], out);
        }
        b'D' => dump(&spec, source, out),
        b'n' => {
            source.next();
        }
        b's' => string(&spec, source, out),
        b'p' => {
            spec.alternate = spec.width == 0;
            spec.sign = None;
            let raw = source.next();
            number(&spec, raw, 16, false, out);
        }
        b'd' | b'i' => signed(spec, source, 10, out),
        b'y' => signed(spec, source, 16, out),
        b'o' | b'u' | b'x' | b'X' | b'r' => {
            let base = match letter {
                b'o' => 8,
                b'x' | b'X' => 16,
                _ => 10,
            };
            let raw = spec.size.unsigned(source.next());
            number(&spec, raw, base, letter == b'X', out);
        }
        _ => return false,
    }
    true
}

fn signed(mut spec: Spec, source: &mut dyn Source, base: u64, out: &mut Vec<u8>) {
    let value = spec.size.signed(source.next());
    if value < 0 {
        spec.sign = Some(b'-');
    }
    number(&spec, value.unsigned_abs(), base, false, out);
}

fn number(spec: &Spec, value: u64, base: u64, upper: bool, out: &mut Vec<u8>) {
    let digits = in_base(value, base, upper);
    let prefix: &[u8] = match base {
        8 if spec.alternate && value != 0 => b"0",
        16 if spec.alternate && value != 0 => b"0x",
        _ => b"",
    };
    let affix = (prefix.len() + usize::from(spec.sign.is_some())) as i64;
    let len = digits.len() as i64;
    let wanted = if spec.zero && !spec.left {
        spec.width - affix
    } else {
        spec.precision
    };
    let padding = spec.width - affix - wanted.max(len);
    if !spec.left {
        pad(padding, b' ', out);
    }
    out.extend(spec.sign);
    out.extend_from_slice(prefix);
    pad(wanted - len, b'0', out);
    out.extend_from_slice(&digits);
    if spec.left {
        pad(padding, b' ', out);
    }
}

fn in_base(mut value: u64, base: u64, upper: bool) -> Vec<u8> {
    let alphabet: &[u8] = if upper {
        b"0123456789ABCDEF"
    } else {
        b"0123456789abcdef"
    };
    let mut digits = Vec::new();
    loop {
        digits.push(alphabet[(value % base) as usize]);
        value /= base;
        if value == 0 {
            digits.reverse();
            return digits;
        }
    }
}

fn pad(count: i64, with: u8, out: &mut Vec<u8>) {
    out.extend((0..count).map(|_| with));
}

fn text(spec: &Spec, text: &[u8], out: &mut Vec<u8>) {
    let padding = spec.width - text.len() as i64;
    let with = if spec.zero { b'0' } else { b' ' };
    if !spec.left {
        pad(padding, with, out);
    }
    out.extend_from_slice(text);
    if spec.left {
        pad(padding, with, out);
    }
}

fn string(spec: &Spec, source: &mut dyn Source, out: &mut Vec<u8>) {
    let address = source.next();
    let limit = if spec.dot {
        spec.precision.max(0) as u64
    } else {
        u64::MAX
    };
    let found = match address {
        0 => b"(null)"
            .iter()
            .copied()
            .take(limit.min(6) as usize)
            .collect(),
        _ => c_string(address, limit, source),
    };
    text(spec, &found, out);
}

fn c_string(address: u64, limit: u64, source: &mut dyn Source) -> Vec<u8> {
    (0..limit)
        .map(|n| source.byte(address.wrapping_add(n)))
        .take_while(|c| *c != 0)
        .collect()
}

/// `%D`: bytes in hexadecimal with a delimiter; the width is their number, by default 16.
fn dump(spec: &Spec, source: &mut dyn Source, out: &mut Vec<u8>) {
    let address = source.next();
    let delimiter = source.next();
    let delimiter = c_string(delimiter, u64::MAX, source);
    let count = match spec.width {
        0 => 16,
        width => width as u64,
    };
    for n in 0..count {
        if n > 0 {
            out.extend_from_slice(&delimiter);
        }
        let byte = source.byte(address.wrapping_add(n));
        out.extend(format!("{byte:02x}").bytes());
    }
}

/// `%b`: a number and the names of its bits. The description's first byte is the base; then each
/// name follows its bit number, counted from 1, or from 0 with the top bit set.
fn bits(mut spec: Spec, source: &mut dyn Source, out: &mut Vec<u8>) {
    let raw = source.next();
    let value = spec.size.unsigned(raw);
    let address = source.next();
    let description = c_string(address, u64::MAX, source);
    let Some((&base, mut names)) = description.split_first() else {
        return;
    };
    spec.left = true;
    number(&spec, value, u64::from(base).max(2), false, out);
    let mut separator = b'<';
    while let Some((&first, rest)) = names.split_first() {
        let position = if first & 0x80 != 0 {
            u32::from(first & 0x7f)
        } else {
            u32::from(first.saturating_sub(1))
        };
        let len = rest.iter().take_while(|c| c.is_ascii_graphic()).count();
        if value.checked_shr(position).unwrap_or(0) & 1 != 0 {
            out.push(separator);
            out.extend_from_slice(&rest[..len]);
            separator = b',';
        }
        names = &rest[len..];
    }
    if separator == b',' {
        out.push(b'>');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Arguments from a list; memory is one array whose addresses start at 1.
    struct Listed<'a> {
        arguments: std::slice::Iter<'a, u64>,
        memory: &'a [u8],
    }

    impl Source for Listed<'_> {
        fn next(&mut self) -> u64 {
            *self
                .arguments
                .next()
                .expect("an argument for every conversion")
        }

        fn byte(&mut self, address: u64) -> u8 {
            self.memory[address as usize - 1]
        }
    }

    fn formatted(text: &str, arguments: &[u64], memory: &[u8]) -> String {
        let mut source = Listed {
            arguments: arguments.iter(),
            memory,
        };
        String::from_utf8(format(text.as_bytes(), &mut source)).unwrap()
    }

    #[test]
    fn integers_have_the_width_and_sign_of_their_size() {
        let minus = -5i64 as u64;
        assert_eq!(formatted("%d|%u", &[minus, minus], b""), "-5|4294967291");
        assert_eq!(
            formatted("%ld %hhd %hx", &[minus, 0x1ff, 0x1ffff], b""),
            "-5 -1 ffff"
        );
        assert_eq!(
            formatted("%jx %#x %#o", &[u64::MAX, 255, 8], b""),
            "ffffffffffffffff 0xff 010"
        );
        assert_eq!(
            formatted("%5d|%-5d|%05d|%.3d|%+d", &[42, 42, minus, 7, 1], b""),
            "   42|42   |-0005|007|+1"
        );
        assert_eq!(formatted("%*d %02X", &[4, 1, 10], b""), "   1 0A");
        assert_eq!(formatted("%p", &[0x1000], b""), "0x1000");
    }

    #[test]
    fn strings_obey_precision_and_null_is_printed() {
        let memory = b"kcs\0";
        assert_eq!(
            formatted("%s: %5s|%-5s|%.2s", &[1, 1, 1, 1], memory),
            "kcs:   kcs|kcs  |kc"
        );
        assert_eq!(
            formatted("%s %c%%", &[0, u64::from(b'x')], memory),
            "(null) x%"
        );
    }

    #[test]
    fn bits_are_named() {
        let memory = b"\x10\x01OBF\x02IBF\x03ATN\0";
        assert_eq!(formatted("%b", &[5, 1], memory), "5<OBF,ATN>");
        assert_eq!(formatted("%b", &[0, 1], memory), "0");
    }

    #[test]
    fn bytes_are_dumped_with_a_delimiter() {
        let memory = b"\x01\xab\x00 :\0";
        assert_eq!(formatted("%3D", &[1, 5], memory), "01:ab:00");
    }

    #[test]
    fn an_unknown_conversion_ends_the_interpretation() {
        assert_eq!(formatted("%d %w %d", &[1], b""), "1 %w %d");
    }
}
