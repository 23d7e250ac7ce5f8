//! Joules as grams of CO2e, and what a kilowatt hour costs in each country. Never knows who spent them, nor where a
//! figure that changes comes from.

use crate::units::{Grams, Microjoules, Span, nearest};

/// By line: code, grams a kilowatt hour, year, English name. Its head says where the figures are from.
const TABLE: &str = include_str!("countries.txt");

/// Joules in a kilowatt hour.
const KILOWATT_HOUR: f64 = 3.6e6;

/// The most near names that an error lists.
const NEAR: usize = 5;

/// What a country's electricity cost in a year.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Country {
    /// ISO 3166-1 alpha-3.
    pub code: &'static str,
    pub name: &'static str,
    /// CO2e a kilowatt hour, over the life of the plants; `None` where there is no figure.
    pub grams_per_kwh: Option<f64>,
    pub year: u16,
}

/// Why a country tells no figure.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CountryError {
    #[error("country {0:?} is not known")]
    Unknown(String),
    #[error("there is no figure for {0} ({1})")]
    NoFigure(&'static str, &'static str),
}

impl CountryError {
    /// What to write instead.
    pub fn remedy(&self) -> String {
        match self {
            CountryError::NoFigure(..) => "write grams_per_kwh: ... in place of it".into(),
            CountryError::Unknown(text) => match &near(text)[..] {
                [] => "write an ISO 3166-1 code of three letters, such as SWE, or grams_per_kwh: ...".into(),
                near => format!("write one such as {}", near.join(", ")),
            },
        }
    }
}

/// Every country of the table.
pub fn countries() -> impl Iterator<Item = Country> {
    TABLE.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let mut words = line.splitn(4, ' ');
        let (code, grams) = (words.next()?, words.next()?);
        Some(Country {
            code,
            grams_per_kwh: grams.parse().ok(),
            year: words.next()?.parse().ok()?,
            name: words.next()?,
        })
    })
}

impl Country {
    /// The country with a code, and its figure.
    pub fn of(code: &str) -> Result<(Country, f64), CountryError> {
        let unknown = || CountryError::Unknown(code.to_string());
        let country = countries().find(|country| country.code == code).ok_or_else(unknown)?;
        Ok((country, country.grams_per_kwh.ok_or(CountryError::NoFigure(country.code, country.name))?))
    }
}

/// The countries that a text may mean, such as `SWE (Sweden)`, by code or by name.
fn near(text: &str) -> Vec<String> {
    let upper = text.to_uppercase();
    let is_near = |country: &Country| {
        let name = country.name.to_uppercase();
        match upper.chars().count() {
            ..=3 => strsim::damerau_levenshtein(&upper, country.code) <= 1,
            _ => name.contains(&upper) || nearest(&name, [&*upper]).is_some(),
        }
    };
    let mut near: Vec<Country> = countries().filter(is_near).collect();
    near.sort_by_key(|country| {
        strsim::damerau_levenshtein(&upper, &country.name.to_uppercase())
            .min(strsim::damerau_levenshtein(&upper, country.code))
    });
    near.iter().take(NEAR).map(|country| format!("{} ({})", country.code, country.name)).collect()
}

/// What a kilowatt hour costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Intensity {
    pub per_kwh: Grams,
    /// Where that holds: a country's code; empty where nobody says.
    pub zone: String,
    /// What figure it is: `average` over a year, `declared` by a number, or `queried` of the source.
    pub kind: &'static str,
}

/// How energy becomes grams.
#[derive(Debug, Clone, PartialEq)]
pub struct Footprint {
    /// `None` while it is not known: then nothing is known of grams from energy either.
    pub intensity: Option<Intensity>,
    /// Joules that the building takes for each joule of the host. At least 1.
    pub pue: f64,
    pub embodied: Option<Embodied>,
}

impl Default for Footprint {
    fn default() -> Footprint {
        Footprint { intensity: None, pue: 1.0, embodied: None }
    }
}

/// What it cost to make the host, spread evenly over its life.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Embodied {
    pub made: Grams,
    pub lifetime: Span,
}

/// What energy cost, by scope (SCI, ISO/IEC 21031:2024: `(E * I) + M`). `None`: not known, or not declared.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Carbon {
    pub operational: Option<Grams>,
    pub embodied: Option<Grams>,
}

impl Footprint {
    /// What `energy` cost that was spent in `took` of the host's life. It bears the part of what it cost to make the host
    /// that it is of `whole`, all that the host spent in that time: SCI's `TE * TiR / EL * RR / ToR`.
    pub fn of(&self, energy: Microjoules, whole: Microjoules, took: Span) -> Carbon {
        let operational = |of: &Intensity| energy.as_joules() / KILOWATT_HOUR * of.per_kwh.get() * self.pue;
        let share = if whole == Microjoules::ZERO { 0.0 } else { energy.as_joules() / whole.as_joules() };
        let embodied = |of: Embodied| of.made.get() * took.share_of(of.lifetime) * share;
        Carbon {
            operational: self.intensity.as_ref().map(operational).and_then(Grams::new),
            embodied: self.embodied.map(embodied).and_then(Grams::new),
        }
    }
}

impl Carbon {
    /// Both scopes; `None` while the first is not known.
    pub fn total(self) -> Option<Grams> {
        Some(self.operational? + self.embodied.unwrap_or_default())
    }

    /// This and more: what is not known of the one stays what is known of the other.
    pub fn and(self, more: Carbon) -> Carbon {
        let sum = |one: Option<Grams>, other: Option<Grams>| match (one, other) {
            (Some(one), Some(other)) => Some(one + other),
            (known, None) | (None, known) => known,
        };
        Carbon { operational: sum(self.operational, more.operational), embodied: sum(self.embodied, more.embodied) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(code: &str, expected: &str) {
        let error = Country::of(code).unwrap_err();
        assert_eq!(format!("{error}; {}", error.remedy()), expected);
    }

    #[test]
    fn every_country_has_its_figure_and_year_but_one_that_has_none() {
        let countries: Vec<Country> = countries().collect();
        assert_eq!(countries.len(), 213);
        assert_eq!(TABLE.lines().filter(|line| !line.starts_with('#')).count(), 213);
        assert!(countries.is_sorted_by(|a, b| a.code < b.code));
        for country in &countries {
            assert!(
                country.code.len() == 3 && country.code.bytes().all(|byte| byte.is_ascii_uppercase()),
                "{country:?}"
            );
            assert!((2009..=2023).contains(&country.year), "{country:?}");
            assert!(country.grams_per_kwh.is_none_or(|grams| (20.0..=1_400.0).contains(&grams)), "{country:?}");
        }
        let without: Vec<&str> = countries.iter().filter(|of| of.grams_per_kwh.is_none()).map(|of| of.code).collect();
        assert_eq!(without, ["CAF"]);
        let figure = |code| Country::of(code).map(|(country, grams)| (country.name, country.year, grams));
        assert_eq!(figure("SWE"), Ok(("Sweden", 2023, 40.695)));
        assert_eq!(figure("POL"), Ok(("Poland", 2023, 661.926)));
    }

    #[test]
    fn the_table_names_its_source_and_licence() {
        let head: String = TABLE.lines().take_while(|line| line.starts_with('#')).collect();
        for word in ["Our World in Data", "Ember", "CC BY 4.0"] {
            assert!(head.contains(word), "{word}");
        }
    }

    #[test]
    fn an_unknown_country_is_told_with_those_near_it() {
        check("SWD", "country \"SWD\" is not known; write one such as SSD (South Sudan), SWE (Sweden), SWZ (Eswatini)");
        check("Sweden", "country \"Sweden\" is not known; write one such as SWE (Sweden)");
        check("germny", "country \"germny\" is not known; write one such as DEU (Germany)");
        check(
            "swe",
            "country \"swe\" is not known; write one such as SWE (Sweden), SLE (Sierra Leone), SWZ (Eswatini), ZWE (Zimbabwe)",
        );
        check("Korea", "country \"Korea\" is not known; write one such as KOR (South Korea), PRK (North Korea)");
        let anything = "write an ISO 3166-1 code of three letters, such as SWE, or grams_per_kwh: ...";
        check("Atlantis-on-Sea", &format!("country \"Atlantis-on-Sea\" is not known; {anything}"));
        check("CAF", "there is no figure for CAF (Central African Republic); write grams_per_kwh: ... in place of it");
    }

    const HOUR: Span = Span::hours(1);

    fn footprint(per_kwh: Option<f64>, pue: f64, embodied: Option<Embodied>) -> Footprint {
        let intensity = |per_kwh| Intensity { per_kwh, zone: String::new(), kind: "declared" };
        Footprint { intensity: per_kwh.and_then(Grams::new).map(intensity), pue, embodied }
    }

    #[test]
    fn a_kilowatt_hour_costs_its_intensity_and_what_the_building_takes_with_it() {
        let (energy, whole) = (Microjoules::joules(3_600_000), Microjoules::joules(7_200_000));
        let carbon = footprint(Some(400.0), 1.5, None).of(energy, whole, HOUR);
        assert_eq!(carbon, Carbon { operational: Grams::new(600.0), embodied: None });
    }

    #[test]
    fn the_making_of_the_host_is_spread_over_its_life_and_shared_like_energy() {
        let made = Embodied { made: Grams::new(1_000_000.0).unwrap(), lifetime: Span::days(4 * 365) };
        let of = |energy, whole| footprint(None, 1.0, Some(made)).of(energy, whole, HOUR).embodied.map(Grams::get);
        let quarter = of(Microjoules::joules(250), Microjoules::joules(1_000)).unwrap();
        assert!((quarter - 28.538_8 / 4.0).abs() < 1e-4, "{quarter}");
        assert_eq!(of(Microjoules::ZERO, Microjoules::ZERO), Some(0.0));
    }

    #[test]
    fn without_an_intensity_there_are_no_grams_and_not_none_of_them() {
        let carbon = footprint(None, 1.0, None).of(Microjoules::joules(1), Microjoules::joules(1), HOUR);
        assert_eq!((carbon, carbon.total()), (Carbon::default(), None));
        let known = Carbon { operational: Grams::new(1.0), embodied: Grams::new(2.0) };
        assert_eq!((known.and(carbon), known.total()), (known, Grams::new(3.0)));
    }
}
