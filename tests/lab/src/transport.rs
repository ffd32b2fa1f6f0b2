// SPDX-License-Identifier: BSD-2-Clause
//! The ways from a host to its BMC: what each is called, which hints make the driver find it, and
//! the register model behind it. Must not know scenarios.

use clap::ValueEnum;
use ipmi_bmc::{Bmc, Bt, Executes, Interface, Kcs, Smic, Ssif, SMBUS_TIMEOUT};

use crate::board::Registers;
use crate::span::Ns;

/// A system interface and the space that its registers are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Transport {
    /// KCS on ports
    Kcs,
    /// KCS on ports, with an interrupt
    KcsIrq,
    /// KCS in memory
    KcsMem,
    /// SMIC on ports
    Smic,
    /// BT on ports
    Bt,
    /// BT on ports, with an interrupt
    BtIrq,
    /// SSIF on an SMBus
    Ssif,
}

/// Where registers in memory are.
const MADDR: u64 = 0xfed0_0ca0;

impl Transport {
    /// As `--transport` and the report have it.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Kcs => "kcs",
            Transport::KcsIrq => "kcs-irq",
            Transport::KcsMem => "kcs-mem",
            Transport::Smic => "smic",
            Transport::Bt => "bt",
            Transport::BtIrq => "bt-irq",
            Transport::Ssif => "ssif",
        }
    }

    /// How much later than over registers the driver may come to know something, and be able to act:
    /// a transfer that the bus has not given up holds everybody.
    pub fn late(self) -> Ns {
        match self {
            Transport::Ssif => SMBUS_TIMEOUT,
            _ => 0,
        }
    }

    /// `hint.ipmi.N.mode`
    fn mode(self) -> &'static str {
        match self {
            Transport::Kcs | Transport::KcsIrq | Transport::KcsMem => "KCS",
            Transport::Smic => "SMIC",
            Transport::Bt | Transport::BtIrq => "BT",
            Transport::Ssif => "SSIF",
        }
    }

    /// The registers at the driver's default place for the interface, `spacing` bytes apart.
    pub fn registers(self, spacing: u16) -> Registers {
        let ports = |base| Registers::Ports { base, spacing };
        match self {
            Transport::Kcs | Transport::KcsIrq => ports(0xca2),
            Transport::Smic => ports(0xca9),
            Transport::Bt | Transport::BtIrq => ports(0xe4),
            Transport::Ssif => Registers::Smbus,
            Transport::KcsMem => Registers::Memory {
                base: MADDR,
                spacing: spacing.into(),
            },
        }
    }

    /// `hint.ipmi.0.*`; the spacing is in bits there. What is on an SMBus no hint tells of.
    pub fn hints(self, spacing: u16) -> Vec<(String, String)> {
        let (space, address) = match self.registers(spacing) {
            Registers::Ports { base, .. } => ("port", u64::from(base)),
            Registers::Memory { base, .. } => ("maddr", base),
            Registers::Smbus => return vec![],
        };
        let hints = [
            ("at", "isa".into()),
            ("mode", self.mode().into()),
            (space, format!("{address:#x}")),
            ("spacing", (8 * spacing).to_string()),
        ];
        let full = |(name, value)| (format!("hint.ipmi.0.{name}"), value);
        hints.into_iter().map(full).collect()
    }

    /// The registers with the BMC behind them.
    pub fn interface(self, bmc: Bmc, executes: Executes) -> Box<dyn Interface> {
        match self {
            Transport::Kcs | Transport::KcsIrq | Transport::KcsMem => {
                let mut kcs = Kcs::new(bmc);
                kcs.set_executes(executes);
                Box::new(kcs)
            }
            Transport::Smic => Box::new(Smic::new(bmc)),
            Transport::Bt | Transport::BtIrq => Box::new(Bt::new(bmc)),
            Transport::Ssif => Box::new(Ssif::new(bmc)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_in_the_units_of_the_manual() {
        let hints = Transport::KcsMem.hints(4);
        let of = |name: &str| {
            hints
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, v)| v.as_str())
        };
        assert_eq!(of("hint.ipmi.0.maddr"), Some("0xfed00ca0"));
        assert_eq!(of("hint.ipmi.0.spacing"), Some("32"));
        assert_eq!(of("hint.ipmi.0.mode"), Some("KCS"));
    }

    #[test]
    fn names_are_those_of_the_command_line() {
        for transport in Transport::value_variants() {
            let value = transport.to_possible_value().expect("none is hidden");
            assert_eq!(value.get_name(), transport.name());
        }
    }
}
