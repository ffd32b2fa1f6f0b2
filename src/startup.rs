// SPDX-License-Identifier: BSD-2-Clause
//! Getting to know the BMC: the commands between attach and the device node, in order. Pure.

use crate::line::Line;
use crate::transport::Terms;
use crate::wire::device::{self, DeviceId};
use crate::wire::interface::{self, BtCapabilities, Kind, SsifCapabilities};
use crate::wire::watchdog::{self, Reading};
use crate::wire::{completion, DriverReply, Message};

/// How often a BMC that is busy is asked for its timer before it is taken to have none: minutes.
const TRIES: u8 = 12;
/// The same for one that says yes and no more: half a minute, as some never say more (OpenIPMI's
/// simulator, for one).
const TRIES_SHORT: u8 = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    DeviceId,
    Capabilities,
    ClearFlags,
    Channel(u8),
    Watchdog,
    Known,
    Announced,
}

/// What is known of the BMC so far.
pub struct Startup {
    stage: Stage,
    tries: u8,
    /// Behind which interface it is.
    pub kind: Kind,
    /// On what terms messages travel to it.
    pub terms: Terms,
    /// The answer to Get Device ID.
    pub id: DeviceId,
    /// Channels 0 to this one, exclusive, exist.
    pub channels: u8,
    /// The watchdog timer as firmware left it; `None` if the BMC has none.
    pub timer: Option<Reading>,
}

impl Startup {
    /// Nothing is known of a BMC behind this interface.
    pub const fn new(kind: Kind) -> Startup {
        Startup {
            stage: Stage::DeviceId,
            tries: 0,
            kind,
            terms: Terms::of(kind),
            id: DeviceId::UNKNOWN,
            channels: 0,
            timer: None,
        }
    }

    /// The next command, while there is one; `watchdog` is `hw.ipmi.wd_init_enable`.
    pub fn command(&self, watchdog: bool) -> Option<Message> {
        match self.stage {
            Stage::DeviceId => Some(device::device_id()),
            Stage::Capabilities => self.capabilities(),
            // Receive queue, event buffer and pre-timeout flags.
            Stage::ClearFlags => Some(device::clear_flags(0x0b)),
            Stage::Channel(n) => Some(device::channel_info(n)),
            Stage::Watchdog if watchdog => Some(watchdog::get()),
            _ => None,
        }
    }

    /// Takes the answer to [`Startup::command`]; false if it is none and must be asked for again.
    pub fn answered(&mut self, reply: &DriverReply) -> bool {
        let accepted = reply.completion() == completion::OK;
        self.stage = match self.stage {
            Stage::DeviceId => {
                match DeviceId::parse(reply.data()).filter(|_| accepted) {
                    Some(id) => self.id = id,
                    None => return false,
                }
                match self.capabilities() {
                    Some(_) => Stage::Capabilities,
                    None => Stage::ClearFlags,
                }
            }
            Stage::Capabilities => {
                if accepted {
                    self.terms = self.told(reply.data()).unwrap_or(self.terms);
                }
                Stage::ClearFlags
            }
            Stage::ClearFlags => Stage::Channel(0),
            Stage::Channel(n) if accepted => {
                self.channels = n.saturating_add(1);
                match self.channels {
                    8.. => Stage::Watchdog,
                    next => Stage::Channel(next),
                }
            }
            Stage::Channel(_) => Stage::Watchdog,
            Stage::Watchdog => {
                self.timer = Reading::parse(reply.data()).filter(|_| accepted);
                self.tries = self.tries.saturating_add(1);
                let none = completion::says_no(reply.completion());
                // A BMC that starts is busy: only a plain no means that there is no timer.
                let most = if accepted { TRIES_SHORT } else { TRIES };
                if self.timer.is_none() && !none && self.tries < most {
                    return false;
                }
                Stage::Known
            }
            stage => stage,
        };
        true
    }

    /// The command that asks for the interface's capabilities, where there is one.
    fn capabilities(&self) -> Option<Message> {
        match self.kind {
            Kind::Kcs | Kind::Smic => None,
            Kind::Bt => Some(interface::bt_capabilities()),
            Kind::Ssif => Some(interface::ssif_capabilities()),
        }
    }

    fn told(&self, data: &[u8]) -> Option<Terms> {
        match self.kind {
            Kind::Kcs | Kind::Smic => None,
            Kind::Bt => BtCapabilities::parse(data).map(Terms::of_bt),
            Kind::Ssif => SsifCapabilities::parse(data).map(Terms::of_ssif),
        }
    }

    /// Is everything asked that is to be asked, and nobody told yet?
    pub fn complete(&self, watchdog: bool) -> bool {
        self.stage == Stage::Known || (self.stage == Stage::Watchdog && !watchdog)
    }

    /// The device node exists.
    pub fn announced(&mut self) {
        self.stage = Stage::Announced;
    }

    /// Has the BMC said who it is?
    pub fn is_identified(&self) -> bool {
        self.stage != Stage::DeviceId
    }

    /// Does the device node exist?
    pub fn is_announced(&self) -> bool {
        self.stage == Stage::Announced
    }

    /// Writes the line that introduces the BMC.
    pub fn describe(&self, line: &mut Line) {
        line.text("IPMI device rev. ")
            .dec(u64::from(self.id.revision))
            .text(", firmware rev. ");
        self.id.describe_firmware(line);
        line.text(", version ");
        self.id.describe_version(line);
        line.text(", device support mask ")
            .hex(self.id.support)
            .text(", channels ")
            .dec(u64::from(self.channels));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SEC;

    fn answer(startup: &mut Startup, body: &[u8]) -> bool {
        let mut reply = DriverReply::EMPTY;
        for &byte in [0x1c, 0].iter().chain(body) {
            reply.arrival().push(byte);
        }
        startup.answered(&reply)
    }

    #[test]
    fn the_commands_come_in_the_order_of_the_c_driver() {
        let mut startup = Startup::new(Kind::Kcs);
        let mut sent = vec![];
        while let Some(message) = startup.command(true) {
            let command = message.as_bytes()[1];
            sent.push(command);
            match command {
                0x01 => assert!(answer(&mut startup, &[0, 0x20, 1, 2, 0x51, 2, 0x9f])),
                0x42 if startup.channels == 2 => assert!(answer(&mut startup, &[0xcc])),
                0x25 => assert!(answer(&mut startup, &[0, 4, 0, 0, 0, 0, 0, 0, 0])),
                _ => assert!(answer(&mut startup, &[0])),
            }
        }
        assert_eq!(sent, [0x01, 0x30, 0x42, 0x42, 0x42, 0x25]);
        assert!(startup.complete(true));
        assert!(startup.id.is_chassis());
        assert_eq!(startup.channels, 2);
    }

    #[test]
    fn a_bmc_behind_bt_is_asked_for_its_terms_and_they_are_kept_where_they_can_be_meant() {
        for (told, terms) in [
            (&[0, 1, 0xff, 0xff, 5, 2][..], (254, 5, 3)),
            (&[0, 1, 0x80, 0xff, 12, 9], (127, 12, 5)),
            (&[0, 1, 3, 3, 0, 0], (63, 5, 2)),
            (&[0, 1, 0x40, 0x40, 255, 1], (63, 30, 2)),
            (&[0, 1, 2], (254, 5, 5)),
            (&[0xc1], (254, 5, 5)),
        ] {
            let mut startup = Startup::new(Kind::Bt);
            assert!(answer(&mut startup, &[0, 0x20, 1, 2, 0x51, 2, 0x9f]));
            assert_eq!(startup.command(true), Some(interface::bt_capabilities()));
            assert!(answer(&mut startup, told));
            let Terms {
                longest_request,
                answer,
                attempts,
            } = startup.terms;
            assert_eq!((longest_request, answer / SEC, attempts), terms);
            assert_eq!(startup.command(true), Some(device::clear_flags(0x0b)));
        }
    }

    #[test]
    fn a_bmc_behind_ssif_says_how_long_a_request_may_be() {
        for (told, longest) in [
            (&[0, 0, 0x88, 0xff, 0xff][..], 255),
            (&[0, 0, 0x80, 80, 0xff], 80),
            (&[0, 0, 0x40, 0xff, 0xff], 64),
            (&[0, 0, 0x00, 0xff, 0xff], 32),
            (&[0, 0, 0x00, 0, 0], 32),
            (&[0, 0, 0xc0, 1, 1], 255),
            (&[0xc1], 255),
        ] {
            let mut startup = Startup::new(Kind::Ssif);
            assert!(answer(&mut startup, &[0, 0x20, 1, 2, 0x51, 2, 0x9f]));
            assert_eq!(startup.command(true), Some(interface::ssif_capabilities()));
            assert!(answer(&mut startup, told));
            assert_eq!(startup.terms.longest_request, longest);
        }
    }

    #[test]
    fn a_short_or_refused_device_id_is_asked_for_again() {
        let mut startup = Startup::new(Kind::Kcs);
        assert!(!answer(&mut startup, &[0, 0x20, 1, 2]));
        assert!(!answer(&mut startup, &[0xc0]));
        assert_eq!(startup.command(true), Some(device::device_id()));
    }

    #[test]
    fn a_busy_bmc_is_asked_for_its_timer_again_and_one_without_is_not() {
        let asked = |code: u8| {
            let mut startup = Startup::new(Kind::Kcs);
            answer(&mut startup, &[0, 0x20, 1, 2, 0x51, 2, 0x9f]);
            answer(&mut startup, &[0]);
            answer(&mut startup, &[0xcc]);
            let mut asked = 0;
            while !startup.complete(true) {
                assert_eq!(startup.command(true), Some(watchdog::get()));
                answer(&mut startup, &[code]);
                asked += 1;
            }
            asked
        };
        assert_eq!([0xc1, 0xcc, 0xd4].map(asked), [1, 1, 1]);
        assert_eq!([0xc0, 0xc3, 0xd2, 0xff].map(asked), [TRIES; 4]);
        assert_eq!(asked(0), TRIES_SHORT, "a reply that is too short");
    }
}
