//! A notice as people read it: its figures in words, and the two parts of a mail. Never knows who gets it.

use minijinja::{Environment, context};

use crate::alerts::Notice;
use crate::report::number::{DECIMALS, rounded};
use crate::units::{Objective, Ratio, Watts};

/// The templates by name; what ends in `.html` is escaped as HTML.
const TEXT: (&str, &str) = ("notice.txt", include_str!("templates/notice.txt"));
const HTML: (&str, &str) = ("notice.html", include_str!("templates/notice.html"));

/// From a full budget to none, and beyond what is known.
const BLOCKS: [char; 9] = ['_', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const UNKNOWN_BLOCK: char = '·';

/// The colour of a cell for what is left of the budget: the first whose bound is exceeded.
const COLOURS: [(f64, &str); 3] = [(0.5, "#2e9f4f"), (0.25, "#e3b505"), (0.0, "#e8731a")];
const EXHAUSTED: &str = "#c81e1e";
const UNKNOWN_COLOUR: &str = "#dddddd";

/// The subject and both parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// A number with its name, as people read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    pub name: String,
    pub value: String,
}

/// The mail of a notice. An error only where a template is wrong.
pub fn mail(notice: &Notice) -> Result<Mail, minijinja::Error> {
    let down = &notice.figures.burn_down;
    let cell = |left: &Option<f64>| context! { left => percent(*left), colour => colour(*left) };
    let figure = |Figure { name, value }: Figure| context! { name, value };
    let said = context! {
        headline => headline(notice),
        because => notice.because.clone(),
        description => notice.subject.description.clone(),
        window => notice.figures.window.to_string(),
        blocks => down.iter().map(|left| block(*left)).collect::<String>(),
        cells => down.iter().map(cell).collect::<Vec<_>>(),
        figures => figures(notice).into_iter().map(figure).collect::<Vec<_>>(),
        runbook => notice.subject.runbook.clone(),
        at => notice.at.to_string(),
        id => notice.id.clone(),
    };
    let mut templates = Environment::new();
    let mut rendered = |(name, template)| {
        templates.add_template(name, template)?;
        templates.get_template(name)?.render(&said)
    };
    Ok(Mail { subject: headline(notice), text: rendered(TEXT)?, html: rendered(HTML)? })
}

/// Whom it is about and what happened, in one line.
pub fn headline(notice: &Notice) -> String {
    format!("{}: {}", notice.whom(), notice.news)
}

/// What people want to know first. The numbers are those of the API.
pub fn figures(notice: &Notice) -> Vec<Figure> {
    let figures = &notice.figures;
    let figure = |name: &str, value: String| Figure { name: name.to_string(), value };
    if let Some(power) = &notice.power {
        let watts = [("Mean power", power.mean), ("Highest", power.peak), ("Limit", power.limit)];
        let told = |(name, watts): (&str, Option<Watts>)| Some(figure(name, watts?.to_string()));
        return watts.into_iter().filter_map(told).collect();
    }
    let events = |count: Option<f64>| count.map_or("unknown".into(), |count| rounded(count, 3).to_string());
    let burn = |(window, burn): &(_, Option<f64>)| {
        let burn = burn.map_or("unknown".into(), |burn| rounded(burn, DECIMALS).to_string());
        figure(&format!("Burn rate over {window}"), burn)
    };
    let objective = figures.objective.to_string();
    let objective = objective.parse().map_or(objective, |objective: Objective| objective.to_string());
    let mut all = vec![
        figure("Objective", format!("{objective} over {}", figures.window)),
        figure("Events", events(figures.total)),
        figure("Bad events", events(figures.bad)),
        figure("Bad events allowed", events(figures.allowed)),
        figure("Budget consumed", percent(figures.consumed)),
        figure("Budget left", percent(figures.remaining)),
        figure("Measured", Ratio::held(figures.coverage).to_string()),
    ];
    all.extend(figures.burns.iter().map(burn));
    all.extend(notice.subject.owner.iter().map(|owner| figure("Owner", owner.clone())));
    all.extend(notice.subject.labels.iter().map(|(name, value)| figure(name, value.clone())));
    all
}

/// As the API tells it, in percent: `100.46 %` for 1.0046.
fn percent(share: Option<f64>) -> String {
    share.map_or("unknown".into(), |share| format!("{} %", rounded(rounded(share, DECIMALS) * 100.0, DECIMALS)))
}

fn block(left: Option<f64>) -> char {
    let Some(left) = left else { return UNKNOWN_BLOCK };
    let last = BLOCKS.len() - 1;
    BLOCKS[((left * last as f64).ceil().max(0.0) as usize).min(last)]
}

fn colour(left: Option<f64>) -> &'static str {
    let Some(left) = left else { return UNKNOWN_COLOUR };
    COLOURS.iter().find(|(bound, _)| left > *bound).map_or(EXHAUSTED, |(_, colour)| colour)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::alerts::{Drawn, News};
    use crate::units::Timestamp;

    fn sample() -> Notice {
        Notice::sample(Timestamp::seconds(1_795_176_000))
    }

    #[test]
    fn both_parts_say_what_happened_why_and_in_which_numbers() {
        let mut notice = sample();
        notice.news = News::BudgetExhausted;
        notice.figures.consumed = Some(434.0 / 432.0);
        notice.figures.remaining = Some(1.0 - 434.0 / 432.0);
        notice.subject.runbook = Some("https://wiki.example.com/checkout".into());
        let Mail { subject, text, html } = mail(&notice).unwrap();
        assert_eq!(subject, "burnwatch/test: error budget exhausted");
        for said in ["nothing happened", "99.9% over 30d", "100.46 %", "-0.46 %", &notice.id, "wiki.example.com"] {
            assert!(text.contains(said), "{said:?} in:\n{text}");
            assert!(html.contains(said), "{said:?} in:\n{html}");
        }
        assert!(text.contains("Burn rate over 1h: 1.5\n"), "{text}");
    }

    #[test]
    fn the_burn_down_is_thirty_cells_in_both_parts() {
        let mut notice = sample();
        notice.figures.burn_down[0] = None;
        notice.figures.burn_down[29] = Some(-0.2);
        let Mail { text, html, .. } = mail(&notice).unwrap();
        assert!(text.contains("\n·██▇▇▇▇▆"), "{text}");
        assert!(text.contains("▂_\n"), "{text}");
        assert_eq!(html.matches("<td title=").count(), 30);
        assert_eq!((html.matches(EXHAUSTED).count(), html.matches(UNKNOWN_COLOUR).count()), (1, 1));
    }

    #[test]
    fn a_cell_shows_what_is_left_and_the_smallest_rest_is_not_nothing() {
        let blocks: String = [1.0, 0.5, 0.001, 0.0, -3.0, 1.2].map(|left| block(Some(left))).iter().collect();
        assert_eq!(blocks, "█▄▁__█");
        let colours = [1.0, 0.5, 0.25, 0.0].map(|left| colour(Some(left)));
        assert_eq!(colours, ["#2e9f4f", "#e3b505", "#e8731a", EXHAUSTED]);
    }

    #[test]
    fn a_mail_about_the_host_shows_watts_and_no_budget() {
        let watts = |watts| Watts::new(watts).unwrap();
        let power = Drawn { mean: Some(watts(231.26)), peak: Some(watts(260.0)), limit: Some(watts(200.0)) };
        let news = News::PowerAbove { recovered: false };
        let Mail { subject, text, html } =
            mail(&Notice::of_host("here", news, Timestamp::seconds(0), "why".into(), power)).unwrap();
        assert_eq!(subject, "here: power above its limit");
        assert!(text.contains("Mean power: 231.3 W\nHighest: 260 W\nLimit: 200 W\n"), "{text}");
        assert!(!text.contains("udget") && !html.contains("udget"), "{text}{html}");
    }

    #[test]
    fn what_people_declared_cannot_become_markup() {
        let mut notice = sample();
        notice.subject.description = "<script>alert(1)</script> & \"more\"".into();
        notice.subject.labels.insert("team".into(), "<b>".into());
        let Mail { text, html, .. } = mail(&notice).unwrap();
        assert!(!html.contains("<script>") && !html.contains("<b>"), "{html}");
        assert!(html.contains("&lt;script&gt;"), "{html}");
        assert!(text.contains("<script>alert(1)</script> & \"more\""), "{text}");
    }
}
