//! Lines over time as a picture.

use std::fmt::Write;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 420.0;
const MARGIN: f64 = 48.0;
const COLOURS: [&str; 3] = ["#1b6ca8", "#c8553d", "#6b6b6b"];

/// Named lines of points.
pub struct Plot {
    title: &'static str,
    lines: Vec<(&'static str, Vec<(f64, f64)>)>,
}

impl Plot {
    pub fn new(title: &'static str) -> Self {
        Self { title, lines: Vec::new() }
    }

    pub fn add(&mut self, name: &'static str, x: f64, y: f64) {
        let at = self.lines.iter().position(|line| line.0 == name);
        let at = at.unwrap_or_else(|| {
            self.lines.push((name, Vec::new()));
            self.lines.len() - 1
        });
        self.lines[at].1.push((x, y));
    }

    pub fn to_svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.1);
        let x_max = points().map(|point| point.0).fold(0.1, f64::max);
        let y_max = points().map(|point| point.1).fold(0.1, f64::max) * 1.1;
        let x = |value: f64| MARGIN + value / x_max * (WIDTH - 2.0 * MARGIN);
        let y = |value: f64| HEIGHT - MARGIN - value / y_max * (HEIGHT - 2.0 * MARGIN);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n<text x=\"{MARGIN}\" \
             y=\"20\">{}</text>\n",
            self.title
        );
        for part in 0..=5 {
            let (right, up) = (x_max * f64::from(part) / 5.0, y_max * f64::from(part) / 5.0);
            let (at_x, at_y, bottom, end) = (x(right), y(up), y(0.0), x(x_max));
            let _ = write!(
                svg,
                "<path d=\"M{MARGIN} {at_y:.1}H{end:.1}\" stroke=\"#dddddd\"/>\n<text x=\"{:.1}\" y=\"{at_y:.1}\" \
                 text-anchor=\"end\">{up:.0}</text>\n<text x=\"{at_x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{right:.1}</text>\n",
                MARGIN - 6.0,
                bottom + 18.0
            );
        }
        for (nth, (name, line)) in self.lines.iter().enumerate() {
            let colour = COLOURS[nth % COLOURS.len()];
            let drawn: String =
                line.iter().map(|point| format!("{:.1},{:.1} ", x(point.0), y(point.1))).collect();
            let _ = write!(
                svg,
                "<polyline points=\"{drawn}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\n<text x=\"{:.1}\" \
                 y=\"{:.1}\" fill=\"{colour}\">{name}</text>\n",
                MARGIN + 10.0,
                MARGIN + 14.0 * nth as f64
            );
        }
        svg.push_str("</svg>\n");
        svg
    }
}
