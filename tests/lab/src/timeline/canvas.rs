// SPDX-License-Identifier: BSD-2-Clause
//! A drawing with time from left to right: shapes placed by virtual time and by height within a
//! lane. Must not know what the shapes mean.

use svg::node::element::{Circle, Line, Polygon, Polyline, Rectangle, Style, Text, Title};
use svg::{Document, Node};

use crate::span::{Ns, Span};

/// The whole drawing's width, in pixels.
pub const WIDTH: f64 = 1400.0;
/// Where time 0 is; lane titles stand left of it.
pub const LEFT: f64 = 200.0;
/// Where the run ends.
pub const RIGHT: f64 = WIDTH - 30.0;

/// A horizontal strip of the drawing.
#[derive(Clone, Copy, Debug)]
pub struct Lane {
    pub top: f64,
    pub height: f64,
}

impl Lane {
    /// The height at a fraction of the lane, 0 its bottom and 1 its top.
    pub fn y(&self, fraction: f64) -> f64 {
        self.top + self.height * (1.0 - fraction.clamp(0.0, 1.0))
    }

    pub fn bottom(&self) -> f64 {
        self.top + self.height
    }
}

/// The drawing so far.
pub struct Canvas {
    document: Document,
    end: Ns,
}

impl Canvas {
    /// An empty drawing of a run that ends at `end`, styled by `css`.
    pub fn new(end: Ns, css: &str) -> Canvas {
        Canvas {
            document: Document::new().add(Style::new(css)),
            end: end.max(1),
        }
    }

    pub fn x(&self, at: Ns) -> f64 {
        LEFT + (RIGHT - LEFT) * at.min(self.end) as f64 / self.end as f64
    }

    /// The drawing as a file's text.
    pub fn finish(self, height: f64) -> String {
        let sized = self
            .document
            .set("width", WIDTH)
            .set("height", height)
            .set("viewBox", format!("0 0 {WIDTH} {height}"));
        sized.to_string()
    }

    fn add(&mut self, node: impl Node) {
        self.document.append(Box::new(node) as Box<dyn Node>);
    }

    /// A filled box over a span, from one height to another.
    pub fn bar(&mut self, class: &str, span: Span, lane: Lane) {
        let (from, to) = (self.x(span.from), self.x(span.to));
        self.rect(class, from, lane.top, (to - from).max(0.75), lane.height);
    }

    pub fn rect(&mut self, class: &str, x: f64, y: f64, width: f64, height: f64) {
        let rect = Rectangle::new()
            .set("class", class)
            .set("x", round(x))
            .set("y", round(y));
        self.add(rect.set("width", round(width)).set("height", round(height)));
    }

    /// A line upright at an instant.
    pub fn tick(&mut self, class: &str, at: Ns, top: f64, bottom: f64) {
        let x = self.x(at);
        self.line(class, (x, top), (x, bottom));
    }

    /// A line across all of the run at a height.
    pub fn level(&mut self, class: &str, y: f64) {
        self.line(class, (LEFT, y), (RIGHT, y));
    }

    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let line = Line::new().set("class", class);
        let line = line.set("x1", round(from.0)).set("y1", round(from.1));
        self.add(line.set("x2", round(to.0)).set("y2", round(to.1)));
    }

    /// A line through points.
    pub fn path(&mut self, class: &str, points: &[(f64, f64)]) {
        self.add(
            Polyline::new()
                .set("class", class)
                .set("points", join(points)),
        );
    }

    /// The area within points.
    pub fn area(&mut self, class: &str, points: &[(f64, f64)]) {
        self.add(
            Polygon::new()
                .set("class", class)
                .set("points", join(points)),
        );
    }

    /// A dot, with words that show when it is pointed at.
    pub fn dot(&mut self, class: &str, x: f64, y: f64, words: &str) {
        let dot = Circle::new().set("class", class).set("r", 2.8);
        self.add(
            dot.set("cx", round(x))
                .set("cy", round(y))
                .add(Title::new(words)),
        );
    }

    pub fn text(&mut self, class: &str, x: f64, y: f64, words: &str) {
        self.add(
            Text::new(words)
                .set("class", class)
                .set("x", round(x))
                .set("y", round(y)),
        );
    }
}

/// A tenth of a pixel is fine enough and keeps files small.
fn round(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

fn join(points: &[(f64, f64)]) -> String {
    let said: Vec<String> = points
        .iter()
        .map(|&(x, y)| format!("{},{}", round(x), round(y)))
        .collect();
    said.join(" ")
}
