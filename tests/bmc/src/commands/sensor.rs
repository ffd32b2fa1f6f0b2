// SPDX-License-Identifier: BSD-2-Clause
//! Sensors, their records and events (IPMI 2.0, sections 29, 33 and 35; records of section 43).
//! It must not measure anything: readings are constants, except the watchdog's.

use super::sel::{part, WATCHDOG_SENSOR};
use crate::message::{exactly, Answer, CompletionCode};
use crate::Bmc;

/// Events and scanning enabled.
const ENABLED: u8 = 0xc0;
const LAST: u16 = 0xffff;
/// ASCII with this many characters, as ID strings say it.
const ASCII: u8 = 0xc0;

/// A sensor with thresholds. Order of thresholds: lower non-critical, critical, non-recoverable,
/// upper non-critical, critical, non-recoverable.
#[derive(Clone, Debug)]
struct Sensor {
    number: u8,
    name: &'static str,
    /// Sensor type, entity ID, base unit.
    kind: [u8; 3],
    /// A raw count is worth m × 10^exponent of the unit.
    m: u8,
    exponent: i8,
    reading: u8,
    /// Which thresholds there are, bit by bit in their order.
    mask: u8,
    thresholds: [u8; 6],
    hysteresis: [u8; 2],
}

#[derive(Clone, Debug)]
pub(crate) struct Sensors {
    sensors: Vec<Sensor>,
    /// Offsets of the watchdog sensor that are asserted.
    watchdog_state: u16,
    reservation: u16,
}

impl Sensors {
    pub(crate) fn new() -> Sensors {
        let sensor = |number, name, kind, (m, exponent), reading, mask, thresholds| Sensor {
            number,
            name,
            kind,
            m,
            exponent,
            reading,
            mask,
            thresholds,
            hysteresis: [2, 2],
        };
        let upper = 0x38;
        let lower = 0x07;
        Sensors {
            sensors: vec![
                sensor(
                    0x01,
                    "CPU Temp",
                    [1, 3, 1],
                    (1, 0),
                    45,
                    upper,
                    [0, 0, 0, 85, 95, 105],
                ),
                sensor(
                    0x02,
                    "Ambient Temp",
                    [1, 0x37, 1],
                    (1, 0),
                    23,
                    upper,
                    [0, 0, 0, 38, 42, 47],
                ),
                sensor(
                    0x03,
                    "Fan 1",
                    [4, 0x1d, 18],
                    (100, 0),
                    62,
                    lower,
                    [15, 10, 5, 0, 0, 0],
                ),
                sensor(
                    0x04,
                    "P12V",
                    [2, 7, 4],
                    (6, -2),
                    201,
                    0x3f,
                    [188, 180, 170, 212, 220, 230],
                ),
            ],
            watchdog_state: 0,
            reservation: 0,
        }
    }

    pub(crate) fn watchdog_event(&mut self, offset: u8) {
        self.watchdog_state |= 1 << offset;
    }

    fn find(&mut self, number: u8) -> Result<&mut Sensor, CompletionCode> {
        self.sensors
            .iter_mut()
            .find(|sensor| sensor.number == number)
            .ok_or(match number {
                WATCHDOG_SENSOR => CompletionCode::ILLEGAL_FOR_SENSOR,
                _ => CompletionCode::NOT_PRESENT,
            })
    }

    fn reading(&mut self, data: &[u8]) -> Answer {
        let [number] = exactly::<1>(data)?;
        if number == WATCHDOG_SENSOR {
            let [low, high] = self.watchdog_state.to_le_bytes();
            return Ok(vec![0x00, ENABLED, low, high | 0x80]);
        }
        let sensor = self.find(number)?;
        Ok(vec![sensor.reading, ENABLED, sensor.comparison()])
    }

    /// The whole SDR repository: sensors, the watchdog, the FRU device, the BMC.
    fn records(&self) -> Vec<Vec<u8>> {
        let mut bodies: Vec<(u8, Vec<u8>)> = self
            .sensors
            .iter()
            .map(|s| (0x01, s.full_record()))
            .collect();
        bodies.push((0x02, watchdog_record()));
        bodies.push((
            0x11,
            locator(
                [0x20, 0x00, 0x80, 0x00, 0x00, 0x10, 0x00, 0x07],
                "Builtin FRU",
            ),
        ));
        bodies.push((
            0x12,
            locator([0x20, 0x00, 0x00, 0xbf, 0x00, 0x00, 0x00, 0x2e], "Soft BMC"),
        ));
        let with_header = |(i, (kind, body)): (usize, (u8, Vec<u8>))| {
            let [low, high] = (i as u16 + 1).to_le_bytes();
            [vec![low, high, 0x51, kind, body.len() as u8], body].concat()
        };
        bodies.into_iter().enumerate().map(with_header).collect()
    }

    fn record(&self, data: &[u8]) -> Answer {
        let [r0, r1, id0, id1, offset, count] = exactly::<6>(data)?;
        if offset != 0 && u16::from_le_bytes([r0, r1]) != self.reservation {
            return Err(CompletionCode::RESERVATION_CANCELED);
        }
        let records = self.records();
        let at = match u16::from_le_bytes([id0, id1]) {
            0 => 0,
            LAST => records.len() - 1,
            id => usize::from(id) - 1,
        };
        let record = records.get(at).ok_or(CompletionCode::NOT_PRESENT)?;
        let next = if at + 1 < records.len() {
            at as u16 + 2
        } else {
            LAST
        };
        Ok([&next.to_le_bytes(), part(record, offset, count)?].concat())
    }

    fn info(&self) -> Vec<u8> {
        let [low, high] = (self.records().len() as u16).to_le_bytes();
        // Full, never changed; reserving is the one operation there is.
        [vec![0x51, low, high, 0, 0], vec![0; 8], vec![0x02]].concat()
    }

    fn reserve(&mut self) -> Vec<u8> {
        self.reservation = self.reservation.wrapping_add(1).max(1);
        self.reservation.to_le_bytes().to_vec()
    }
}

impl Sensor {
    /// Which thresholds the reading is beyond, as Get Sensor Reading puts it.
    fn comparison(&self) -> u8 {
        let beyond = |i: usize| {
            let threshold = self.thresholds[i];
            self.mask & 1 << i != 0
                && if i < 3 {
                    self.reading <= threshold
                } else {
                    self.reading >= threshold
                }
        };
        (0..6)
            .filter(|&i| beyond(i))
            .fold(0xc0, |bits, i| bits | 1 << i)
    }

    /// A full sensor record from the owner ID on (43.1).
    fn full_record(&self) -> Vec<u8> {
        let [kind, entity, unit] = self.kind;
        let [lnc, lc, lnr, unc, uc, unr] = self.thresholds;
        let mut body = vec![0x20, 0x00, self.number, entity, 0x01];
        // Initialise everything; thresholds and hysteresis readable and settable; event on change.
        body.extend([0x7f, 0x68, kind, 0x01]);
        body.extend([0x00, 0x00, 0x00, 0x00, self.mask, self.mask]);
        body.extend([0x00, unit, 0x00, 0x00]);
        body.extend([self.m, 0x00, 0x00, 0x00, 0x00, (self.exponent as u8) << 4]);
        body.extend([0x01, self.reading, 0xff, 0x00, 0xff, 0x00]);
        body.extend([unr, uc, unc, lnr, lc, lnc]);
        body.extend(self.hysteresis);
        body.extend([0x00, 0x00, 0x00, ASCII | self.name.len() as u8]);
        body.extend(self.name.as_bytes());
        body
    }
}

/// A compact sensor record for the watchdog (43.2).
fn watchdog_record() -> Vec<u8> {
    let name = "Watchdog";
    let mut body = vec![
        0x20,
        0x00,
        WATCHDOG_SENSOR,
        0x06,
        0x01,
        0x67,
        0x40,
        0x23,
        0x6f,
    ];
    body.extend([0x0f, 0x01, 0x00, 0x00, 0x0f, 0x01]);
    body.extend([
        0xc0, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    ]);
    body.push(ASCII | name.len() as u8);
    body.extend(name.as_bytes());
    body
}

/// A FRU or management controller locator (43.8, 43.9): up to the entity, then instance and name.
fn locator(head: [u8; 8], name: &str) -> Vec<u8> {
    let mut body = head.to_vec();
    body.extend([0x01, 0x00, ASCII | name.len() as u8]);
    body.extend(name.as_bytes());
    body
}

/// Storage commands of the SDR repository.
pub(super) fn run_repository(sensors: &mut Sensors, cmd: u8, data: &[u8]) -> Option<Answer> {
    Some(match cmd {
        0x20 => exactly::<0>(data).map(|_| sensors.info()),
        0x22 => exactly::<0>(data).map(|_| sensors.reserve()),
        0x23 => sensors.record(data),
        _ => return None,
    })
}

/// Sensor and event commands.
pub(super) fn run(bmc: &mut Bmc, cmd: u8, data: &[u8]) -> Option<Answer> {
    let sensors = &mut bmc.sensors;
    Some(match cmd {
        // Event receiver: the BMC itself.
        0x00 => exactly::<2>(data).map(|_| Vec::new()),
        0x01 => exactly::<0>(data).map(|_| vec![0x20, 0x00]),
        0x02 => platform_event(bmc, data),
        0x23 => reading_factors(sensors, data),
        0x24 => set_hysteresis(sensors, data),
        0x25 => exactly(data)
            .and_then(|[number, _]: [u8; 2]| Ok(sensors.find(number)?.hysteresis.to_vec())),
        0x26 => set_thresholds(sensors, data),
        0x27 => thresholds(sensors, data),
        0x28 => event_enable(sensors, data),
        0x29 | 0x2b => exactly(data)
            .and_then(|[number]: [u8; 1]| known(sensors, number))
            .map(|_| vec![ENABLED, 0, 0, 0, 0]),
        0x2a => event_enable(sensors, data),
        0x2d => sensors.reading(data),
        0x2f => sensor_type(sensors, data),
        _ => return None,
    })
}

/// Platform Event over the system interface: generator ID, then the event (29.3).
fn platform_event(bmc: &mut Bmc, data: &[u8]) -> Answer {
    let [generator, event @ ..] = exactly::<8>(data)?;
    bmc.log_event([generator, 0x00], event);
    Ok(Vec::new())
}

fn known(sensors: &mut Sensors, number: u8) -> Result<(), CompletionCode> {
    match number {
        WATCHDOG_SENSOR => Ok(()),
        _ => sensors.find(number).map(|_| ()),
    }
}

fn event_enable(sensors: &mut Sensors, data: &[u8]) -> Answer {
    match data {
        [number, _, ..] => known(sensors, *number).map(|_| Vec::new()),
        _ => Err(CompletionCode::LENGTH_INVALID),
    }
}

fn reading_factors(sensors: &mut Sensors, data: &[u8]) -> Answer {
    let [number, _] = exactly::<2>(data)?;
    let sensor = sensors.find(number)?;
    let exponents = (sensor.exponent as u8) << 4;
    Ok(vec![0x00, sensor.m, 0x00, 0x00, 0x00, 0x00, exponents])
}

fn set_hysteresis(sensors: &mut Sensors, data: &[u8]) -> Answer {
    let [number, _, positive, negative] = exactly::<4>(data)?;
    sensors.find(number)?.hysteresis = [positive, negative];
    Ok(Vec::new())
}

fn thresholds(sensors: &mut Sensors, data: &[u8]) -> Answer {
    let [number] = exactly::<1>(data)?;
    let sensor = sensors.find(number)?;
    Ok([&[sensor.mask], sensor.thresholds.as_slice()].concat())
}

fn set_thresholds(sensors: &mut Sensors, data: &[u8]) -> Answer {
    let [number, mask, values @ ..] = exactly::<8>(data)?;
    let sensor = sensors.find(number)?;
    if mask & !sensor.mask != 0 {
        return Err(CompletionCode::INVALID_DATA);
    }
    for (i, value) in values.iter().enumerate() {
        if mask & 1 << i != 0 {
            sensor.thresholds[i] = *value;
        }
    }
    Ok(Vec::new())
}

fn sensor_type(sensors: &mut Sensors, data: &[u8]) -> Answer {
    let [number] = exactly::<1>(data)?;
    if number == WATCHDOG_SENSOR {
        return Ok(vec![0x23, 0x6f]);
    }
    Ok(vec![sensors.find(number)?.kind[0], 0x01])
}
