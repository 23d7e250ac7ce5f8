//! What stands behind the `?` and in the path of a request, read strictly: a parameter that is misspelt is told, not
//! ignored.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;

use crate::io::web::refusal::Refusal;
use crate::report::{MAX_POINTS, Range, Wanted};
use crate::tick::Word;
use crate::units::{SloId, Timestamp, nearest};

/// The parameters of a query, in its order.
pub struct Parameters(Vec<(String, String)>);

/// The SLO that the path names.
pub struct Named(pub SloId);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Parameters, Refusal> {
        let query = Query::try_from_uri(&parts.uri).map_err(|error| Refusal::bad_parameter(error.body_text()))?;
        Ok(Parameters(query.0))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Named, Refusal> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((service, slo)) = path.map_err(|error| Refusal::not_found(error.body_text()))?;
        Ok(Named(SloId::new(service, slo)))
    }
}

impl Parameters {
    /// Which SLOs are wanted.
    pub fn wanted(&self) -> Result<Wanted, Refusal> {
        let mut wanted = Wanted::default();
        for (name, value) in &self.0 {
            match name.as_str() {
                "service" => wanted.service = Some(value.clone()),
                "state" => wanted.state = Some(state(value)?),
                "label" => wanted.labels.push(pair(name, value, ':', "tier:1")?),
                "limit" => wanted.limit = Some(number(name, value, usize::MAX)?),
                "after" => {
                    let (service, slo) = pair(name, value, '/', "checkout/availability")?;
                    wanted.after = Some(SloId::new(service, slo));
                }
                _ => return Err(unknown(name, &["service", "state", "label", "limit", "after"])),
            }
        }
        Ok(wanted)
    }

    /// Which part of the past is wanted.
    pub fn range(&self) -> Result<Range, Refusal> {
        let mut range = Range::default();
        for (name, value) in &self.0 {
            match name.as_str() {
                "from" => range.from = Some(moment(name, value)?),
                "to" => range.to = Some(moment(name, value)?),
                "points" => range.points = Some(number(name, value, MAX_POINTS)?),
                _ => return Err(unknown(name, &["from", "to", "points"])),
            }
        }
        match range {
            Range { from: Some(from), to: Some(to), .. } if from >= to => {
                Err(Refusal::bad_parameter(format!("from {from} is not before to {to}")))
            }
            range => Ok(range),
        }
    }

    /// There are none to have.
    pub fn none(&self) -> Result<(), Refusal> {
        self.0.first().map_or(Ok(()), |(name, _)| Err(unknown(name, &[])))
    }
}

fn state(value: &str) -> Result<Word, Refusal> {
    let names = Word::ALL.map(Word::name);
    let word = Word::ALL.into_iter().find(|word| word.name() == value);
    word.ok_or_else(|| refused("state", value, &format!("one of {}", names.join(", "))))
}

fn pair(name: &str, value: &str, between: char, example: &str) -> Result<(String, String), Refusal> {
    let (left, right) = value.split_once(between).ok_or_else(|| refused(name, value, &format!("such as {example}")))?;
    Ok((left.to_string(), right.to_string()))
}

fn number(name: &str, value: &str, most: usize) -> Result<usize, Refusal> {
    let wanted = if most == usize::MAX { "from 1 on".to_string() } else { format!("from 1 to {most}") };
    let number = value.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| refused(name, value, &format!("a whole number {wanted}")))
}

fn moment(name: &str, value: &str) -> Result<Timestamp, Refusal> {
    let wanted = "a moment such as 2026-11-20T12:00:00Z, or seconds since 1970";
    Timestamp::parse(value).ok_or_else(|| refused(name, value, wanted))
}

fn refused(name: &str, value: &str, wanted: &str) -> Refusal {
    Refusal::bad_parameter(format!("{name} is {value:?}; write {wanted}"))
}

fn unknown(name: &str, known: &[&str]) -> Refusal {
    let remedy = match nearest(name, known.iter().copied()) {
        Some(meant) => format!("write {meant}"),
        None if known.is_empty() => "there are none here".to_string(),
        None => format!("there are {}", known.join(", ")),
    };
    Refusal::bad_parameter(format!("there is no parameter {name:?}; {remedy}"))
}
